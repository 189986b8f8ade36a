#include "store/schema.h"

#include "base/mono.h"
#include "store/sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * strftime's own %f rounds a fraction and would turn .9996 into the next second, so the
 * milliseconds are cut off as integers.
 */
#define TEXT_TIME(column)                                                                          \
    "strftime('%Y-%m-%dT%H:%M:%S', " column " / 1000000, 'unixepoch')"                             \
    " || format('.%03dZ', " column " / 1000 % 1000)"

#define START_TIME    TEXT_TIME("start_us")
#define LAST_TIME     TEXT_TIME("last_us")
#define OBSERVED_TIME TEXT_TIME("o.time_us")
#define FIRST_SEEN    TEXT_TIME("first_seen_us")
#define LAST_SEEN     TEXT_TIME("last_seen_us")

/* AUTOINCREMENT: a row number that was acknowledged is never given to another message. */
static const char version_1[] =
        "CREATE TABLE meta ("
        " one INTEGER PRIMARY KEY CHECK (one = 1),"
        " epoch TEXT NOT NULL,"
        " next_seq INTEGER NOT NULL DEFAULT 1,"
        " next_msg INTEGER NOT NULL DEFAULT 1,"
        " outbox_rows INTEGER NOT NULL DEFAULT 0,"
        " outbox_bytes INTEGER NOT NULL DEFAULT 0,"
        " messages_dropped INTEGER NOT NULL DEFAULT 0,"
        " records_lost INTEGER NOT NULL DEFAULT 0,"
        " lost_from_us INTEGER NOT NULL DEFAULT 0,"
        " lost_to_us INTEGER NOT NULL DEFAULT 0);"

        "CREATE TABLE record ("
        " row INTEGER PRIMARY KEY,"
        " id TEXT NOT NULL UNIQUE,"
        " seq INTEGER UNIQUE," /* NULL while the person is there */
        " node TEXT NOT NULL,"
        " camera TEXT NOT NULL,"
        " start_us INTEGER NOT NULL,"
        " last_us INTEGER NOT NULL," /* the latest sighting */
        " end_reason TEXT,"          /* NULL while the person is there */
        " age_years REAL, age_range TEXT, age_probability REAL, age_unknown TEXT,"
        " gender TEXT, gender_probability REAL, gender_unknown TEXT,"
        " samples INTEGER NOT NULL, score REAL,"
        " box_x REAL, box_y REAL, box_w REAL, box_h REAL, width_px INTEGER,"
        " detector TEXT NOT NULL, attributes TEXT NOT NULL);"
        "CREATE INDEX record_start ON record(start_us);"
        "CREATE INDEX record_camera ON record(camera, start_us);"
        "CREATE INDEX record_open ON record(row) WHERE end_reason IS NULL;"

        "CREATE TABLE observation ("
        " row INTEGER PRIMARY KEY,"
        " record INTEGER NOT NULL REFERENCES record(row) ON DELETE CASCADE,"
        " time_us INTEGER NOT NULL,"
        " age_years REAL, age_range TEXT, gender TEXT,"
        " score REAL, box_x REAL, box_y REAL, box_w REAL, box_h REAL, width_px INTEGER);"
        "CREATE INDEX observation_record ON observation(record);"
        "CREATE INDEX observation_time ON observation(time_us);"

        "CREATE TABLE camera ("
        " name TEXT PRIMARY KEY,"
        " url TEXT, state TEXT,"
        " enabled INTEGER," /* as a command said; NULL: as the configuration says */
        " first_seen_us INTEGER, last_seen_us INTEGER)" /* online; NULL: never */
        " WITHOUT ROWID;"

        "CREATE TABLE outbox ("
        " row INTEGER PRIMARY KEY AUTOINCREMENT,"
        " msg INTEGER UNIQUE," /* NULL until it is handed to the bus */
        " type TEXT NOT NULL,"
        " record TEXT,"
        " topic TEXT NOT NULL,"
        " json TEXT NOT NULL,"
        " bytes INTEGER NOT NULL," /* what it counts against mqtt.outbox_size */
        " decided_us INTEGER NOT NULL,"
        " decided_boot_us INTEGER NOT NULL,"
        " boot TEXT NOT NULL,"
        " from_msg INTEGER, to_msg INTEGER);" /* type `lost`: what was dropped */
        "CREATE INDEX outbox_update ON outbox(record) WHERE msg IS NULL AND type = 'update';"

        "CREATE VIEW faces AS SELECT id, seq, node, camera, " START_TIME " AS start_time,"
        " CASE WHEN end_reason IS NOT NULL THEN " LAST_TIME " END AS end_time,"
        " start_us, CASE WHEN end_reason IS NOT NULL THEN last_us END AS end_us,"
        " (last_us - start_us + 500) / 1000 / 1000.0 AS duration_s,"
        " end_reason, age_years, age_range, age_probability, age_unknown,"
        " gender, gender_probability, gender_unknown, samples, score,"
        " box_x, box_y, box_w, box_h, width_px, detector, attributes FROM record;"

        "CREATE VIEW observations AS SELECT r.id AS id, r.node AS node, r.camera AS camera,"
        " " OBSERVED_TIME " AS time, o.time_us AS time_us,"
        " o.age_years AS age_years, o.age_range AS age_range, o.gender AS gender,"
        " o.score AS score, o.box_x AS box_x, o.box_y AS box_y, o.box_w AS box_w,"
        " o.box_h AS box_h, o.width_px AS width_px"
        " FROM observation o JOIN record r ON r.row = o.record;"

        "CREATE VIEW cameras AS SELECT name, url, state,"
        " " FIRST_SEEN " AS first_seen, " LAST_SEEN " AS last_seen FROM camera;";

