#include "store/quarters.h"

#include "base/mem.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stdlib.h>

struct quarters {
    sqlite3_stmt *add, *add_person, *subtract, *clear, *forget;
};

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
    int rc = sql_bind(q->add_person, "isssi", r->start_us - r->start_us % 900000000, end->camera,
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
