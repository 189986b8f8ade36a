#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * From a stream's timestamps to the track clock, which always rises.
 *
 * Live: the moment of arrival; a camera's own clock is nobody's business. File: the moment of
 * opening plus the time since the first picture, whatever the pace it is read at. Timestamps that
 * are missing come from the frame rate; those that jump back, or forward by more than an hour,
 * begin anew one interval after the last. Pure.
 */
#define TIMELINE_NONE INT64_MIN

struct timeline {
    bool live;
    int64_t origin_us;   /* when the source was opened */
    int64_t interval_us; /* of the nominal frame rate */
    bool started;
    int64_t shift_us; /* stream time + shift = track time */
    bool shifted;     /* shift_us is known */
    int64_t last_us;
    int64_t last_stamp_us;
};

/* fps 0: not known, 25 is taken. */
void timeline_init(struct timeline *t, bool live, int64_t origin_us, double fps);

/* stamp_us: the stream's own time or TIMELINE_NONE, arrival_us: by the monotonic clock. */
int64_t timeline_next(struct timeline *t, int64_t stamp_us, int64_t arrival_us);
