#include "store/copy.h"

#include "base/mem.h"
#include "base/mono.h"
#include "store/reader.h"
#include "store/schema.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEPS_PER_LOOK 200000 /* of SQLite's machine, between two looks at the size */

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
        rc = sql_commit(db);
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        (void)sql_exec(db, "ROLLBACK");
    return rc == SQLITE_OK ? meta_read(db, m) : rc;
}

/* ---- making one ---- */

struct watched {
    int fd;
    int64_t of;
    void (*each)(int64_t bytes, int64_t of, void *arg);
    void *arg;
};

static int look(void *arg)
{
    struct watched *w = arg;
    struct stat st;
    if (fstat(w->fd, &st) == 0)
        w->each(st.st_size, w->of, w->arg);
    return 0;
}

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* What must not be overwritten, or not without being asked. */
static int check_target(const char *path, const char *to, bool force, struct err *e)
{
    struct stat is, from;
    if (stat(to, &is) < 0)
        return 0;
    if (stat(path, &from) == 0 && is.st_dev == from.st_dev && is.st_ino == from.st_ino)
        return err_set(e, -EINVAL, "%s: is the database itself; name another file", to);
    if (!S_ISREG(is.st_mode))
        return err_set(e, -EINVAL, "%s: is not a file; name another", to);
    if (!force)
        return err_set(e, -EEXIST, "%s: is there already; name another file, or use --force", to);
    return 0;
}

/* The copy proper, into the empty file `part`. */
static int vacuum_into(struct sqlite3 *db, const char *part, struct watched *w)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(db, &st, "VACUUM INTO ?");
    if (rc == SQLITE_OK)
        rc = sql_bind(st, "s", part);
    sqlite3_progress_handler(db, STEPS_PER_LOOK, look, w);
    if (rc == SQLITE_OK)
        rc = sql_run(st);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    sqlite3_finalize(st);
    return rc;
}

static int mark(const char *part, int64_t *ret_records)
{
    struct sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(part, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK)
        rc = sql_exec(db, "UPDATE meta SET copied = 1");
    if (rc == SQLITE_OK)
        rc = sql_integer(db, "SELECT count(*) FROM record", ret_records);
    sqlite3_close(db);
    return rc;
}

/* On disk, and under its name. */
static int settle(int fd, const char *part, const char *to)
{
    char *copy = mem_strdup(to);
    int r = fsync(fd) < 0 || rename(part, to) < 0 ? -errno : 0;
    int dir = r == 0 ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir >= 0) {
        (void)fsync(dir); /* some file systems cannot; the file itself is safe */
        close(dir);
    }
    free(copy);
    return r;
}

static int fill(struct reader *from, int fd, const char *part, const char *to, struct watched *w,
        struct copy_made *ret_made, struct err *e)
{
    char reason[128];
    struct sqlite3 *db = reader_handle(from);
    int rc = vacuum_into(db, part, w);
    if (rc == SQLITE_OK)
        rc = mark(part, &ret_made->records);
    if (rc != SQLITE_OK) {
        sql_reason(db, rc, reason, sizeof(reason));
        return err_set(e, schema_errno(rc), "%s: cannot be made: %s", to, reason);
    }
    ret_made->bytes = size_of(part);
    int r = settle(fd, part, to);
    return r < 0 ? err_set(e, r, "%s: cannot be written: %s", to, err_name(r)) : 0;
}

int copy_make(const char *path, const char *to, bool force,
        void (*each)(int64_t bytes, int64_t of, void *arg), void *arg, struct copy_made *ret_made,
        struct err *e)
{
    int r = check_target(path, to, force, e);
    if (r < 0)
        return r;
    struct reader *from = reader_open(path, e);
    if (!from)
        return e && e->code < 0 ? e->code : -EIO;
    /* SQLite would take a name that begins with "file:" for a URI. */
    char *part = mem_format("%s%s.XXXXXX", to[0] == '/' ? "" : "./", to);
    int fd = mkostemp(part, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        r = err_set(e, -errno, "%s: cannot be made: %s", to, err_name(errno));
    } else {
        struct watched w = {fd, size_of(path), each, arg};
        r = fill(from, fd, part, to, &w, ret_made, e);
        if (r < 0)
            (void)unlink(part);
        close(fd);
    }
    free(part);
    reader_close(from);
    return r;
}
