#include "source/guard.h"

#include "base/mono.h"

#include <stddef.h>

void guard_begin(struct guard *g, const struct stop *stop, int timeout_ms)
{
    g->stop = stop;
    g->timeout_ms = timeout_ms;
    g->until_us = mono_us() + (int64_t)timeout_ms * 1000;
    g->ended = GUARD_RUNNING;
}

void guard_begin_closing(struct guard *g, int timeout_ms)
{
    guard_begin(g, NULL, timeout_ms);
}

int guard_check(void *guard)
{
    struct guard *g = guard;
    if (g->ended != GUARD_RUNNING)
        return 1;
    if (g->stop && stop_asked(g->stop))
        g->ended = GUARD_STOPPED;
    else if (mono_us() >= g->until_us)
        g->ended = GUARD_EXPIRED;
    return g->ended != GUARD_RUNNING;
}
