#include "app/doze.h"

#include "app/choice.h"
#include "app/lean.h"
#include "app/overload.h"
#include "app/replay.h"
#include "app/sparing.h"
#include "base/mem.h"
#include "base/mono.h"
#include "flow/frame.h"
#include "flow/slot.h"
#include "sample/vigil.h"
#include "source/decoder.h"

#include <stdlib.h>

#define LEAD_US (MONO_SECOND / 2) /* so much at least is decoded of what was before the alarm */

struct doze {
    /* set at birth */
    struct decoder *decoder;
    bool gated; /* it may sleep */
    /* owned by the camera's thread */
    struct choice choice;
    struct scene rough; /* what is new by what is peeked at */
    struct vigil vigil;
    struct doze_counts counts;
    int64_t now_us; /* of the latest packet */
    struct sparing sparing;
    struct replay replay;
    struct lean lean;
    struct frame *ready;     /* a checked key frame */
    bool ready_refresh;      /* it is for one that waits */
    enum source_fault fault; /* of a kept packet; told with the next push */
    struct err trouble;
};

struct doze *doze_new(const struct conf_camera *conf, const struct stream *stream,
        struct decoder *decoder, const struct slot_face *face, const struct ease *ease)
{
    struct doze *d = mem_new(1, sizeof(*d));
    bool hasty = stream->live || conf->pace != PACE_MAX; /* its pictures cannot wait */
    d->decoder = decoder;
    d->gated = conf->decode == DECODE_AUTO && hasty;
    choice_init(&d->choice, conf, face, hasty ? ease : NULL);
    scene_init(&d->rough);
    vigil_init(&d->vigil);
    sparing_init(&d->sparing, decoder, conf->fps);
    replay_init(&d->replay, &d->choice, &d->sparing);
    lean_init(&d->lean, &d->choice, &d->replay, &d->sparing, &d->vigil, stream->prompt);
    return d;
}

void doze_free(struct doze *d)
{
    if (!d)
        return;
    frame_unref(d->ready);
    replay_destroy(&d->replay);
    free(d);
}

/* ------------------------------------------------------------- pictures --- */

static struct scene_change look(struct doze *d, struct frame *f)
{
    struct luma luma;
    bool lonely = d->gated && !choice_is_needed(&d->choice);
    struct scene_change change = choice_look(&d->choice, f, lonely, &luma);
    if (luma.width > 0)
        quiet_picture(&d->vigil.quiet, luma.width, luma.height);
    return change;
}

/* Is the picture of this time to be analysed? */
static bool is_wanted(struct doze *d, int64_t time_us)
{
    bool late = replay_active(&d->replay);
    d->counts.frames += !late && !d->sparing.on; /* else it was counted as a packet */
    d->sparing.pictures += !late;
    return choice_wants(&d->choice, time_us, late); /* what is decoded again has been seen */
}

/* One that is; NULL: there is no time for it. */
static struct frame *consider(struct doze *d, struct frame *f, bool *ret_refresh)
{
    int64_t time_us = frame_time_us(f);
    struct scene_change change = look(d, f);
    choice_took(&d->choice, time_us, change.still);
    vigil_picture(&d->vigil, &change, time_us);
    int64_t unread_us = d->lean.lag.late_us;
    return choice_give(
            &d->choice, f, &change, d->now_us - time_us + unread_us, unread_us, ret_refresh);
}

/* A key frame that was decoded alone is given out, whatever the rate asks for. */
static void make_ready(struct doze *d, struct frame *f)
{
    d->ready = f;
    choice_took(&d->choice, frame_time_us(f), d->choice.still);
}

/* ------------------------------------------------------------- asleep --- */

static void wake(struct doze *d, int from, bool rewind)
{
    replay_wake(&d->replay, from, d->now_us, rewind);
}

/*
 * Asleep: what cannot be kept for want of memory wakes, as what there is no room for does. What
 * came before it is decoded, and it after that: with a hole the rest would be rubbish. False: it
 * has woken. rewind: it was decoded before.
 */
static bool hold(struct doze *d, const struct packet *p, bool rewind)
{
    if (replay_keep(&d->replay, p))
        return true;
    replay_last(&d->replay, p);
    vigil_rouse(&d->vigil, p->time_us);
    wake(d, replay_key_place(&d->replay, p->time_us - LEAD_US), rewind);
    return false;
}

static enum source_fault check(struct doze *d, const struct packet *p, struct err *e)
{
    struct frame *f;
    enum source_fault fault = sparing_alone(&d->sparing, p, &f, e);
    if (fault != SOURCE_OK)
        return fault;
    struct scene_change change;
    if (f)
        change = look(d, f);
    if (vigil_checked(&d->vigil, f ? &change : NULL, p->time_us)) {
        if (!replay_holds(&d->replay))
            scene_follow(&d->rough, &d->choice.scene); /* it has just fallen asleep */
        replay_settle(&d->replay);
        make_ready(d, f);
        if (hold(d, p, true))
            decoder_restart(d->decoder, false);
        return SOURCE_OK;
    }
    frame_unref(f);
    if (!replay_holds(&d->replay))
        replay_mark(&d->replay); /* it was about to fall asleep: the sampler is as it is */
    replay_last(&d->replay, p);
    wake(d, 0, true);
    return SOURCE_OK;
}

/* What a packet that is kept shows roughly. */
static void peek(struct doze *d, const struct packet *p)
{
    struct luma luma;
    struct scene_change change;
    struct frame *f = decoder_peek(d->decoder, replay_key(&d->replay, p->time_us), p);
    bool seen = f && frame_luma(f, &luma);
    if (seen)
        scene_look(&d->rough, &luma, p->time_us, true, &change);
    frame_unref(f);
    if (!vigil_peeked(&d->vigil, seen ? &change : NULL, p->time_us))
        wake(d, 0, false);
}

