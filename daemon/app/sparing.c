#include "app/sparing.h"

#include "source/decoder.h"

#include <stddef.h>

#define DENSE 2 /* pictures for each that the rate asks for: those between are not missed */

void sparing_init(struct sparing *s, struct decoder *decoder, double fps)
{
    *s = (struct sparing){.decoder = decoder, .fps = fps};
}

/*
 * Nobody is missed for want of a picture that no other needs, where enough are left for the
 * sampler; how many those are is learnt while nobody is there. The loop filter is different:
 * without it the same faces are found, but they look a year older (docs/performance.md).
 */
void sparing_group(struct sparing *s, int64_t time_us, bool nobody)
{
    int64_t passed_us = time_us - s->since_us;
    if (s->on && passed_us > 0)
        s->dense = s->pictures * 1e6 >= DENSE * s->fps * (double)passed_us;
    s->on = s->dense || nobody;
    s->since_us = time_us;
    s->pictures = 0;
    decoder_spare(s->decoder, nobody, s->on);
}

void sparing_restart(struct sparing *s, bool rewind)
{
    decoder_restart(s->decoder, rewind);
    decoder_spare(s->decoder, false, false);
    s->on = false;
}

enum source_fault sparing_alone(
        struct sparing *s, const struct packet *p, struct frame **ret, struct err *e)
{
    int64_t time_us;
    decoder_restart(s->decoder, false);
    enum source_fault fault = decoder_push(s->decoder, p, e);
    *ret = fault == SOURCE_OK ? decoder_pull(s->decoder) : NULL;
    if (fault == SOURCE_OK && !*ret && decoder_push(s->decoder, NULL, NULL) == SOURCE_OK)
        *ret = decoder_pull(s->decoder);
    while (decoder_next(s->decoder, &time_us)) {
    }
    return fault;
}
