#pragma once

#include "base/err.h"
#include "base/uuid.h"

#include <stdint.h>

struct reader;

/*
 * Where another database, which copies this one, goes on: epoch and seq, for facectl and for the
 * web page.
 *
 * A seq counts the people of one database. Where that was begun anew (damage, a copy, another disk)
 * the old seq means nothing: below the new ones people would be passed over in silence, and above
 * the last one it would stay silent until as many had come. So it is judged before it is used.
 *
 * Threads: the reader's. Ask between reader_hold() and reader_release(), so that what is read next
 * is of the database that was judged.
 */

enum {
    CURSOR_GOES_ON = 0,
    CURSOR_BEGINS = 1, /* *after_seq was of another database, and is 0 now */
};

/*
 * epoch: the database of which *after_seq is, NULL where that was not said. One of these two;
 * -ERANGE: no such seq was ever given here; another negative: the database cannot be read.
 * ret_epoch is always written.
 */
int cursor_judge(struct reader *r, const char *epoch, int64_t *after_seq, char ret_epoch[UUID_TEXT],
        struct err *e);
