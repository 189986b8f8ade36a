#include "store/dbfile.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "store/schema.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MODE           0640                /* ages and whereabouts of people: not for everybody */
#define BUSY_MS        1000                /* somebody with sqlite3 at the console */
#define QUICK_UP_TO    (INT64_C(64) << 20) /* to read or write such a file takes no time */
#define WAL_KEPT_BYTES "67108864"
#define PART           65536 /* read at once */

/* "the directory that holds it" as a sentence needs it. */
static void directory_of(const char *path, char *dst, size_t size)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        (void)snprintf(dst, size, ".");
    else
        (void)snprintf(dst, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

bool dbfile_may_pass(int code)
{
    return code == -ENOSPC || code == -EDQUOT || code == -EROFS || code == -EIO || code == -EBUSY;
}

const char *dbfile_way_out(int code)
{
    switch (code) {
    case -ENOSPC:
    case -EDQUOT: return "make room on its disk";
    case -EBUSY: return "end the program that keeps it locked";
    case -EROFS:
        return "make its disk writable, or, for faced.service, name its directory in "
               "ReadWritePaths= of a drop-in";
    case -EACCES: return "give faced write permission";
    default: return "look at its disk";
    }
}

static int cannot_write(const char *path, int code, struct err *e)
{
    char dir[4096];
    directory_of(path, dir, sizeof(dir));
    if (code != EBUSY && dbfile_may_pass(-code))
        return err_set(
                e, -code, "it cannot be written (%s): %s", err_name(code), dbfile_way_out(-code));
    if (code == ENOENT || code == ENOTDIR)
        return err_set(e, -code,
                "there is no directory '%s': make it, or name another file in database.path", dir);
    return err_set(e, -code,
            "it cannot be written (%s): give the user of faced write permission on it and on "
            "'%s', or name another file in database.path",
            err_name(code), dir);
}

static int refuse_second(int fd, struct err *e)
{
    char pid[16] = "";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
    return err_set(e, -EBUSY,
            "it is in use by another faced%s%s: stop that one, or name another file in "
            "database.path",
            pid[0] ? ", process " : "", pid);
}

/*
 * What root makes here, for facectl, must be the daemon's to open: it gets the owner of the file
 * at `like`, or of the directory where that is not there yet.
 */
static void hand_over(int fd, const char *path, const char *like)
{
    struct stat st;
    char dir[4096];
    directory_of(path, dir, sizeof(dir));
    if (geteuid() == 0 && (stat(like ? like : dir, &st) == 0 || stat(dir, &st) == 0) &&
            fchown(fd, st.st_uid, st.st_gid) < 0)
        log_debug("store", "what was made for '%s' stays root's: %s", path, err_name(errno));
}

static int lock(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
                "it is %s: name a file in database.path",
                S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
    char *name = mem_format("%s.lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, MODE);
    int code = errno;
    free(name);
    if (fd < 0)
        return cannot_write(path, code, e);
    hand_over(fd, path, path);
    int r = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        r = errno == EWOULDBLOCK ? refuse_second(fd, e) : cannot_write(path, errno, e);
    if (r < 0) {
        close(fd);
        return r;
    }
    char pid[16];
    int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    /* For a sentence only; on a full disk the lock holds all the same. */
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) < 0)
        log_debug("store", "the process number could not be written: %s", err_name(errno));
    return fd;
}

int dbfile_lock(const char *path, struct err *e)
{
    int fd = lock(path, e);
    return fd < 0 ? err_wrap(e, "database '%s'", path) : fd;
}

int dbfile_relock(const char *path, int *fd, struct err *e)
{
    struct stat held, named;
    char *name = mem_format("%s.lock", path);
    bool same = *fd >= 0 && fstat(*fd, &held) == 0 && stat(name, &named) == 0 &&
                held.st_dev == named.st_dev && held.st_ino == named.st_ino;
    free(name);
    if (same)
        return 0;
    int next = dbfile_lock(path, e);
    if (next < 0)
        return next;
    if (*fd >= 0)
        close(*fd);
    *fd = next;
    return 0;
}

void dbfile_mark(const char *path, struct dbfile_mark *ret_mark)
{
    struct stat st;
    char *wal = mem_format("%s-wal", path);
    *ret_mark = (struct dbfile_mark){0};
    if (stat(path, &st) == 0) {
        ret_mark->dev = st.st_dev;
        ret_mark->ino = st.st_ino;
    }
    if (stat(wal, &st) == 0) {
        ret_mark->wal_dev = st.st_dev;
        ret_mark->wal_ino = st.st_ino;
    }
    free(wal);
}

bool dbfile_same(const struct dbfile_mark *a, const struct dbfile_mark *b)
{
    return a->dev == b->dev && a->ino == b->ino;
}

