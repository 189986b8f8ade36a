#include "store/record.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/redact.h"
#include "store/sql.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct records {
    const char *node;
    sqlite3_stmt *write, *observe, *camera, *open;
};

#define ANSWER_COLUMNS                                                                             \
    "age_years, age_range, age_probability, age_unknown, gender, gender_probability,"              \
    " gender_unknown, samples, score, box_x, box_y, box_w, box_h, width_px, detector, attributes"

static const char write_text[] =
        "INSERT INTO record(id, seq, node, camera, start_us, last_us, end_reason, " ANSWER_COLUMNS
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(id) DO UPDATE SET seq = excluded.seq, last_us = excluded.last_us,"
        " end_reason = excluded.end_reason, age_years = excluded.age_years,"
        " age_range = excluded.age_range, age_probability = excluded.age_probability,"
        " age_unknown = excluded.age_unknown, gender = excluded.gender,"
        " gender_probability = excluded.gender_probability,"
        " gender_unknown = excluded.gender_unknown, samples = excluded.samples,"
        " score = excluded.score, box_x = excluded.box_x, box_y = excluded.box_y,"
        " box_w = excluded.box_w, box_h = excluded.box_h, width_px = excluded.width_px,"
        " detector = excluded.detector, attributes = excluded.attributes"
        " WHERE end_reason IS NULL";

static const char observe_text[] =
        "INSERT INTO observation(record, time_us, age_years, age_range, gender,"
        " score, box_x, box_y, box_w, box_h, width_px)"
        " SELECT row, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM record WHERE id = ?1";

static const char camera_text[] =
        "INSERT INTO camera(name, url, state, enabled, first_seen_us, last_seen_us)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?5)"
        " ON CONFLICT(name) DO UPDATE SET url = excluded.url, state = excluded.state,"
        " enabled = coalesce(excluded.enabled, enabled),"
        " first_seen_us = coalesce(first_seen_us, excluded.first_seen_us),"
        " last_seen_us = coalesce(excluded.last_seen_us, last_seen_us)";

static const char open_text[] = "SELECT id, camera, start_us, last_us, " ANSWER_COLUMNS
                                " FROM record WHERE end_reason IS NULL ORDER BY row LIMIT 1";

int records_open(struct records **ret_r, struct sqlite3 *db, const char *node)
{
    struct records *r = mem_new(1, sizeof(*r));
    *ret_r = r;
    r->node = node;
    int rc = sql_prepare(db, &r->write, write_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &r->observe, observe_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &r->camera, camera_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &r->open, open_text);
    return rc;
}

void records_close(struct records *r)
{
    if (!r)
        return;
    sqlite3_finalize(r->write);
    sqlite3_finalize(r->observe);
    sqlite3_finalize(r->camera);
    sqlite3_finalize(r->open);
    free(r);
}

/* The answers as columns: what is not known is NULL, and says why. */
struct columns {
    double age_years, age_probability, gender_probability;
    const char *age_range, *gender;
};

static void columns_of(const struct answers *a, struct columns *ret_c)
{
    bool age = a->age_unknown == UNKNOWN_NOT, gender = a->gender_unknown == UNKNOWN_NOT;
    *ret_c = (struct columns){
            .age_years = age ? event_round(a->age_years, EVENT_YEARS_DIGITS) : NAN,
            .age_range = age ? age_range_name(a->age_range) : NULL,
            .age_probability =
                    age ? event_round(a->age_probability, EVENT_PROBABILITY_DIGITS) : NAN,
            .gender = !gender     ? NULL
                      : a->female ? "female"
                                  : "male",
            .gender_probability =
                    gender ? event_round(a->gender_probability, EVENT_PROBABILITY_DIGITS) : NAN,
    };
}

static double side(float v)
{
    return event_round(v, EVENT_BOX_DIGITS);
}

int records_write(struct records *r, const struct event *ev, int64_t seq, bool *ret_changed)
{
    const struct record *rec = &ev->record;
    const struct answers *a = &rec->answers;
    bool ended = ev->type == EVENT_END;
    struct columns c;
    columns_of(a, &c);
    int rc = sql_bind(r->write, "smssiisrsrssrsdrrrrrdss", rec->id, ended ? seq : INT64_C(-1),
            r->node, ev->camera, rec->start_us, rec->end_us,
            ended ? end_reason_name(rec->reason) : NULL, c.age_years, c.age_range,
            c.age_probability, unknown_name(a->age_unknown), c.gender, c.gender_probability,
            unknown_name(a->gender_unknown), rec->samples,
            event_round(rec->score, EVENT_SCORE_DIGITS), side(rec->box.x), side(rec->box.y),
            side(rec->box.w), side(rec->box.h), rec->width_px, rec->detector, rec->attributes);
    if (rc == SQLITE_OK)
        rc = sql_run(r->write);
    if (rc == SQLITE_OK)
        *ret_changed = sqlite3_changes(sqlite3_db_handle(r->write)) > 0;
    return rc;
}

