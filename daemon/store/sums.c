#include "store/sums.h"

#include "flow/age.h"
#include "store/schema.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

/* There may be hundreds of thousands of rows: the first two letters tell the ranges apart. */
static int age_of(const char *text)
{
    for (int i = 0; i < AGE_RANGES && text && text[0]; i++) {
        const char *name = age_range_name(i);
        if (name[0] == text[0] && name[1] == text[1])
            return i;
    }
    return -1;
}

static const char *text_at(sqlite3_stmt *st, int column)
{
    return (const char *)sqlite3_column_text(st, column);
}

enum {
    START,
    PEOPLE,
    STAY,
    AGE,
    GENDER,
    CAMERA,
};

#define QUESTION                                                                                   \
    "SELECT start_us, people, stay_us, age_range, gender, camera FROM quarters"                    \
    " WHERE start_us >= ?1 AND start_us < ?2"

int reader_sums(struct reader *r, const char *camera, bool with_cameras, int64_t since_us,
        int64_t until_us, void (*each)(const struct sum *sum, void *arg), void *arg, struct err *e)
{
    struct sqlite3 *db = reader_handle(r);
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(db, &st,
            camera ? QUESTION " AND camera = ?3 ORDER BY start_us" : QUESTION " ORDER BY start_us");
    if (rc == SQLITE_OK)
        rc = camera ? sql_bind(st, "iis", since_us, until_us, camera)
                    : sql_bind(st, "ii", since_us, until_us);
    if (rc == SQLITE_OK)
        rc = SQLITE_ROW;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *gender = text_at(st, GENDER);
        struct sum sum = {
                .start_us = sqlite3_column_int64(st, START),
                .camera = with_cameras ? text_at(st, CAMERA) : NULL,
                .age_range = age_of(text_at(st, AGE)),
                .gender = gender && gender[0] == 'm'   ? SUM_MALE
                          : gender && gender[0] == 'f' ? SUM_FEMALE
                                                       : SUM_UNKNOWN,
                .people = sqlite3_column_int64(st, PEOPLE),
                .stay_us = sqlite3_column_int64(st, STAY),
        };
        each(&sum, arg);
    }
    int result = 0;
    if (rc != SQLITE_DONE) {
        char reason[128];
        sql_reason(db, rc, reason, sizeof(reason));
        result = err_set(e, schema_errno(rc), "the sums cannot be read: %s", reason);
    }
    sqlite3_finalize(st);
    return result;
}
