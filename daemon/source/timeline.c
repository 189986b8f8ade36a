#include "source/timeline.h"

#include "base/mono.h"

#define USUAL_FPS 25.0
#define JUMP      (3600 * MONO_SECOND)

void timeline_init(struct timeline *t, bool live, int64_t origin_us, double fps)
{
    bool sane = fps >= 0.01 && fps <= 1000.0;
    *t = (struct timeline){
            .live = live,
            .origin_us = origin_us,
            .interval_us = (int64_t)(1e6 / (sane ? fps : USUAL_FPS)),
    };
}

static int64_t live_time(const struct timeline *t, int64_t arrival_us)
{
    return t->started && arrival_us <= t->last_us ? t->last_us + 1 : arrival_us;
}

static int64_t file_time(struct timeline *t, int64_t stamp_us)
{
    int64_t expected = t->started ? t->last_us + t->interval_us : t->origin_us;
    /* Such a stamp comes from a damaged file, and sums with it would overflow. */
    if (stamp_us == TIMELINE_NONE || stamp_us > INT64_MAX / 4 || stamp_us < -(INT64_MAX / 4))
        return expected;
    int64_t step = stamp_us - t->last_stamp_us;
    bool anew = !t->shifted || step < 0 || step > JUMP;
    t->last_stamp_us = stamp_us;
    if (anew) {
        t->shift_us = expected - stamp_us;
        t->shifted = true;
    }
    int64_t time = stamp_us + t->shift_us;
    return t->started && time <= t->last_us ? t->last_us + 1 : time;
}

int64_t timeline_next(struct timeline *t, int64_t stamp_us, int64_t arrival_us)
{
    int64_t time = t->live ? live_time(t, arrival_us) : file_time(t, stamp_us);
    t->started = true;
    t->last_us = time;
    return time;
}
