#include "store/sums.h"

#include "flow/age.h"
#include "store/schema.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stddef.h>

static const char *text_at(sqlite3_stmt *st, int column)
{
    const char *s = (const char *)sqlite3_column_text(st, column);
    return s ? s : "";
}

static struct sum sum_of(sqlite3_stmt *st)
{
    const char *gender = text_at(st, 3);
    return (struct sum){
            .start_us = sqlite3_column_int64(st, 0),
            .camera = text_at(st, 1),
            .age_range = age_range_named(text_at(st, 2)),
            .gender = gender[0] == 'm'   ? SUM_MALE
                      : gender[0] == 'f' ? SUM_FEMALE
                                         : SUM_UNKNOWN,
            .people = sqlite3_column_int64(st, 4),
            .stay_us = sqlite3_column_int64(st, 5),
    };
}

int reader_sums(struct reader *r, const char *camera, int64_t since_us, int64_t until_us,
        void (*each)(const struct sum *sum, void *arg), void *arg, struct err *e)
{
    struct sqlite3 *db = reader_handle(r);
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(db, &st,
            camera ? "SELECT start_us, camera, age_range, gender, people, stay_us FROM quarters"
                     " WHERE start_us >= ?1 AND start_us < ?2 AND camera = ?3 ORDER BY start_us"
                   : "SELECT start_us, camera, age_range, gender, people, stay_us FROM quarters"
                     " WHERE start_us >= ?1 AND start_us < ?2 ORDER BY start_us");
    if (rc == SQLITE_OK)
        rc = camera ? sql_bind(st, "iis", since_us, until_us, camera)
                    : sql_bind(st, "ii", since_us, until_us);
    if (rc == SQLITE_OK)
        rc = SQLITE_ROW;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct sum sum = sum_of(st);
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
