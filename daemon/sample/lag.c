#include "sample/lag.h"

#include "base/mono.h"

#define JUDGE_US (MONO_SECOND / 2) /* late for so long: is it catching up? */
#define GAIN_US  (JUDGE_US / 4)    /* it is, when it has gained so much meanwhile */
#define AHEAD_US (5 * MONO_SECOND) /* a stamp that leaps so far is of a clock that was set */
#define DRIFT    1000              /* one in so many */
#define FRESH_US (LAG_OLD_US / 3)  /* a key frame from which it is worth going on */

void lag_init(struct lag *l)
{
    *l = (struct lag){.begun = false};
}

static void measure(struct lag *l, int64_t stamp_us, int64_t read_us)
{
    int64_t step_us = stamp_us - l->stamp_us, offset_us = read_us - stamp_us;
    bool anew = !l->begun || step_us < 0 || step_us > AHEAD_US;
    if (l->begun)
        l->best_us += (read_us - l->read_us) / DRIFT;
    if (anew || offset_us < l->best_us)
        l->best_us = offset_us;
    l->begun = true;
    l->stamp_us = stamp_us;
    l->read_us = read_us;
    l->late_us = offset_us - l->best_us;
}

/* Each half second while it is late. True: it gains nothing. */
static bool stands_still(struct lag *l)
{
    if (l->late_us <= LAG_OLD_US) {
        l->since_us = 0;
        return false;
    }
    if (l->since_us && l->read_us - l->since_us < JUDGE_US)
        return false;
    bool still = l->since_us && l->late_us > l->then_us - GAIN_US;
    l->since_us = l->read_us;
    l->then_us = l->late_us;
    return still;
}

enum lag_order lag_packet(struct lag *l, int64_t stamp_us, int64_t read_us, bool key)
{
    bool told = stamp_us != LAG_NO_STAMP;
    if (told)
        measure(l, stamp_us, read_us);
    else
        l->late_us = l->since_us = 0; /* it is not known to be late */
    if (told && stands_still(l)) {
        if (l->skipping) { /* nothing was left to be read: the clock stood */
            l->best_us += l->late_us;
            l->late_us = 0;
        }
        l->skipping = true;
        l->since_us = 0;
    }
    if (!l->skipping)
        return LAG_DECODE;
    if (!key || l->late_us > FRESH_US)
        return LAG_SKIP;
    l->skipping = false;
    l->since_us = 0;
    return LAG_RESUME;
}
