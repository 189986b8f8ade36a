#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A copy of the database, and what it becomes when a daemon opens it.
 *
 * Two databases must not give out the same message numbers under one name, so a copy is marked and
 * begins a new epoch when it is first opened for writing: the numbers start at 1, and what waited
 * is numbered anew. It is sent, since nobody knows whether the original lived long enough to send
 * it; notices of messages lost go, for they speak of numbers of the other epoch. Records keep
 * their seq.
 */
struct meta;
struct sqlite3;

struct copy_made {
    int64_t bytes, records;
};

/*
 * Makes a marked copy of what is committed now, while a daemon may write: through a reading
 * connection, into a file beside `to` that takes its name when it is whole and on disk. Its mode is
 * 0600. One that is there is replaced only by force. each() hears how many bytes are written, and
 * roughly of how many. 0, or a negative errno with a sentence.
 */
int copy_make(const char *path, const char *to, bool force,
        void (*each)(int64_t bytes, int64_t of, void *arg), void *arg, struct copy_made *ret_made,
        struct err *e);

/* Begins the new epoch in a transaction of its own and reads *m again. SQLite's code. */
int copy_begin(struct sqlite3 *db, struct meta *m);
