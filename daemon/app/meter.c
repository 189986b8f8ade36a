#include "app/meter.h"

#include "base/mono.h"

#define SLOTS   (METER_SECONDS + 1)
#define MINUTES 60

void meter_sample(struct meter *m, uint64_t count, int64_t mono_us)
{
    if (m->n && mono_us - m->at_us[m->newest] < MONO_SECOND / 2)
        return;
    m->newest = m->n ? (m->newest + 1) % SLOTS : 0;
    m->at_us[m->newest] = mono_us;
    m->count[m->newest] = count;
    if (m->n < SLOTS)
        m->n++;
}

double meter_rate(const struct meter *m)
{
    if (m->n < 2)
        return 0;
    int oldest = (m->newest + SLOTS - m->n + 1) % SLOTS;
    int64_t us = m->at_us[m->newest] - m->at_us[oldest];
    if (us <= 0)
        return 0;
    return (double)(m->count[m->newest] - m->count[oldest]) * MONO_SECOND / (double)us;
}

/* Empties the minutes that have passed since anybody looked. */
static void advance(struct hourly *h, int64_t mono_us)
{
    int64_t now = mono_us / (60 * MONO_SECOND);
    if (now - h->newest > MINUTES)
        h->newest = now - MINUTES;
    while (h->newest < now) {
        h->newest++;
        h->minute[h->newest % MINUTES] = 0;
    }
}

void hourly_add(struct hourly *h, uint32_t n, int64_t mono_us)
{
    advance(h, mono_us);
    h->minute[h->newest % MINUTES] += n;
}

uint32_t hourly_sum(struct hourly *h, int64_t mono_us)
{
    advance(h, mono_us);
    uint32_t sum = 0;
    for (int i = 0; i < MINUTES; i++)
        sum += h->minute[i];
    return sum;
}
