#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * The database as a file: one daemon at a time, WAL, and what happens when it is damaged.
 *
 * A damaged database is a state and not an end: it is moved aside, with its -wal, to
 * <path>.damaged-<time>, and a new one is begun. A file that is no database, a database of another
 * program, or of a newer faced, is left alone and refused. Logs what was moved; nothing else.
 * Somebody who asked for work on what is in it gets no new one in its place: he would believe that
 * the work was done.
 */
struct sqlite3;

#define DBFILE_BUSY_MS 1000 /* what a connection waits for somebody with sqlite3 at the console */

/*
 * Keeps other daemons off by a lock on <path>.lock, in which the process number stands; the
 * kernel gives it up when the process ends, however it ends. Returns its descriptor, or a
 * negative errno; -EBUSY: somebody else has it.
 */
int dbfile_lock(const char *path, struct err *e);

/* Takes the lock again where its file was removed, or the directory with it, or where it could not
 * be taken yet (-1); *fd is exchanged. */
int dbfile_relock(const char *path, int *fd, struct err *e);

/* Which files are at the path and at that of its -wal; 0: none. */
struct dbfile_mark {
    dev_t dev, wal_dev;
    ino_t ino, wal_ino;
};
void dbfile_mark(const char *path, struct dbfile_mark *ret_mark);

/* The database itself. */
bool dbfile_same(const struct dbfile_mark *a, const struct dbfile_mark *b);

/*
 * Closes a connection whose file is not the one at the path any more. Its -wal goes with it, or
 * the other file would be read through it; one that is not its own is left alone.
 */
void dbfile_abandon(struct sqlite3 *db, const char *path, const struct dbfile_mark *opened);

/*
 * Opens for writing under that lock. What was made by root, for facectl, belongs to the owner of
 * its directory. Strict: a damaged file is refused with -EUCLEAN and the way out; else it is moved
 * aside and a new one begun.
 */
int dbfile_open_strict(const char *path, struct sqlite3 **ret_db, struct err *e);
int dbfile_open(const char *path, struct sqlite3 **ret_db, struct err *e);

/* The sentence for somebody who asked for work on a file that is damaged. Returns -EUCLEAN. */
int dbfile_refuse_damaged(const char *path, const char *why, struct err *e);

/* Moves the file aside; for damage that is met later, after the connection was closed. Not where
 * the disk fails to give back what is in it: -EIO, a state. */
int dbfile_set_aside(const char *path, const char *why, struct err *e);

/* What passes by itself or by somebody's hand: a full, read-only or broken disk, a lock. */
bool dbfile_may_pass(int code);

/* What is to be done about such a code, as the end of a sentence. */
const char *dbfile_way_out(int code);

/* Writes the whole file anew, without what was deleted, and able to shrink from then on. Needs the
 * same room again for a while. 0 or a negative errno. */
int dbfile_rewrite(struct sqlite3 *db);
