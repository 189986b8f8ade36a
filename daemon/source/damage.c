#include "source/damage.h"

void damage_init(struct damage *d, bool live)
{
    *d = (struct damage){.live = live, .last_us = DAMAGE_NO_TIME};
}

/* Key frames up to and including this number do not end the wait. */
static void begin_wait(struct damage *d, uint64_t bad_to)
{
    if (d->clean)
        d->unpaid = true;
    d->clean = false;
    if (bad_to > d->bad_to)
        d->bad_to = bad_to;
}

/*
 * Cameras lower their rate in the dark and some are never regular. An interval is a gap only when
 * it is clearly longer than all recent ones; then it counts among them, so that a camera that
 * changed its rate is complained of once. What lies below is told by the decoder's own complaints.
 */
static bool is_gap(struct damage *d, int64_t dts_us)
{
    if (dts_us == DAMAGE_NO_TIME)
        return false;
    int64_t step = d->last_us == DAMAGE_NO_TIME ? 0 : dts_us - d->last_us;
    d->last_us = dts_us;
    if (step <= 0)
        return false;
    int64_t longest = 0;
    for (unsigned i = 0; i < DAMAGE_WINDOW; i++) {
        if (d->window[i] > longest)
            longest = d->window[i];
    }
    bool known = d->n_window >= 4;
    d->window[d->n_window++ % DAMAGE_WINDOW] = step;
    return known && step * 5 > longest * 8;
}

void damage_packet(struct damage *d, uint64_t number, int64_t dts_us, bool damaged)
{
    if (d->live && is_gap(d, dts_us))
        begin_wait(d, number - 1); /* this one may itself be the clean key frame */
    if (damaged)
        begin_wait(d, number);
}

void damage_error(struct damage *d, uint64_t number)
{
    begin_wait(d, number);
}

void damage_restart(struct damage *d, uint64_t number)
{
    d->clean = false;
    if (number > d->bad_to)
        d->bad_to = number;
    d->last_us = DAMAGE_NO_TIME;
}

bool damage_frame(struct damage *d, uint64_t number, bool key, bool flagged)
{
    if (flagged)
        begin_wait(d, number);
    if (!d->clean && key && number > d->bad_to) {
        d->clean = true;
        d->clean_from = number;
    }
    bool pass = d->clean && number >= d->clean_from;
    if (!pass) {
        d->withheld++;
        d->events += d->unpaid;
        d->unpaid = false;
    }
    return pass;
}
