#pragma once

#include <stdint.h>

/*
 * How long to wait before the next try: doubling from twice min to max, with jitter, so that forty
 * cameras behind one switch do not come back in the same instant.
 *
 * Pure arithmetic; the seed makes it repeatable. Not for use by two threads at once.
 */
struct backoff {
    int min_ms, max_ms;
    int next_ms;
    uint64_t random;
};

void backoff_init(struct backoff *b, int min_ms, int max_ms, uint64_t seed);

/* The wait before the next try: between half of the current step and all of it, never below min
 * and never above max; so the first one is between min and twice min. */
int backoff_next(struct backoff *b);

/* It worked: begin again at the bottom. */
void backoff_reset(struct backoff *b);