static int to_version_1(struct sqlite3 *db)
{
    char text[200], epoch[UUID_TEXT];
    uuid_make(epoch, mono_wall_us());
    (void)snprintf(text, sizeof(text),
            "PRAGMA application_id = %d; INSERT INTO meta(one, epoch) VALUES (1, '%s')",
            SCHEMA_APPLICATION_ID, epoch);
    int rc = sql_exec(db, version_1);
    return rc ? rc : sql_exec(db, text);
}

/*
 * quarters: sums by quarter of an hour of UTC, into which every local hour and day divides. What is
 * not known is '' there and not NULL, since NULLs are never equal to one another in a key. They
 * hold nothing of a single person, and outlive the records that they sum up.
 *
 * Every ended record has a seq, and next_seq - 1 of them were given: so many are there, or were
 * removed.
 */
static const char version_2[] =
        "ALTER TABLE meta ADD COLUMN copied INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE meta ADD COLUMN records_removed INTEGER NOT NULL DEFAULT 0;"
        "UPDATE meta SET records_removed ="
        " next_seq - 1 - (SELECT count(*) FROM record WHERE seq IS NOT NULL);"

        "CREATE TABLE quarters ("
        " start_us INTEGER NOT NULL," /* of the quarter, in which its people came */
        " camera TEXT NOT NULL,"
        " age_range TEXT NOT NULL,"
        " gender TEXT NOT NULL,"
        " people INTEGER NOT NULL,"
        " stay_us INTEGER NOT NULL,"
        " PRIMARY KEY (start_us, camera, age_range, gender)) WITHOUT ROWID;"
        "INSERT INTO quarters SELECT start_us - start_us % 900000000 AS quarter, camera,"
        " coalesce(age_range, ''), coalesce(gender, ''), count(*), sum(last_us - start_us)"
        " FROM record WHERE end_reason IS NOT NULL GROUP BY 1, 2, 3, 4;"

        "CREATE TABLE crops ("
        " id TEXT PRIMARY KEY," /* the record's */
        " file TEXT NOT NULL,"  /* in the directory beside the database */
        " bytes INTEGER,"
        " made_us INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX crops_made ON crops(made_us);"

        "CREATE INDEX record_end ON record(last_us) WHERE end_reason IS NOT NULL;"
        "DROP INDEX outbox_update;"
        "CREATE INDEX outbox_record ON outbox(record);";

static int to_version_2(struct sqlite3 *db)
{
    return sql_exec(db, version_2);
}

static schema_step *const steps_here[SCHEMA_VERSION] = {to_version_1, to_version_2};

int schema_errno(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK: return 0;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return -EUCLEAN;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_READONLY: return -EROFS;
    case SQLITE_PERM:
    case SQLITE_CANTOPEN: return -EACCES;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return -EBUSY;
    default: return -EIO;
    }
}

int schema_errno_of(struct sqlite3 *db, int rc)
{
    bool asks_system = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
    int code = db && asks_system ? sqlite3_system_errno(db) : 0;
    return code == ENOSPC || code == EDQUOT || code == EROFS ? -code : schema_errno(rc);
}

static int failed(struct sqlite3 *db, int rc, const char *what, struct err *e)
{
    char reason[128];
    int code = schema_errno_of(db, rc);
    sql_reason(db, rc, reason, sizeof(reason));
    return err_set(e, code, "%s: %s", what, reason);
}