static void remove_beside(const char *path, const char *suffix)
{
    char *name = mem_format("%s%s", path, suffix);
    (void)unlink(name);
    free(name);
}

void dbfile_abandon(struct sqlite3 *db, const char *path, const struct dbfile_mark *opened)
{
    struct dbfile_mark now;
    dbfile_mark(path, &now);
    sqlite3_close(db); /* sees that the file was moved, and touches nothing by its name */
    if (now.wal_ino && now.wal_dev == opened->wal_dev && now.wal_ino == opened->wal_ino) {
        remove_beside(path, "-wal");
        remove_beside(path, "-shm");
    }
}

static int move(const char *path, const char *suffix, const char *aside)
{
    char *from = mem_format("%s%s", path, suffix), *to = mem_format("%s%s", aside, suffix);
    int r = rename(from, to) < 0 ? -errno : 0;
    free(from);
    free(to);
    return r;
}

/* Can the disk give back all that is in the file? 0 or a negative errno. */
static int read_through(const char *path, const char *suffix)
{
    char *name = mem_format("%s%s", path, suffix);
    char *part = mem_new(1, PART);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 && errno != ENOENT ? -errno : 0;
    ssize_t n = fd < 0 ? 0 : 1;
    while (n > 0)
        n = read(fd, part, PART);
    if (n < 0)
        r = -errno;
    if (fd >= 0)
        close(fd);
    free(part);
    free(name);
    return r;
}

/* What the disk does not give is no damage of the database: another disk error is in its place. */
static int is_readable(const char *path, struct err *e)
{
    int r = read_through(path, "");
    if (r == 0)
        r = read_through(path, "-wal");
    return r < 0 ? err_set(e, -EIO, "it cannot be read (%s): %s", err_name(r), dbfile_way_out(-EIO))
                 : 0;
}

int dbfile_set_aside(const char *path, const char *why, struct err *e)
{
    int readable = is_readable(path, e);
    if (readable < 0)
        return readable;
    char when[32];
    time_t now = mono_wall_us() / MONO_SECOND;
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
    char *aside = mem_format("%s.damaged-%s", path, when);
    for (int i = 2; access(aside, F_OK) == 0; i++) {
        free(aside);
        aside = mem_format("%s.damaged-%s-%d", path, when, i);
    }
    int r = move(path, "", aside);
    if (r == 0) {
        /* The -wal holds the latest commits and belongs to its file; -shm can be made again. */
        (void)move(path, "-wal", aside);
        (void)move(path, "-shm", aside);
        log_error("store",
                "database '%s' is damaged (%s): it was moved to '%s' and a new one is begun", path,
                why, aside);
    } else {
        r = err_set(e, r, "it is damaged (%s) and cannot be moved aside (%s)", why, err_name(r));
    }
    free(aside);
    return r;
}

static int fail(struct sqlite3 *db, int rc, struct err *e)
{
    char reason[128];
    int code = schema_errno_of(db, rc);
    sql_reason(db, rc, reason, sizeof(reason));
    return err_set(e, code, "it cannot be opened: %s", reason);
}

/* Was it left by a process that did not close it? A clean end removes the -wal. */
static bool was_unclean(const char *path)
{
    struct stat st;
    char *wal = mem_format("%s-wal", path);
    bool left = stat(wal, &st) == 0 && st.st_size > 0;
    free(wal);
    return left;
}

/*
 * After an unclean stop, looks through a database that is small enough for that to take no time.
 * What is damaged in a large one is found when it is met.
 */
static int look_through(const char *path, struct sqlite3 *db, struct err *e)
{
    struct stat st;
    if (stat(path, &st) < 0 || st.st_size > QUICK_UP_TO)
        return 0;
    sqlite3_stmt *check = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &check, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(check);
    int r = 0;
    if (rc != SQLITE_ROW)
        r = fail(db, rc, e);
    else if (strcmp((const char *)sqlite3_column_text(check, 0), "ok") != 0)
        r = err_set(e, -EUCLEAN, "%s", (const char *)sqlite3_column_text(check, 0));
    sqlite3_finalize(check);
    return r;
}

/*
 * A database of schema version 1 cannot give back space. A small one is written anew, so that it
 * can; a large one waits for `facectl prune` without a daemon, and its free pages are used again
 * until then.
 */
static void learn_to_shrink(const char *path, struct sqlite3 *db)
{
    struct stat st;
    int64_t mode = 0;
    if (sql_integer(db, "PRAGMA auto_vacuum", &mode) != SQLITE_OK || mode != 0)
        return;
    if (stat(path, &st) == 0 && st.st_size > QUICK_UP_TO)
        log_info("store",
                "database '%s' was begun by an older faced and cannot give back space: `facectl "
                "prune` while faced is stopped writes it anew",
                path);
    else if (dbfile_rewrite(db) < 0)
        log_debug("store", "database '%s' could not be written anew", path);
}

