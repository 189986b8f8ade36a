-- The central PostgreSQL (15 or newer) of several faced hosts: psql -f central.sql, once.
-- docs/fleet.md says how it is filled.
--
-- faces has the columns of `facectl export`, and id is the record's own, so a load may be repeated.
-- cursors says how far each host was read; it is kept apart, for people may be deleted here.

CREATE TABLE IF NOT EXISTS faces (
    epoch uuid NOT NULL, id uuid PRIMARY KEY, seq bigint NOT NULL, node text NOT NULL,
    camera text NOT NULL, start_time timestamptz NOT NULL, end_time timestamptz NOT NULL,
    start_us bigint NOT NULL, end_us bigint NOT NULL, duration_s double precision NOT NULL,
    end_reason text NOT NULL, age_years double precision, age_range text,
    age_probability double precision, age_unknown text, gender text,
    gender_probability double precision, gender_unknown text, samples bigint NOT NULL,
    score double precision, box_x double precision, box_y double precision,
    box_w double precision, box_h double precision, width_px bigint, detector text NOT NULL,
    attributes text NOT NULL);
CREATE INDEX IF NOT EXISTS faces_start ON faces (start_time);
CREATE INDEX IF NOT EXISTS faces_camera ON faces (node, camera, start_time);

CREATE TABLE IF NOT EXISTS cursors (
    host text PRIMARY KEY, epoch uuid NOT NULL, seq bigint NOT NULL, loaded timestamptz NOT NULL);
