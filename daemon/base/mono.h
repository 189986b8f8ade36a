#pragma once

#include <stdint.h>

/*
 * The clocks. One type for time everywhere: int64_t microseconds.
 *
 * mono_ is for intervals and never steps; boot_ is the same but also counts while the machine
 * sleeps, and means something only together with the boot's id; wall_ is UTC and only for what
 * leaves the house. This file is the only one that asks the kernel for the time, so that tests
 * put a fake in its place at link time.
 */
#define MONO_SECOND INT64_C(1000000)

int64_t mono_us(void);
int64_t mono_boot_us(void);
int64_t mono_wall_us(void);

/* The kernel's id of this boot, as it stands in /proc; "" where that cannot be read. */
const char *mono_boot_id(void);

/* Sleeps the thread; for pacing a file, never for waiting for somebody. */
void mono_sleep_us(int64_t us);

/* Sums and differences of times that came from outside, where any int64_t is possible: they stop
 * at the ends. */
static inline int64_t mono_plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static inline int64_t mono_minus(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return a < 0 ? INT64_MIN : INT64_MAX;
    return difference;
}
