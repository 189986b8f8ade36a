#include "app/lean.h"

#include "app/choice.h"
#include "app/overload.h"
#include "app/replay.h"
#include "app/sparing.h"
#include "sample/vigil.h"
#include "source/decoder.h"

void lean_init(struct lean *l, struct choice *choice, struct replay *replay,
        struct sparing *sparing, struct vigil *vigil, bool prompt)
{
    *l = (struct lean){.choice = choice,
            .replay = replay,
            .sparing = sparing,
            .vigil = vigil,
            .prompt = prompt};
    lag_init(&l->lag);
}

static void leave_to_others(struct lean *l, const struct packet *p)
{
    struct vigil_packet packet = {.time_us = p->time_us, .size = p->size, .key = p->key};
    vigil_pass(l->vigil, &packet);
}

/* What followed on the latest key frame will not be decoded: all that was due since is lost for
 * want of time, but that one where it was given out. */
static void give_up(struct lean *l)
{
    uint64_t due = l->choice->due - l->replay->then.due;
    l->choice->dropped += due > l->shown ? due - l->shown : 0;
    l->shown = 0;
    replay_give_up(l->replay);
}

/* ------------------------------------------------------------- what is to be done --- */

static enum lag_order heed_lag(struct lean *l, const struct packet *p)
{
    if (!l->prompt)
        return LAG_DECODE;
    enum lag_order order = lag_packet(&l->lag, p->stamp_us, p->time_us, p->key);
    l->behind += order == LAG_SKIP || l->lag.late_us > LAG_OLD_US;
    return order;
}

static void skip(struct lean *l, const struct packet *p)
{
    if (l->on)
        give_up(l);
    l->on = false;
    uint64_t due = l->choice->due;
    replay_give_up(l->replay);
    replay_pass_by(l->replay, p);
    leave_to_others(l, p);
    l->choice->dropped += l->choice->due - due;
}

/* Is this packet's fate that of key frames only? Both ways lead over a key frame, but where
 * somebody is needed: then what was kept since the last one is decoded. */
static bool heed_order(struct lean *l, const struct packet *p)
{
    bool wanted = ease_keys(l->choice->ease) && !choice_is_needed(l->choice);
    if (!l->on) {
        if (!wanted || !p->key || replay_active(l->replay) || l->vigil->asleep)
            return false;
        replay_give_up(l->replay);
        l->on = true;
        return true;
    }
    if (wanted || !p->key)
        return true;
    l->on = false;
    give_up(l);
    sparing_restart(l->sparing, false);
    return false;
}

enum lean_order lean_packet(struct lean *l, const struct packet *p)
{
    enum lag_order order = heed_lag(l, p);
    if (order == LAG_SKIP) {
        skip(l, p);
        return LEAN_SKIP;
    }
    if (order == LAG_RESUME)
        sparing_restart(l->sparing, false);
    return heed_order(l, p) ? LEAN_KEYS : LEAN_DECODE;
}

/* ------------------------------------------------------------- key frames only --- */

static enum source_fault show_key(
        struct lean *l, const struct packet *p, struct frame **ret, struct err *e)
{
    enum source_fault fault = sparing_alone(l->sparing, p, ret, e);
    if (fault != SOURCE_OK)
        return fault;
    give_up(l);
    l->shown = *ret ? 1 : 0;
    decoder_restart(l->sparing->decoder, false);
    if (!replay_keep(l->replay, p))
        replay_count(l->replay, p); /* it is shown, and what follows on it is passed by */
    return SOURCE_OK;
}

enum source_fault lean_push(
        struct lean *l, const struct packet *p, struct frame **ret, struct err *e)
{
    *ret = NULL;
    leave_to_others(l, p);
    if (p->key)
        return show_key(l, p, ret, e);
    /* Without its key frame it is worth nothing, and without room or memory neither is that. */
    bool follows = replay_holds(l->replay);
    if (follows && choice_is_needed(l->choice)) {
        replay_last(l->replay, p);
        l->on = false;
        vigil_rouse(l->vigil, p->time_us);
        replay_wake(l->replay, 0, p->time_us, false);
        return SOURCE_OK;
    }
    if (follows && replay_keep(l->replay, p))
        return SOURCE_OK;
    if (follows)
        give_up(l);
    replay_pass_by(l->replay, p);
    return SOURCE_OK;
}
