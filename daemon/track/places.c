#include "track/places.h"

#include "base/mono.h"
#include "flow/box.h"

#include <math.h>

/* A poster's box trembles: its centre by up to 0.1 of its size, its size by up to a fifth (measured
 * on composed scenes, two posters in a thousand pictures). */
#define HERE_AWAY  0.25f
#define HERE_RATIO 0.3f /* of the size's logarithm */

#define MEAN_OF    5 /* boxes make the place */
#define AWAY       2 /* boxes in a row outside of it: it moved; one may be a mistake */

bool still_here(const struct box *place, const struct box *b)
{
    struct point p = box_centre(place), c = box_centre(b);
    float size = sqrtf(place->w * place->h);
    return hypotf(c.x - p.x, c.y - p.y) <= HERE_AWAY * size &&
           fabsf(logf(sqrtf(b->w * b->h) / size)) <= HERE_RATIO;
}

void still_start(struct still *s, const struct box *b)
{
    *s = (struct still){.place = *b, .n = 1};
}

static void mean(float *m, float x, int n)
{
    *m += (x - *m) / (float)n;
}

void still_see(struct still *s, const struct box *b)
{
    s->away = still_here(&s->place, b) ? 0 : s->away + 1;
    if (s->away >= AWAY)
        s->moved = true;
    if (s->n >= MEAN_OF || s->away > 0)
        return;
    s->n++;
    mean(&s->place.x, b->x, s->n);
    mean(&s->place.y, b->y, s->n);
    mean(&s->place.w, b->w, s->n);
    mean(&s->place.h, b->h, s->n);
}

static int place_of(const struct places *p, const struct box *b)
{
    for (int i = 0; i < p->n; i++) {
        if (still_here(&p->list[i].box, b))
            return i;
    }
    return -1;
}

/* A new place, in the room of the one seen least lately where there is none left. */
static int place_new(struct places *p)
{
    if (p->n < PLACES_MAX)
        return p->n++;
    int oldest = 0;
    for (int i = 1; i < p->n; i++) {
        if (p->list[i].seen_us < p->list[oldest].seen_us)
            oldest = i;
    }
    return oldest;
}

void places_add(struct places *p, const struct box *b, int64_t still_us, int64_t now_us)
{
    int i = place_of(p, b);
    if (i < 0) {
        i = place_new(p);
        p->list[i] = (struct place){.box = *b};
    }
    p->list[i].still_us = mono_plus(p->list[i].still_us, still_us);
    p->list[i].tracks++;
    p->list[i].seen_us = now_us;
}

void places_see(struct places *p, const struct box *b, int64_t now_us)
{
    int i = place_of(p, b);
    if (i < 0)
        return;
    p->list[i].seen_us = now_us;
    if (p->list[i].echoes < PLACE_ECHOES)
        p->list[i].echoes++;
}

bool places_hold(const struct places *p, const struct box *b)
{
    int i = place_of(p, b);
    if (i < 0)
        return false;
    const struct place *k = &p->list[i];
    return k->still_us >= PLACE_STILL_US || k->tracks >= PLACE_TRACKS || k->echoes >= PLACE_ECHOES;
}

void places_forget(struct places *p, int64_t now_us)
{
    for (int i = p->n - 1; i >= 0; i--) {
        if (mono_minus(now_us, p->list[i].seen_us) >= PLACE_US)
            p->list[i] = p->list[--p->n];
    }
}

void places_step_back(struct places *p, int64_t by_us, int64_t now_us)
{
    for (int i = 0; i < p->n; i++) {
        int64_t us = mono_plus(p->list[i].seen_us, by_us);
        p->list[i].seen_us = us < now_us ? us : now_us;
    }
}
