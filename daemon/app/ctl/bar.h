#pragma once

#include <stdint.h>

/*
 * How far a long work is, for the person who waits: one line on standard error, written over and
 * over, and only on a terminal.
 */
struct bar {
    const char *what; /* "erased" */
    int64_t total;    /* 0: nobody knows */
    int width;        /* of what stands there now */
};

void bar_show(struct bar *b, int64_t done);
void bar_clear(struct bar *b);
