#include "store/sql.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

int sql_exec(struct sqlite3 *db, const char *text)
{
    return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static _Thread_local int commit_errno;

int sql_commit(struct sqlite3 *db)
{
    errno = 0;
    int rc = sql_exec(db, "COMMIT");
    commit_errno = rc == SQLITE_OK ? 0 : errno;
    return rc;
}

int sql_prepare(struct sqlite3 *db, struct sqlite3_stmt **ret_st, const char *text)
{
    return sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, ret_st, NULL);
}

static int bind_maybe(struct sqlite3_stmt *st, int at, int64_t value)
{
    return value < 0 ? sqlite3_bind_null(st, at) : sqlite3_bind_int64(st, at, value);
}

int sql_bind(struct sqlite3_stmt *st, const char *letters, ...)
{
    int rc = SQLITE_OK, at = 1;
    sqlite3_reset(st);
    va_list ap;
    va_start(ap, letters);
    for (const char *p = letters; *p && rc == SQLITE_OK; p++, at++) {
        switch (*p) {
        case 's':
            rc = sqlite3_bind_text(st, at, va_arg(ap, const char *), -1, SQLITE_STATIC);
            break;
        case 'm': rc = bind_maybe(st, at, va_arg(ap, int64_t)); break;
        case 'i': rc = sqlite3_bind_int64(st, at, va_arg(ap, int64_t)); break;
        case 'd': rc = sqlite3_bind_int(st, at, va_arg(ap, int)); break;
        case 'r': rc = sqlite3_bind_double(st, at, va_arg(ap, double)); break;
        default: assert(!"a letter of sql_bind()");
        }
    }
    va_end(ap);
    return rc;
}

int sql_run(struct sqlite3_stmt *st)
{
    int rc;
    do {
        rc = sqlite3_step(st);
    } while (rc == SQLITE_ROW);
    int end = sqlite3_reset(st);
    return rc == SQLITE_DONE ? SQLITE_OK : end;
}

int sql_next(struct sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW)
        sqlite3_reset(st);
    return rc;
}

int sql_integer(struct sqlite3 *db, const char *text, int64_t *ret_value)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, text, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(st, 0);
        rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_CORRUPT; /* what was asked for is always there */
    }
    sqlite3_finalize(st);
    return rc;
}

int sql_is_damage(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

void sql_reason(struct sqlite3 *db, int rc, char *dst, int size)
{
    int code = db ? sqlite3_system_errno(db) : 0;
    int asks_system = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_FULL ||
                      (rc & 0xff) == SQLITE_CANTOPEN;
    if (!code)
        code = commit_errno;
    commit_errno = 0;
    if (code && asks_system)
        (void)snprintf(dst, (size_t)size, "%s (%s)", sqlite3_errstr(rc & 0xff), err_name(code));
    else
        (void)snprintf(dst, (size_t)size, "%s", sqlite3_errstr(rc & 0xff));
}
