#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Which of a camera's frames are analysed: as many as the configured rate asks for, evenly.
 *
 * Frames are due on a grid of the sampling interval, and the frame nearest to each point of the
 * grid is taken, so that the jitter of a network neither loses nor adds any and the average is
 * the rate that was asked for. After a pause the grid begins anew instead of catching up. A camera
 * that is slower than the rate has every frame taken. Pure; one per open source.
 */
struct sampler {
    int64_t interval_us;
    int64_t due_us;
    int64_t last_us;
    int64_t spacing_us; /* the camera's own interval, smoothed; 0: not known yet */
    bool started;
};

/* fps: from 0.5 to 30 by the configuration; anything above 0 works. */
void sampler_init(struct sampler *s, double fps);

/* time_us: the frame's time by the track clock. The first one is always taken. */
bool sampler_take(struct sampler *s, int64_t time_us);
