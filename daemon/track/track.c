#include "track/track.h"

#include "base/mono.h"
#include "track/rhythm.h"

#include <math.h>

void track_begin(struct track *k, uint64_t id, const struct face *face, bool held, int64_t now_us)
{
    *k = (struct track){
            .id = id,
            .face = *face,
            .first_us = now_us,
            .last_us = now_us,
            .there_us = now_us,
            .sure = 1,
            .found = true,
            .held = held,
    };
    motion_start(&k->motion, &face->box);
    still_start(&k->still, &face->box);
}

void track_found(struct track *k, const struct face *face, bool sure, int64_t now_us)
{
    motion_update(&k->motion, &face->box);
    k->face = *face;
    k->last_us = k->there_us = now_us;
    k->missed = 0;
    k->found = true;
    k->sure |= sure;
}

void track_predict(struct track *k, float seconds, int width, int height)
{
    motion_predict(&k->motion, seconds);
    const struct point *at = &k->motion.at;
    k->outside =
            width > 0 && (at->x < 0 || at->y < 0 || at->x > (float)width || at->y > (float)height);
}

void track_coast(struct track *k, int64_t passed_us, int64_t now_us)
{
    k->there_us = mono_plus(k->there_us, passed_us);
    k->found = false;
    k->resting = k->missed == 0;
    if (k->resting)
        k->last_us = now_us;
}

void track_rest(struct track *k, int64_t passed_us, int64_t now_us)
{
    track_coast(k, passed_us, now_us);
    motion_rest(&k->motion);
}

void track_step_back(struct track *k, int64_t by_us, int64_t now_us)
{
    k->first_us = rhythm_moved(k->first_us, by_us, now_us);
    k->last_us = rhythm_moved(k->last_us, by_us, now_us);
    k->there_us = rhythm_moved(k->there_us, by_us, now_us);
}

static struct box both(const struct box *a, const struct box *b)
{
    float right = fmaxf(a->x + a->w, b->x + b->w), bottom = fmaxf(a->y + a->h, b->y + b->h);
    struct box all = {fminf(a->x, b->x), fminf(a->y, b->y), 0, 0};
    all.w = right - all.x;
    all.h = bottom - all.y;
    return all;
}

struct expected track_expect(const struct track *k, float seconds, int width, int height)
{
    struct motion then = k->motion;
    struct box now = motion_box(&then);
    motion_predict(&then, seconds);
    struct box later = motion_box(&then), b = both(&now, &later);
    bool leaves = width > 0 &&
                  (b.x < 0 || b.y < 0 || b.x + b.w > (float)width || b.y + b.h > (float)height);
    return (struct expected){
            .box = b,
            .open = k->state != TRACK_CONFIRMED || k->missed > 0 || leaves,
            .doubt = motion_doubt(&then),
    };
}

struct sighting track_sighting(const struct track *k)
{
    struct sighting s = {
            .track = k->id,
            .state = k->state,
            .found = k->found,
            .resting = k->resting,
            .face = k->face,
            .first_us = k->first_us,
            .last_us = k->last_us,
    };
    if (!k->found && k->state != TRACK_GONE) {
        s.face.box = motion_box(&k->motion);
        s.face.has_marks = false;
    }
    return s;
}