int records_observe(struct records *r, const struct event *ev)
{
    const struct record *rec = &ev->record;
    struct columns c;
    columns_of(&rec->answers, &c);
    int rc = sql_bind(r->observe, "sirssrrrrrd", rec->id, rec->end_us, c.age_years, c.age_range,
            c.gender, event_round(rec->score, EVENT_SCORE_DIGITS), side(rec->box.x),
            side(rec->box.y), side(rec->box.w), side(rec->box.h), rec->width_px);
    return rc == SQLITE_OK ? sql_run(r->observe) : rc;
}

int records_camera(struct records *r, const struct event *ev)
{
    char url[sizeof(ev->status.url)];
    redact_text(url, sizeof(url), ev->status.url);
    int64_t command = ev->status.commanded ? ev->status.enabled : -1;
    int64_t seen_us = ev->status.state == CAMERA_ONLINE ? ev->time_us : -1;
    int rc = sql_bind(r->camera, "sssmm", ev->camera, url, camera_state_name(ev->status.state),
            command, seen_us);
    if (rc == SQLITE_OK)
        rc = sql_run(r->camera);
    sqlite3_clear_bindings(r->camera); /* url ends with this call */
    return rc;
}

int records_cameras_down(struct records *r)
{
    return sql_exec(sqlite3_db_handle(r->camera),
            "UPDATE camera SET state = 'offline' WHERE state IN ('online', 'connecting')");
}

/* ---- back from a row ---- */

static void copy_text(char *dst, size_t size, sqlite3_stmt *st, int column)
{
    const char *s = (const char *)sqlite3_column_text(st, column);
    (void)snprintf(dst, size, "%s", s ? s : "");
}

static float real_at(sqlite3_stmt *st, int column)
{
    if (sqlite3_column_type(st, column) == SQLITE_NULL)
        return NAN;
    return (float)sqlite3_column_double(st, column);
}

/* The reason in the column, or UNKNOWN_NOT where a value was given. */
static enum unknown unknown_at(sqlite3_stmt *st, int column, bool known)
{
    const char *s = (const char *)sqlite3_column_text(st, column);
    for (int i = UNKNOWN_NOT + 1; s && i < UNKNOWN_COUNT; i++) {
        if (strcmp(s, unknown_name((enum unknown)i)) == 0)
            return (enum unknown)i;
    }
    return known ? UNKNOWN_NOT : UNKNOWN_NOT_ESTIMATED;
}

static void answers_at(sqlite3_stmt *st, int column, struct answers *ret_a)
{
    const char *range = (const char *)sqlite3_column_text(st, column + 1);
    const char *gender = (const char *)sqlite3_column_text(st, column + 4);
    ret_a->age_years = real_at(st, column);
    ret_a->age_range = range ? age_range_named(range) : -1;
    ret_a->age_probability = real_at(st, column + 2);
    ret_a->age_unknown = unknown_at(st, column + 3, ret_a->age_range >= 0);
    ret_a->female = gender && strcmp(gender, "female") == 0;
    ret_a->gender_probability = real_at(st, column + 5);
    ret_a->gender_unknown = unknown_at(st, column + 6, gender != NULL);
}

int records_next_open(struct records *r, struct event *ret_ev, bool *ret_found)
{
    *ret_found = false;
    sqlite3_stmt *st = r->open;
    sqlite3_reset(st);
    int rc = sql_next(st);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    *ret_found = true;
    *ret_ev = (struct event){.type = EVENT_END};
    ret_ev->time_us = mono_wall_us();
    ret_ev->time_boot_us = mono_boot_us();
    struct record *rec = &ret_ev->record;
    copy_text(rec->id, sizeof(rec->id), st, 0);
    copy_text(ret_ev->camera, sizeof(ret_ev->camera), st, 1);
    rec->start_us = sqlite3_column_int64(st, 2);
    rec->end_us = sqlite3_column_int64(st, 3);
    rec->reason = END_RESTART;
    answers_at(st, 4, &rec->answers);
    rec->samples = sqlite3_column_int(st, 11);
    rec->score = real_at(st, 12);
    rec->box = (struct box){real_at(st, 13), real_at(st, 14), real_at(st, 15), real_at(st, 16)};
    rec->width_px = sqlite3_column_int(st, 17);
    copy_text(rec->detector, sizeof(rec->detector), st, 18);
    copy_text(rec->attributes, sizeof(rec->attributes), st, 19);
    sqlite3_reset(st);
    return SQLITE_OK;
}
