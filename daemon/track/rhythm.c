#include "track/rhythm.h"

#include "base/mono.h"

int64_t rhythm_moved(int64_t then_us, int64_t by_us, int64_t time_us)
{
    int64_t us = mono_plus(then_us, by_us);
    return us < time_us ? us : time_us;
}

int64_t rhythm_advance(struct rhythm *r, int64_t time_us)
{
    int64_t passed = r->begun ? mono_minus(time_us, r->now_us) : 0;
    if (passed < 0) {
        r->picture_us = rhythm_moved(r->picture_us, passed, time_us);
        for (int i = 0; i < r->looks; i++)
            r->looked_us[i] = rhythm_moved(r->looked_us[i], passed, time_us);
    }
    r->now_us = time_us;
    return passed;
}

void rhythm_picture(struct rhythm *r)
{
    if (r->begun) {
        for (int i = RHYTHM_INTERVALS - 1; i > 0; i--)
            r->interval_us[i] = r->interval_us[i - 1];
        r->interval_us[0] = mono_minus(r->now_us, r->picture_us);
    }
    r->begun = true;
    r->picture_us = r->now_us;
}

void rhythm_look(struct rhythm *r)
{
    if (r->looks < RHYTHM_PAST)
        r->looks++;
    for (int i = r->looks - 1; i > 0; i--)
        r->looked_us[i] = r->looked_us[i - 1];
    r->looked_us[0] = r->now_us;
}

uint64_t rhythm_window(const struct rhythm *r, int at_least)
{
    uint64_t bits = 0;
    for (int i = 0; i < r->looks; i++) {
        if (i <= at_least || mono_minus(r->now_us, r->looked_us[i]) <= MONO_SECOND)
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

bool rhythm_dead(const struct rhythm *r, int64_t lost_us)
{
    /* the smallest of the latest intervals: an outage among them does not count as usual */
    int64_t usual = 0;
    for (int i = 0; i < RHYTHM_INTERVALS; i++) {
        int64_t one = r->interval_us[i];
        if (one > 0 && (usual == 0 || one < usual))
            usual = one;
    }
    usual = mono_plus(usual, usual / 2);
    return r->begun && mono_minus(r->now_us, r->picture_us) >= (usual > lost_us ? usual : lost_us);
}
