#pragma once

#include "base/mono.h"

#include <stdatomic.h>

/*
 * A thread's heartbeat: when it last moved, and whether standing still is all right just now.
 *
 * Each loop stores it, health.c reads it: a camera that waits out its back-off is healthy, a
 * worker that has been inside one picture for twenty seconds is not.
 */
enum beat_state {
    BEAT_WORKING,   /* must move again soon */
    BEAT_WAITING,   /* for work or for a time; may take as long as it likes */
    BEAT_RESOLVING, /* inside the resolver, which nobody can interrupt */
};

struct beat {
    _Atomic int64_t mono_us;
    _Atomic int state;
};

static inline void beat_set(struct beat *b, enum beat_state state)
{
    atomic_store_explicit(&b->state, state, memory_order_relaxed);
    atomic_store_explicit(&b->mono_us, mono_us(), memory_order_relaxed);
}
