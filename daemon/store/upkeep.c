#include "store/upkeep.h"

#include "base/mem.h"
#include "base/mono.h"
#include "store/crops.h"
#include "store/dbfile.h"
#include "store/outbox.h"
#include "store/quarters.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define QUARTERS_KEPT (3652 * INT64_C(86400) * MONO_SECOND) /* ten years */
#define SPARE_PAGES   256                                   /* a megabyte, to be used again */

struct upkeep {
    struct upkeep_parts parts;
    int64_t page_size;
    bool over; /* was over its size, and not yet a twentieth below it */
    sqlite3_stmt *oldest, *of_time, *of_camera, *present, *observations, *remove;
    sqlite3_stmt *pages, *unused;
};

/* A record that is to go. */
struct victim {
    int64_t row; /* 0: there is none */
    char id[UUID_TEXT];
};

static const char oldest_text[] =
        "SELECT row, id FROM record WHERE end_reason IS NOT NULL AND last_us < ?"
        " ORDER BY last_us LIMIT 1";
static const char of_time_text[] =
        "SELECT row, id FROM record WHERE start_us >= ? AND start_us < ? AND end_reason IS NOT NULL"
        " ORDER BY start_us LIMIT 1";
static const char of_camera_text[] =
        "SELECT row, id FROM record WHERE start_us >= ? AND start_us < ? AND end_reason IS NOT NULL"
        " AND camera = ? ORDER BY start_us LIMIT 1";
static const char present_text[] =
        "SELECT count(*) FROM record WHERE end_reason IS NULL AND +start_us >= ?1"
        " AND +start_us < ?2 AND (?3 = '' OR +camera = ?3)";
static const char observations_text[] = "DELETE FROM observation WHERE row IN"
                                        " (SELECT row FROM observation WHERE record = ? LIMIT ?)";
static const char remove_text[] = "DELETE FROM record WHERE row = ?";

int upkeep_open(struct upkeep **ret_u, const struct upkeep_parts *parts)
{
    struct upkeep *u = mem_new(1, sizeof(*u));
    *ret_u = u;
    u->parts = *parts;
    const struct {
        sqlite3_stmt **st;
        const char *text;
    } all[] = {
            {&u->oldest, oldest_text},
            {&u->of_time, of_time_text},
            {&u->of_camera, of_camera_text},
            {&u->present, present_text},
            {&u->observations, observations_text},
            {&u->remove, remove_text},
            {&u->pages, "PRAGMA page_count"},
            {&u->unused, "PRAGMA freelist_count"},
    };
    int rc = sql_integer(parts->db, "PRAGMA page_size", &u->page_size);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc == SQLITE_OK; i++)
        rc = sql_prepare(parts->db, all[i].st, all[i].text);
    return rc;
}

void upkeep_close(struct upkeep *u)
{
    if (!u)
        return;
    sqlite3_finalize(u->oldest);
    sqlite3_finalize(u->of_time);
    sqlite3_finalize(u->of_camera);
    sqlite3_finalize(u->present);
    sqlite3_finalize(u->observations);
    sqlite3_finalize(u->remove);
    sqlite3_finalize(u->pages);
    sqlite3_finalize(u->unused);
    free(u);
}

/* ---- one record ---- */

/* Runs the question that st is bound to. */
static int find(sqlite3_stmt *st, struct victim *ret_v)
{
    *ret_v = (struct victim){0};
    int rc = sql_next(st);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    ret_v->row = sqlite3_column_int64(st, 0);
    (void)snprintf(ret_v->id, sizeof(ret_v->id), "%s", (const char *)sqlite3_column_text(st, 1));
    sqlite3_reset(st);
    return SQLITE_OK;
}

static int find_oldest(struct upkeep *u, int64_t before_us, struct victim *ret_v)
{
    int rc = sql_bind(u->oldest, "i", before_us);
    return rc == SQLITE_OK ? find(u->oldest, ret_v) : rc;
}

static int64_t until_us(const struct erasure *who)
{
    return who->until_us ? who->until_us : INT64_MAX;
}

static int find_of(struct upkeep *u, const struct erasure *who, struct victim *ret_v)
{
    sqlite3_stmt *st = who->camera[0] ? u->of_camera : u->of_time;
    int rc = sql_bind(st, who->camera[0] ? "iis" : "ii", who->since_us, until_us(who),
            (const char *)who->camera);
    return rc == SQLITE_OK ? find(st, ret_v) : rc;
}

/* What a step has to do and has done. */
struct step {
    struct meta *m;
    struct removal *t;
    int rows;   /* that may still go */
    bool erase; /* from the sums as well */
};

/* All that there is of v, its row last: somebody seen for hours has more observations than one step
 * may take, and is found again by the next. */
static int take_out(struct upkeep *u, const struct victim *v, struct step *s)
{
    struct removal *t = s->t;
    int rc = sql_bind(u->observations, "ii", v->row, (int64_t)s->rows);
    if (rc == SQLITE_OK)
        rc = sql_run(u->observations);
    if (rc != SQLITE_OK)
        return rc;
    int gone = sqlite3_changes(u->parts.db);
    t->observations += gone;
    s->rows -= gone;
    if (s->rows <= 0)
        return SQLITE_OK;
    rc = crop_delete(u->parts.crops, v->id, &t->crops);
    if (rc == SQLITE_OK)
        rc = outbox_forget(u->parts.outbox, s->m, v->id, &t->messages);
    if (rc == SQLITE_OK && s->erase)
        rc = quarters_subtract(u->parts.quarters, v->id);
    if (rc == SQLITE_OK)
        rc = sql_bind(u->remove, "i", v->row);
    if (rc == SQLITE_OK)
        rc = sql_run(u->remove);
    if (rc == SQLITE_OK) {
        t->records++;
        s->m->records_removed++;
        s->rows--;
    }
    return rc;
}

