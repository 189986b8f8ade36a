#pragma once

#include "base/stop.h"

#include <stdint.h>

/*
 * The end of every blocking call into libav: a deadline set before it, and the wish to stop.
 *
 * libav asks guard_check() about ten times a second while it waits. Its error code afterwards says
 * little (a passed deadline comes back as "invalid data"), so the guard remembers why it said
 * "enough". Owned by the thread that makes the calls.
 */
enum guard_end {
    GUARD_RUNNING, /* the call ended by itself */
    GUARD_STOPPED,
    GUARD_EXPIRED,
};

struct guard {
    const struct stop *stop;
    int64_t until_us;
    int timeout_ms;
    enum guard_end ended;
};

void guard_begin(struct guard *g, const struct stop *stop, int timeout_ms);

/*
 * For closing: deaf to stop, because a callback that says "enough" during avformat_close_input()
 * suppresses the TEARDOWN, and cameras run out of sessions.
 */
void guard_begin_closing(struct guard *g, int timeout_ms);

/* libav's interrupt callback; 1: enough. */
int guard_check(void *guard);
