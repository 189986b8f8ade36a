#pragma once

#include <stdint.h>

/*
 * Two small instruments for the status: how often something happens now, and how often it
 * happened in the last hour. Owned by one thread; time is an argument.
 */

/* The rate of a counter over the last ten seconds. Zeroed at birth. */
#define METER_SECONDS 10
struct meter {
    int64_t at_us[METER_SECONDS + 1];
    uint64_t count[METER_SECONDS + 1];
    int n, newest;
};

/* To be called about once a second with the counter's present value. Those who ask more often do
 * not make the span shorter: a value less than half a second after the last is left out. */
void meter_sample(struct meter *m, uint64_t count, int64_t mono_us);
double meter_rate(const struct meter *m); /* per second; 0 before the second sample */

/* Events of the last hour, to the minute. Zeroed at birth. */
struct hourly {
    uint32_t minute[60];
    int64_t newest; /* minutes since the clock's start */
};

void hourly_add(struct hourly *h, uint32_t n, int64_t mono_us);
uint32_t hourly_sum(struct hourly *h, int64_t mono_us);
