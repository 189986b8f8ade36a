#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * When a camera's pictures came and were looked at: the tracker's clock.
 *
 * Tells how much time passed, which of the latest looks lie within the time in which a person must
 * be confirmed, and whether pictures have failed to come for so long that the camera counts as
 * dead. Pure; times in microseconds of any clock, which may step back: what was so long ago stays
 * so long ago.
 */
#define RHYTHM_PAST      64 /* looks remembered: a second has at most 30 */
#define RHYTHM_INTERVALS 4

struct rhythm {
    int64_t now_us;
    int64_t picture_us;                    /* the latest picture */
    bool begun;                            /* there was one */
    int64_t interval_us[RHYTHM_INTERVALS]; /* the latest times between pictures; 0: not yet */
    int64_t looked_us[RHYTHM_PAST];        /* when pictures were looked at, the latest first */
    int looks;
};

/* It is time_us now. Returns the time that passed, below 0 when the clock stepped back. */
int64_t rhythm_advance(struct rhythm *r, int64_t time_us);

/* A picture came; and it was looked at. */
void rhythm_picture(struct rhythm *r);
void rhythm_look(struct rhythm *r);

/* The latest looks as bits, the latest lowest: all of the last second, and at least so many more
 * than the latest. */
uint64_t rhythm_window(const struct rhythm *r, int at_least);

/* Has no picture come for lost_us, or for one and a half of the usual time between two, where that
 * is longer? */
bool rhythm_dead(const struct rhythm *r, int64_t lost_us);

/* A moment, after the clock stepped back by by_us (below 0) to time_us. */
int64_t rhythm_moved(int64_t then_us, int64_t by_us, int64_t time_us);
