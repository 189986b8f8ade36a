#include "store/quarters.h"

#include "base/mem.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stdlib.h>

struct quarters {
    sqlite3_stmt *add, *add_person, *subtract, *clear, *forget, *ahead, *erase;
};

#define QUARTER INT64_C(900000000)

/* A record's key here, in the order of the primary key; as in the step to version 2. */
#define KEY "start_us - start_us % 900000000, camera, coalesce(age_range, ''), coalesce(gender, '')"

static const char add_text[] =
        "INSERT INTO quarters SELECT " KEY ", 1, last_us - start_us FROM record WHERE id = ?"
        " ON CONFLICT DO UPDATE SET people = people + 1, stay_us = stay_us + excluded.stay_us";
static const char add_person_text[] =
        "INSERT INTO quarters VALUES (?, ?, coalesce(?, ''), coalesce(?, ''), 1, ?)"
        " ON CONFLICT DO UPDATE SET people = people + 1, stay_us = stay_us + excluded.stay_us";
static const char subtract_text[] =
        "UPDATE quarters SET people = people - 1,"
        " stay_us = stay_us - (SELECT last_us - start_us FROM record WHERE id = ?1)"
        " WHERE (start_us, camera, age_range, gender) = (SELECT " KEY " FROM record WHERE id = ?1)";
static const char clear_text[] =
        "DELETE FROM quarters WHERE people <= 0"
        " AND (start_us, camera, age_range, gender) = (SELECT " KEY " FROM record WHERE id = ?)";
static const char forget_text[] =
        "DELETE FROM quarters WHERE start_us = (SELECT min(start_us) FROM quarters)"
        " AND start_us < ?";

static const char ahead_text[] =
        "SELECT start_us FROM quarters WHERE start_us BETWEEN ? AND ? ORDER BY start_us"
        " LIMIT 1 OFFSET ?";
static const char erase_text[] = "DELETE FROM quarters WHERE start_us BETWEEN ?1 AND ?2"
                                 " AND (?3 = '' OR camera = ?3)";

int quarters_open(struct quarters **ret_q, struct sqlite3 *db)
{
    struct quarters *q = mem_new(1, sizeof(*q));
    *ret_q = q;
    int rc = sql_prepare(db, &q->add, add_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &q->add_person, add_person_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &q->subtract, subtract_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &q->clear, clear_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &q->forget, forget_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &q->ahead, ahead_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &q->erase, erase_text);
    return rc;
}

void quarters_close(struct quarters *q)
{
    if (!q)
        return;
    sqlite3_finalize(q->add);
    sqlite3_finalize(q->add_person);
    sqlite3_finalize(q->subtract);
    sqlite3_finalize(q->clear);
    sqlite3_finalize(q->forget);
    sqlite3_finalize(q->ahead);
    sqlite3_finalize(q->erase);
    free(q);
}

static int run_for(sqlite3_stmt *st, const char *id)
{
    int rc = sql_bind(st, "s", id);
    if (rc == SQLITE_OK)
        rc = sql_run(st);
    sqlite3_clear_bindings(st); /* id ends with this call */
    return rc;
}

int quarters_add(struct quarters *q, const char *id)
{
    return run_for(q->add, id);
}

int quarters_add_person(struct quarters *q, const struct event *end)
{
    const struct record *r = &end->record;
    const struct answers *a = &r->answers;
    bool age = a->age_unknown == UNKNOWN_NOT && a->age_range >= 0;
    const char *gender = a->gender_unknown != UNKNOWN_NOT ? NULL : a->female ? "female" : "male";
    int rc = sql_bind(q->add_person, "isssi", r->start_us - r->start_us % QUARTER, end->camera,
            age ? age_range_name(a->age_range) : NULL, gender, r->end_us - r->start_us);
    if (rc == SQLITE_OK)
        rc = sql_run(q->add_person);
    sqlite3_clear_bindings(q->add_person);
    return rc;
}

int quarters_subtract(struct quarters *q, const char *id)
{
    int rc = run_for(q->subtract, id);
    return rc == SQLITE_OK ? run_for(q->clear, id) : rc;
}

int quarters_forget(struct quarters *q, int64_t before_us)
{
    int rc = sql_bind(q->forget, "i", before_us);
    return rc == SQLITE_OK ? sql_run(q->forget) : rc;
}

/* Where the piece ends that begins there: with the quarter of the row that is so many ahead. */
static int piece_end(struct quarters *q, int64_t from_us, int64_t last_us, int rows, int64_t *ret)
{
    int rc = sql_bind(q->ahead, "iid", from_us, last_us, rows);
    if (rc == SQLITE_OK)
        rc = sql_next(q->ahead);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    *ret = sqlite3_column_int64(q->ahead, 0);
    sqlite3_reset(q->ahead);
    return SQLITE_OK;
}

int quarters_erase(
        struct quarters *q, const struct erasure *who, int rows, int64_t *next_us, int64_t *erased)
{
    int64_t over = who->since_us % QUARTER;
    int64_t from_us = over ? who->since_us - over + QUARTER : who->since_us;
    int64_t last_us = who->until_us ? who->until_us - who->until_us % QUARTER - QUARTER : INT64_MAX;
    if (*next_us > from_us)
        from_us = *next_us;
    int64_t end_us = last_us;
    int rc = piece_end(q, from_us, last_us, rows, &end_us);
    if (rc == SQLITE_OK)
        rc = sql_bind(q->erase, "iis", from_us, end_us, (const char *)who->camera);
    if (rc == SQLITE_OK)
        rc = sql_run(q->erase);
    sqlite3_clear_bindings(q->erase); /* the name ends with this call */
    if (rc != SQLITE_OK)
        return rc;
    *erased += sqlite3_changes(sqlite3_db_handle(q->erase));
    *next_us = end_us == last_us ? INT64_MAX : end_us + 1;
    return SQLITE_OK;
}
