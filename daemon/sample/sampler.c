#include "sample/sampler.h"

void sampler_init(struct sampler *s, double fps)
{
    *s = (struct sampler){.interval_us = (int64_t)(1e6 / fps + 0.5)};
    if (s->interval_us < 1)
        s->interval_us = 1;
}

/* The frame's distance from the one before, into the smoothed spacing. */
static void learn(struct sampler *s, int64_t step_us)
{
    if (step_us > s->interval_us)
        step_us = s->interval_us; /* a pause tells nothing of the camera's rate */
    s->spacing_us = s->spacing_us ? s->spacing_us + (step_us - s->spacing_us) / 8 : step_us;
}

bool sampler_take(struct sampler *s, int64_t time_us)
{
    if (!s->started) {
        s->started = true;
        s->last_us = time_us;
        s->due_us = time_us + s->interval_us;
        return true;
    }
    if (time_us < s->last_us)
        s->due_us = time_us + (s->due_us - s->last_us); /* the clock stepped: the grid with it */
    else
        learn(s, time_us - s->last_us);
    s->last_us = time_us;
    /* Nearer to this point of the grid than the next frame will be? */
    if (time_us + s->spacing_us / 2 < s->due_us)
        return false;
    s->due_us += s->interval_us;
    if (s->due_us <= time_us)
        s->due_us = time_us + s->interval_us;
    return true;
}