int dbfile_rewrite(struct sqlite3 *db)
{
    return schema_errno(sql_exec(db, "PRAGMA auto_vacuum = INCREMENTAL; VACUUM"));
}

/*
 * What is deleted is overwritten at once, so that to erase somebody needs no search for copies of
 * him in the free space of the file.
 */
static int configure(struct sqlite3 *db, struct err *e)
{
    int rc = sql_exec(db,
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
            "PRAGMA secure_delete = ON; PRAGMA journal_size_limit = " WAL_KEPT_BYTES);
    return rc == SQLITE_OK ? 0 : fail(db, rc, e);
}

/*
 * A file that does not begin as every SQLite database does, and beside which none was in use: it
 * is somebody's photo or letter that the configuration names by mistake, and not ours to move.
 */
static bool is_no_database(const char *path)
{
    static const char magic[16] = "SQLite format 3";
    char head[sizeof(magic)];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, head, sizeof(head));
    close(fd);
    bool database = n == (ssize_t)sizeof(head) && memcmp(head, magic, sizeof(magic)) == 0;
    return n > 0 && !database && !was_unclean(path);
}

/* Why SQLite would open it for reading only. */
static int why_readonly(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0 ? errno : EACCES;
}

/* Puts the way out behind what SQLite says; damage and foreign files have theirs. */
static int add_way_out(int r, struct err *e)
{
    struct err why = *e;
    if (!dbfile_may_pass(r) && r != -EACCES)
        return r;
    return err_set(e, r, "%s: %s", why.text, dbfile_way_out(r));
}

static int open_once(const char *path, struct sqlite3 **ret_db, struct err *e)
{
    bool unclean = was_unclean(path);
    /* Made here for its mode, which SQLite gives to the files beside it. One that is there is not
     * opened: to close it would take away the locks of another connection of this process. */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
    if (fd < 0 && errno != EEXIST)
        return cannot_write(path, errno, e);
    if (fd >= 0) {
        hand_over(fd, path, NULL);
        close(fd);
    }

    sqlite3 *db = NULL;
    int r = 0;
    int rc = sqlite3_open_v2(
            path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK) {
        r = add_way_out(fail(db, rc, e), e);
        goto out;
    }
    sqlite3_busy_timeout(db, DBFILE_BUSY_MS);
    if (sqlite3_db_readonly(db, "main") == 1) {
        r = cannot_write(path, why_readonly(path), e);
        goto out;
    }
    /* Nothing is written before it is clear whose file this is. */
    int64_t version;
    rc = sql_integer(db, "PRAGMA user_version", &version);
    if (rc != SQLITE_OK)
        r = fail(db, rc, e);
    if (r == 0) {
        (void)sql_exec(
                db, "PRAGMA auto_vacuum = INCREMENTAL"); /* means a file that is still empty */
        r = schema_bring(db, e);
    }
    if (r == 0)
        r = configure(db, e);
    if (r == 0 && unclean)
        r = look_through(path, db, e);
    r = add_way_out(r, e);
    if (r == 0)
        learn_to_shrink(path, db);
out:
    if (r < 0) {
        sqlite3_close(db);
        db = NULL;
    }
    *ret_db = db;
    return r;
}

int dbfile_refuse_damaged(const char *path, const char *why, struct err *e)
{
    return err_set(e, -EUCLEAN,
            "database '%s' is damaged (%s) and was left where it is: start faced, which moves it "
            "aside and begins a new one, or see what `sqlite3 '%s' .recover` brings back",
            path, why, path);
}

static int open_any(const char *path, bool strict, struct sqlite3 **ret_db, struct err *e)
{
    struct err why = {0};
    if (is_no_database(path))
        return err_set(e, -EINVAL,
                "database '%s': is not a database; name another file in database.path, or move "
                "this one away",
                path);
    int r = open_once(path, ret_db, &why);
    if (r == -EUCLEAN) /* SQLite says so when the disk failed to read a page, too */
        r = open_once(path, ret_db, &why);
    if (r == -EUCLEAN && strict)
        return dbfile_refuse_damaged(path, why.text, e);
    if (r == -EUCLEAN) {
        struct err damage = why;
        r = dbfile_set_aside(path, damage.text, &why);
        if (r == 0)
            r = open_once(path, ret_db, &why);
    }
    return r < 0 ? err_set(e, r, "database '%s': %s", path, why.text) : 0;
}

int dbfile_open_strict(const char *path, struct sqlite3 **ret_db, struct err *e)
{
    return open_any(path, true, ret_db, e);
}

int dbfile_open(const char *path, struct sqlite3 **ret_db, struct err *e)
{
    return open_any(path, false, ret_db, e);
}
