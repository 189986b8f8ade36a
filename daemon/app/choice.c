#include "app/choice.h"

#include "app/overload.h"
#include "base/mono.h"
#include "flow/settings.h"
#include "flow/slot.h"
#include "sample/lag.h"
#include "sample/strain.h"

void choice_init(struct choice *c, const struct conf_camera *conf, const struct slot_face *face,
        const struct ease *ease)
{
    c->conf = conf;
    c->face = face;
    c->ease = ease;
    c->last_us = INT64_MIN;
    sampler_init(&c->sampler, conf->fps);
    scene_init(&c->scene);
}

bool choice_is_needed(const struct choice *c)
{
    return atomic_load(&c->face->needed);
}

bool choice_asks(struct choice *c, int64_t time_us)
{
    bool due = sampler_take(&c->sampler, time_us);
    c->due += due;
    return due;
}

bool choice_wants(struct choice *c, int64_t time_us, bool again)
{
    bool seen = again && time_us <= c->last_us + MONO_SECOND / 1000;
    return choice_asks(c, time_us) && !seen;
}

struct scene_change choice_look(
        struct choice *c, struct frame *f, bool lonely, struct luma *ret_luma)
{
    struct scene_change change = {.still_us = frame_time_us(f)};
    ret_luma->width = 0;
    if (c->conf->decode == DECODE_ALL)
        return change;
    bool has = frame_luma(f, ret_luma);
    scene_look(&c->scene, has ? ret_luma : NULL, frame_time_us(f), lonely, &change);
    frame_note_change(f, change.still_us, &c->scene.map);
    return change;
}

void choice_took(struct choice *c, int64_t time_us, bool still)
{
    c->last_us = time_us;
    c->still = still;
}

/* Too old to tell anybody of, where there is no time for everything? */
static bool is_outdated(const struct choice *c, int64_t age_us, int64_t unread_us)
{
    return age_us > LAG_OLD_US && (ease_active(c->ease) || unread_us > LAG_OLD_US);
}

/* Is it one of those that there is time for? What shows nothing new costs none. */
static bool is_affordable(struct choice *c, bool still)
{
    if (still)
        return true;
    c->owed += strain_share(ease_share(c->ease), choice_is_needed(c));
    bool pays = c->owed >= 1;
    c->owed -= pays;
    return pays;
}

struct frame *choice_give(struct choice *c, struct frame *f, const struct scene_change *change,
        int64_t age_us, int64_t unread_us, bool *ret_refresh)
{
    *ret_refresh = false;
    bool old = is_outdated(c, age_us, unread_us);
    if (!old && is_affordable(c, change->still))
        return f;
    c->dropped++;
    if (old) {
        frame_unref(f);
        return NULL;
    }
    *ret_refresh = true; /* who waits for a worker all the same gets the newest */
    return f;
}

struct choice_mark choice_mark(const struct choice *c)
{
    return (struct choice_mark){c->sampler, c->due};
}

void choice_rewind(struct choice *c, const struct choice_mark *mark)
{
    c->sampler = mark->sampler;
    c->due = mark->due;
}
