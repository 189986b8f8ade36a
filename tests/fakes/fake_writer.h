#pragma once

#include <stdint.h>

/*
 * The writer in the place of store/writer.c for those who only do chores with it: so many rows and
 * pages there are to take, and each costs its time by fake:mono's clock.
 */
extern struct fake_writer {
    int64_t rows, pages;     /* left to take */
    int64_t row_us, page_us; /* what one costs */
    int readers;             /* so many times the -wal cannot be emptied */
    int fail_at, code;       /* the piece of this number fails so; 0: none */
    int pieces;              /* so far */
    int64_t longest_us;      /* of them */
    int64_t last_amount;
    int shrinks_all, empties; /* pieces of these kinds */
} fake_writer;
