#include "store/copy.h"

#include "base/mono.h"
#include "store/schema.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stddef.h>

static int run_with(struct sqlite3 *db, const char *text, const char *epoch)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(db, &st, text);
    if (rc == SQLITE_OK)
        rc = sql_bind(st, "s", epoch);
    if (rc == SQLITE_OK)
        rc = sql_run(st);
    sqlite3_finalize(st);
    return rc;
}

static int change_epoch(struct sqlite3 *db, const char *epoch)
{
    int rc = sql_exec(db, "DELETE FROM outbox WHERE type = 'lost'");
    if (rc == SQLITE_OK)
        rc = run_with(
                db, "UPDATE outbox SET msg = NULL, json = json_set(json, '$.epoch', ?)", epoch);
    if (rc == SQLITE_OK)
        rc = run_with(db,
                "UPDATE meta SET epoch = ?, copied = 0, next_msg = 1,"
                " outbox_rows = (SELECT count(*) FROM outbox),"
                " outbox_bytes = (SELECT coalesce(sum(bytes), 0) FROM outbox)",
                epoch);
    return rc;
}

int copy_begin(struct sqlite3 *db, struct meta *m)
{
    char epoch[UUID_TEXT];
    uuid_make(epoch, mono_wall_us());
    int rc = sql_exec(db, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK)
        rc = change_epoch(db, epoch);
    if (rc == SQLITE_OK)
        rc = sql_exec(db, "COMMIT");
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        (void)sql_exec(db, "ROLLBACK");
    return rc == SQLITE_OK ? meta_read(db, m) : rc;
}