/* ------------------------------------------------------------- packets --- */

static enum source_fault push_gated(struct doze *d, const struct packet *p, struct err *e)
{
    bool needed = choice_is_needed(&d->choice);
    struct vigil_packet packet = {
            p->time_us, p->size, p->key, needed, replay_room(&d->replay, p->size)};
    d->vigil.peeks = decoder_can_peek(d->decoder); /* software may have taken over */
    switch (vigil_packet(&d->vigil, &packet)) {
    case VIGIL_CHECK: return check(d, p, e);
    case VIGIL_KEEP: (void)hold(d, p, false); return SOURCE_OK;
    case VIGIL_PEEK:
        if (hold(d, p, false))
            peek(d, p);
        return SOURCE_OK;
    case VIGIL_WAKE:
        replay_last(&d->replay, p);
        wake(d, replay_key_place(&d->replay, p->time_us - LEAD_US), false);
        return SOURCE_OK;
    case VIGIL_DECODE: break;
    }
    if (replay_active(&d->replay)) { /* those that were kept come first */
        replay_follow(&d->replay, p);
        return SOURCE_OK;
    }
    if (p->key)
        sparing_group(&d->sparing, p->time_us, d->choice.still && !needed);
    d->counts.frames += d->sparing.on;
    return decoder_push(d->decoder, p, e);
}

static enum source_fault push_end(struct doze *d)
{
    if (d->vigil.asleep || d->lean.on)
        return SOURCE_OK;
    if (!replay_active(&d->replay))
        return decoder_push(d->decoder, NULL, NULL);
    replay_end(&d->replay);
    return SOURCE_OK;
}

static enum source_fault push_lean(struct doze *d, const struct packet *p, struct err *e)
{
    struct frame *f;
    enum source_fault fault = lean_push(&d->lean, p, &f, e);
    if (f) {
        (void)look(d, f);
        make_ready(d, f);
    }
    return fault;
}

enum source_fault doze_push(struct doze *d, const struct packet *packet, struct err *e)
{
    if (d->fault != SOURCE_OK) {
        *e = d->trouble;
        return d->fault;
    }
    if (d->choice.conf->decode == DECODE_KEYFRAMES) {
        if (!packet)
            return SOURCE_OK;
        d->counts.frames += !packet->key;
        d->counts.undecoded += !packet->key;
        struct frame *f = NULL;
        enum source_fault fault =
                packet->key ? sparing_alone(&d->sparing, packet, &f, e) : SOURCE_OK;
        if (f && is_wanted(d, frame_time_us(f)))
            d->ready = consider(d, f, &d->ready_refresh);
        else
            frame_unref(f);
        return fault;
    }
    if (!packet)
        return push_end(d);
    d->now_us = packet->time_us;
    switch (lean_packet(&d->lean, packet)) {
    case LEAN_SKIP: return SOURCE_OK;
    case LEAN_KEYS: return push_lean(d, packet, e);
    case LEAN_DECODE: break;
    }
    bool through = !d->gated && !replay_active(&d->replay);
    return through ? decoder_push(d->decoder, packet, e) : push_gated(d, packet, e);
}

/*
 * The worker has not taken the latest picture yet: the next one would replace it. Nobody waits for
 * him here, as packets that are not read would all come at once later; what is kept can wait.
 */
static bool must_wait(const struct doze *d)
{
    return replay_is_patient(&d->replay, d->now_us) && !ease_active(d->choice.ease) &&
           slot_face_full(d->choice.face);
}

/* Gives the decoder the next of the packets that were kept; false: no more for now. */
static bool catch_up(struct doze *d)
{
    const struct packet *p;
    if (d->fault != SOURCE_OK)
        return false;
    switch (replay_next(&d->replay, must_wait(d), &p)) {
    case REPLAY_NONE: return false;
    case REPLAY_PACKET:
        d->fault = decoder_push(d->decoder, p, &d->trouble);
        return d->fault == SOURCE_OK;
    case REPLAY_OVER: vigil_caught_up(&d->vigil); return false;
    case REPLAY_ENDED:
        vigil_caught_up(&d->vigil);
        return decoder_push(d->decoder, NULL, NULL) == SOURCE_OK;
    }
    return false;
}

struct frame *doze_pull(struct doze *d, bool *ret_refresh)
{
    *ret_refresh = d->ready_refresh;
    d->ready_refresh = false;
    struct frame *f = d->ready;
    d->ready = NULL;
    if (f || d->choice.conf->decode == DECODE_KEYFRAMES)
        return f;
    int64_t time_us;
    do {
        while (decoder_next(d->decoder, &time_us)) {
            /* One that the rate does not ask for need not leave the card. */
            f = is_wanted(d, time_us) ? decoder_take(d->decoder) : NULL;
            f = f ? consider(d, f, ret_refresh) : NULL;
            if (f)
                return f;
        }
    } while (catch_up(d));
    return NULL;
}

struct doze_counts doze_counts(const struct doze *d)
{
    struct doze_counts counts = d->counts;
    counts.frames += d->replay.frames;
    counts.undecoded += d->replay.undecoded;
    counts.wakes += d->replay.wakes;
    counts.due = d->choice.due;
    counts.dropped = d->choice.dropped;
    counts.asleep = d->vigil.asleep;
    counts.behind = d->lean.behind;
    counts.lean = d->lean.on;
    counts.late = replay_active(&d->replay);
    counts.ending = d->replay.ending;
    return counts;
}