/* ---- retention ---- */

/* The one number that st asks for. */
static int number(sqlite3_stmt *st, int64_t *ret_value)
{
    int rc = sql_next(st);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
    *ret_value = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return SQLITE_OK;
}

static int bytes_in_use(struct upkeep *u, int64_t *ret_bytes)
{
    int64_t pages = 0, unused = 0;
    int rc = number(u->pages, &pages);
    if (rc == SQLITE_OK)
        rc = number(u->unused, &unused);
    *ret_bytes = (pages - unused) * u->page_size;
    return rc;
}

static int is_over(struct upkeep *u, const struct retention *kept)
{
    int64_t bytes = 0;
    if (!kept->size) {
        u->over = false;
        return SQLITE_OK;
    }
    int rc = bytes_in_use(u, &bytes);
    if (rc == SQLITE_OK)
        u->over = bytes > (u->over ? kept->size / 20 * 19 : kept->size);
    return rc;
}

static int next_to_prune(
        struct upkeep *u, const struct retention *kept, int64_t now_us, struct victim *ret_v)
{
    *ret_v = (struct victim){0};
    int rc = is_over(u, kept);
    if (rc == SQLITE_OK && u->over)
        rc = find_oldest(u, INT64_MAX, ret_v);
    else if (rc == SQLITE_OK && kept->age_us)
        rc = find_oldest(u, mono_minus(now_us, kept->age_us), ret_v);
    return rc;
}

int upkeep_is_due(struct upkeep *u, const struct retention *kept, int64_t now_us, bool *ret_due)
{
    struct victim v;
    int rc = next_to_prune(u, kept, now_us, &v);
    bool crops = false;
    if (rc == SQLITE_OK && kept->crops_us)
        rc = crops_expired(u->parts.crops, mono_minus(now_us, kept->crops_us), &crops);
    *ret_due = v.row != 0 || crops;
    return rc;
}

int upkeep_prune(struct upkeep *u, struct meta *m, const struct retention *kept, int64_t now_us,
        int rows, struct removal *t, bool *ret_more)
{
    struct victim v = {0};
    struct step s = {.m = m, .t = t, .rows = rows};
    int64_t messages = t->messages;
    int64_t crops = t->crops;
    int rc = quarters_forget(u->parts.quarters, mono_minus(now_us, QUARTERS_KEPT));
    if (rc == SQLITE_OK && kept->crops_us)
        rc = crop_expire(u->parts.crops, mono_minus(now_us, kept->crops_us), rows, &t->crops);
    crops = t->crops - crops;
    while (rc == SQLITE_OK && (rc = next_to_prune(u, kept, now_us, &v)) == SQLITE_OK && v.row &&
            s.rows > 0)
        rc = take_out(u, &v, &s);
    m->messages_dropped += t->messages - messages;
    *ret_more = v.row != 0 || crops == rows;
    return rc;
}

/* ---- erasure ---- */

int upkeep_erase(struct upkeep *u, struct meta *m, const struct erasure *who, int rows,
        struct removal *t, bool *ret_more)
{
    struct victim v = {0};
    struct step s = {.m = m, .t = t, .rows = rows, .erase = true};
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && (rc = find_of(u, who, &v)) == SQLITE_OK && v.row && s.rows > 0)
        rc = take_out(u, &v, &s);
    if (rc == SQLITE_OK && !v.row && s.rows > 0)
        rc = quarters_erase(u->parts.quarters, who, s.rows, &t->sums_next_us, &t->sums);
    *ret_more = v.row != 0 || t->sums_next_us != INT64_MAX;
    return rc;
}

int upkeep_still_there(struct upkeep *u, const struct erasure *who, int64_t *ret_n)
{
    int rc = sql_bind(u->present, "iis", who->since_us, until_us(who), (const char *)who->camera);
    return rc == SQLITE_OK ? number(u->present, ret_n) : rc;
}

/* ---- the file ---- */

int upkeep_shrink(struct upkeep *u, int pages, bool all, bool *ret_more)
{
    char text[60];
    int64_t mode = 0, unused = 0, left = 0;
    *ret_more = false;
    int rc = sql_integer(u->parts.db, "PRAGMA auto_vacuum", &mode);
    if (rc == SQLITE_OK)
        rc = number(u->unused, &unused);
    if (rc != SQLITE_OK || mode != 2 || unused <= (all ? 0 : SPARE_PAGES))
        return rc;
    (void)snprintf(text, sizeof(text), "PRAGMA incremental_vacuum(%d)", pages);
    rc = sql_exec(u->parts.db, text);
    if (rc == SQLITE_OK)
        rc = number(u->unused, &left);
    *ret_more = rc == SQLITE_OK && left > (all ? 0 : SPARE_PAGES) && left < unused;
    return rc;
}

int upkeep_empty_wal(struct upkeep *u, bool *ret_done)
{
    sqlite3_busy_timeout(u->parts.db, 0); /* events do not wait for a reader */
    int rc = sqlite3_wal_checkpoint_v2(u->parts.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(u->parts.db, DBFILE_BUSY_MS);
    *ret_done = rc == SQLITE_OK;
    return (rc & 0xff) == SQLITE_BUSY ? SQLITE_OK : rc;
}