/* Reads whose database this is and of what version; version 0: empty. */
static int identify(struct sqlite3 *db, int64_t *ret_version, struct err *e)
{
    int64_t id = 0, tables = 0;
    int rc = sql_integer(db, "PRAGMA application_id", &id);
    if (rc == SQLITE_OK)
        rc = sql_integer(db, "SELECT count(*) FROM sqlite_master", &tables);
    if (rc == SQLITE_OK)
        rc = sql_integer(db, "PRAGMA user_version", ret_version);
    if (rc != SQLITE_OK)
        return failed(db, rc, "it cannot be read", e);
    if (id == SCHEMA_APPLICATION_ID)
        return 0;
    if (tables > 0 || id != 0)
        return err_set(e, -EINVAL,
                "it is the SQLite database of another program: name another file in "
                "database.path");
    *ret_version = 0;
    return 0;
}

static int refuse_newer(int64_t version, int known, struct err *e)
{
    return err_set(e, -EINVAL,
            "it was written by a newer faced (schema version %lld, this one knows %d): install "
            "that one, or name another file in database.path",
            (long long)version, known);
}

static int take_step(struct sqlite3 *db, schema_step *step, int version)
{
    char text[40];
    (void)snprintf(text, sizeof(text), "PRAGMA user_version = %d", version);
    int rc = sql_exec(db, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK)
        rc = step(db);
    if (rc == SQLITE_OK)
        rc = sql_exec(db, text);
    if (rc == SQLITE_OK)
        rc = sql_commit(db);
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        (void)sql_exec(db, "ROLLBACK");
    return rc;
}

int schema_upgrade(struct sqlite3 *db, schema_step *const *steps, int n, struct err *e)
{
    int64_t version = 0;
    int r = identify(db, &version, e);
    if (r < 0)
        return r;
    if (version < 0 || version > n)
        return refuse_newer(version, n, e);
    for (int v = (int)version; v < n; v++) {
        int rc = take_step(db, steps[v], v + 1);
        if (rc != SQLITE_OK)
            return failed(db, rc, v ? "it cannot be upgraded" : "it cannot be begun", e);
    }
    return 0;
}

int schema_bring(struct sqlite3 *db, struct err *e)
{
    return schema_upgrade(db, steps_here, SCHEMA_VERSION, e);
}

int schema_check(struct sqlite3 *db, struct err *e)
{
    int64_t version = 0;
    int r = identify(db, &version, e);
    if (r < 0)
        return r;
    if (version > SCHEMA_VERSION)
        return refuse_newer(version, SCHEMA_VERSION, e);
    if (version < SCHEMA_VERSION)
        return err_set(e, -EINVAL,
                "it has schema version %lld, and %d is needed: start faced once, which brings it "
                "there",
                (long long)version, SCHEMA_VERSION);
    return 0;
}

int meta_read(struct sqlite3 *db, struct meta *ret_m)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db,
            "SELECT epoch, next_seq, next_msg, outbox_rows, outbox_bytes, messages_dropped,"
            " records_lost, lost_from_us, lost_to_us, records_removed, copied FROM meta",
            -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        const char *epoch = (const char *)sqlite3_column_text(st, 0);
        int64_t *const to[] = {&ret_m->next_seq, &ret_m->next_msg, &ret_m->outbox_rows,
                &ret_m->outbox_bytes, &ret_m->messages_dropped, &ret_m->records_lost,
                &ret_m->lost_from_us, &ret_m->lost_to_us, &ret_m->records_removed};
        (void)snprintf(ret_m->epoch, sizeof(ret_m->epoch), "%s", epoch ? epoch : "");
        for (int i = 0; i < (int)(sizeof(to) / sizeof(to[0])); i++)
            *to[i] = sqlite3_column_int64(st, i + 1);
        ret_m->copied = sqlite3_column_int(st, 10) != 0;
        rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_CORRUPT;
    }
    sqlite3_finalize(st);
    return rc;
}

int meta_write(struct sqlite3 *db, const struct meta *m)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db,
            "UPDATE meta SET next_seq = ?, next_msg = ?, outbox_rows = ?, outbox_bytes = ?,"
            " messages_dropped = ?, records_lost = ?, lost_from_us = ?, lost_to_us = ?,"
            " records_removed = ?",
            -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sql_bind(st, "iiiiiiiii", m->next_seq, m->next_msg, m->outbox_rows, m->outbox_bytes,
                m->messages_dropped, m->records_lost, m->lost_from_us, m->lost_to_us,
                m->records_removed);
    if (rc == SQLITE_OK)
        rc = sql_run(st);
    sqlite3_finalize(st);
    return rc;
}
