#pragma once

#include "base/err.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the database looks like, and how an older one becomes the present one.
 *
 * Every version has one step, a function that makes it of the version before; the first makes it
 * of nothing. A step and the version number that it earns are one transaction. Times are integer
 * microseconds of UTC in the tables and RFC 3339 text with milliseconds in the views; people and
 * scripts read the views `faces`, `observations`, `cameras` and the table `outbox`
 * (faced-events(7)), which keep their columns over the versions.
 */
#define SCHEMA_VERSION        2
#define SCHEMA_APPLICATION_ID 0x66616365 /* "face": tells our files from other SQLite databases */

struct sqlite3;

typedef int schema_step(struct sqlite3 *db); /* returns an SQLite code */

/*
 * Brings db to version n by steps[version] ... steps[n - 1]. Refuses with -EINVAL a newer one and
 * a database that is not ours; -EUCLEAN: damaged; -ENOSPC, -EIO, ...: could not be written.
 */
int schema_upgrade(struct sqlite3 *db, schema_step *const *steps, int n, struct err *e);

/* The same with the steps of this program. */
int schema_bring(struct sqlite3 *db, struct err *e);

/* What a reader must find: ours, and of the present version. Writes nothing. */
int schema_check(struct sqlite3 *db, struct err *e);

/* A negative errno for SQLite's result code; and the system's own for the failure that db has just
 * had, where SQLite calls a full or read-only disk an I/O error. */
int schema_errno(int rc);
int schema_errno_of(struct sqlite3 *db, int rc);

/* The one row of `meta`: what the database knows of itself. */
struct meta {
    char epoch[UUID_TEXT];             /* this database's own name */
    int64_t next_seq, next_msg;        /* numbers that are given next */
    int64_t outbox_rows, outbox_bytes; /* what waits */
    int64_t messages_dropped;          /* by the bounds of the outbox, ever */
    int64_t records_lost;              /* by a store that did not keep up, ever */
    int64_t lost_from_us, lost_to_us;  /* from the first to the last sighting of those; 0: none */
    int64_t records_removed;           /* ended ones, by retention or erase, ever */
    bool copied;                       /* `facectl backup` made it: to begin a new epoch */
};

int meta_read(struct sqlite3 *db, struct meta *ret_m);
int meta_write(struct sqlite3 *db, const struct meta *m);
