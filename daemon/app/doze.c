#include "app/doze.h"

#include "app/choice.h"
#include "app/overload.h"
#include "base/mem.h"
#include "base/mono.h"
#include "flow/frame.h"
#include "flow/slot.h"
#include "sample/lag.h"
#include "sample/vigil.h"
#include "source/backlog.h"
#include "source/decoder.h"

#include <limits.h>
#include <stdlib.h>

#define BATCH       12 /* kept packets that are decoded with each new one: half a second's */
#define LEAD_US     (MONO_SECOND / 2) /* so much at least is decoded of what was before the alarm */
#define PATIENCE_US (5 * MONO_SECOND) /* so long it decodes no faster than the worker takes */
#define AWAKE       (-1)
#define DENSE       2 /* pictures for each that the rate asks for: those between are not missed */

struct doze {
    /* set at birth */
    const struct conf_camera *conf;
    const struct slot_face *face;
    struct decoder *decoder;
    const struct ease *ease;
    bool gated;  /* it may sleep */
    bool hasty;  /* its pictures cannot wait */
    bool prompt; /* one that is old has waited unread */
    /* owned by the camera's thread */
    struct choice choice;
    struct scene rough; /* what is new by what is peeked at */
    struct vigil vigil;
    struct doze_counts counts;
    struct lag lag;
    int64_t now_us; /* of the latest packet */
    bool lean;      /* key frames only */

    /* Pictures that no other needs are left out where the others suffice. */
    bool sparing;     /* since the latest key frame */
    bool dense;       /* they suffice, as was seen while nobody was there */
    int64_t since_us; /* that key frame's time */
    int pictures;     /* that came since */

    /* what is kept while asleep, and where the choice was before that */
    struct backlog *kept;
    struct choice_mark then;
    /* awake again: the next of them to be decoded, or AWAKE */
    int next;
    int left; /* as many with this push */
    int64_t woke_us;
    const struct packet *beyond; /* the one for which there was no room; borrowed for a push */
    bool ending;                 /* the source has */
    struct frame *ready;         /* a checked key frame */
    bool refresh;                /* what was pulled last is for one that waits */
    enum source_fault fault;     /* of a kept packet; told with the next push */
    struct err trouble;
};

struct doze *doze_new(const struct conf_camera *conf, const struct stream *stream,
        struct decoder *decoder, const struct slot_face *face, const struct ease *ease)
{
    struct doze *d = mem_new(1, sizeof(*d));
    d->conf = conf;
    d->face = face;
    d->decoder = decoder;
    d->hasty = stream->live || conf->pace != PACE_MAX;
    d->gated = conf->decode == DECODE_AUTO && d->hasty;
    d->ease = d->hasty ? ease : NULL;
    d->prompt = stream->prompt;
    d->next = AWAKE;
    choice_init(&d->choice, conf, face, d->ease);
    scene_init(&d->rough);
    vigil_init(&d->vigil);
    lag_init(&d->lag);
    d->kept = backlog_new();
    return d;
}

void doze_free(struct doze *d)
{
    if (!d)
        return;
    frame_unref(d->ready);
    backlog_free(d->kept);
    free(d);
}

/* ------------------------------------------------------------- pictures --- */

static struct scene_change look(struct doze *d, struct frame *f)
{
    struct luma luma;
    bool lonely = d->gated && !atomic_load(&d->face->needed);
    struct scene_change change = choice_look(&d->choice, f, lonely, &luma);
    if (luma.width > 0)
        quiet_picture(&d->vigil.quiet, luma.width, luma.height);
    return change;
}

/* Is the picture of this time to be analysed? */
static bool is_wanted(struct doze *d, int64_t time_us)
{
    bool late = d->next != AWAKE;
    d->counts.frames += !late && !d->sparing; /* else it was counted as a packet */
    d->pictures += !late;
    return choice_wants(&d->choice, time_us, late); /* what is decoded again has been seen */
}

/* One that is; NULL: there is no time for it. */
static struct frame *consider(struct doze *d, struct frame *f)
{
    int64_t time_us = frame_time_us(f);
    struct scene_change change = look(d, f);
    choice_took(&d->choice, time_us, change.still);
    vigil_picture(&d->vigil, &change, time_us);
    int64_t unread_us = d->lag.late_us;
    return choice_give(&d->choice, f, &change, d->now_us - time_us + unread_us, unread_us,
            &d->refresh);
}

/* ------------------------------------------------------------- asleep --- */

static void queue_up(struct doze *d, const struct packet *p)
{
    if (!backlog_add(d->kept, p)) {
        d->beyond = p;
        d->left = INT_MAX;
    }
    d->counts.frames++;
}

/* It came, and the rate would have asked for it, decoded or not. */
static void count(struct doze *d, const struct packet *p)
{
    d->counts.frames++;
    (void)choice_asks(&d->choice, p->time_us);
}

/* False: there is no room or no memory, and nothing has been done. */
static bool keep(struct doze *d, const struct packet *p)
{
    bool kept = backlog_add(d->kept, p);
    if (kept)
        count(d, p);
    return kept;
}

/* By who wakes now: where it cannot be kept it is decoded last, in this push. */
static void keep_or_pass_on(struct doze *d, const struct packet *p)
{
    queue_up(d, p);
    (void)choice_asks(&d->choice, p->time_us);
}

/* So many of the kept packets will not be decoded; the first was, when it was checked. */
static void let_go(struct doze *d, int n)
{
    d->counts.undecoded += n > 0 ? (uint64_t)(n - 1) : 0;
}

static void forget(struct doze *d)
{
    backlog_clear(d->kept);
    d->then = choice_mark(&d->choice);
}

/* From the latest key frame on that was not just now. */
static int key_before(const struct doze *d, int64_t time_us)
{
    int from = 0;
    for (int i = 0; i < backlog_length(d->kept); i++) {
        const struct packet *p = backlog_at(d->kept, i);
        if (p->key && p->time_us <= time_us)
            from = i;
    }
    return from;
}

/* What follows does not follow on what was decoded last. */
static void begin_anew(struct doze *d, bool rewind)
{
    decoder_restart(d->decoder, rewind);
    decoder_spare(d->decoder, false, false);
    d->sparing = false;
}

/* What was kept is decoded, from this packet on; the sampler chooses anew. */
static void wake(struct doze *d, int from, bool rewind)
{
    d->woke_us = d->now_us;
    d->counts.wakes++;
    let_go(d, from);
    begin_anew(d, rewind);
    d->next = from;
    if (d->left != INT_MAX)
        d->left = BATCH;
    choice_rewind(&d->choice, &d->then);
    for (int i = 0; i < from; i++)
        (void)choice_asks(&d->choice, backlog_at(d->kept, i)->time_us);
}

/*
 * Asleep: what cannot be kept for want of memory wakes, as what there is no room for does. What
 * came before it is decoded, and it after that: with a hole the rest would be rubbish. False: it
 * has woken. rewind: it was decoded before.
 */
static bool hold(struct doze *d, const struct packet *p, bool rewind)
{
    if (keep(d, p))
        return true;
    keep_or_pass_on(d, p);
    vigil_rouse(&d->vigil, p->time_us);
    wake(d, key_before(d, p->time_us - LEAD_US), rewind);
    return false;
}

/* The picture of one packet, decoded alone. */
static enum source_fault decode_alone(
        struct doze *d, const struct packet *p, struct frame **ret, struct err *e)
{
    int64_t time_us;
    decoder_restart(d->decoder, false);
    enum source_fault fault = decoder_push(d->decoder, p, e);
    *ret = fault == SOURCE_OK ? decoder_pull(d->decoder) : NULL;
    if (fault == SOURCE_OK && !*ret && decoder_push(d->decoder, NULL, NULL) == SOURCE_OK)
        *ret = decoder_pull(d->decoder);
    while (decoder_next(d->decoder, &time_us)) {
    }
    return fault;
}

static enum source_fault check(struct doze *d, const struct packet *p, struct err *e)
{
    struct frame *f;
    enum source_fault fault = decode_alone(d, p, &f, e);
    if (fault != SOURCE_OK)
        return fault;
    struct scene_change change;
    if (f)
        change = look(d, f);
    if (vigil_checked(&d->vigil, f ? &change : NULL, p->time_us)) {
        if (backlog_length(d->kept) == 0)
            scene_follow(&d->rough, &d->choice.scene); /* it has just fallen asleep */
        let_go(d, backlog_length(d->kept));
        forget(d);
        d->ready = f;
        choice_took(&d->choice, frame_time_us(f), d->choice.still);
        if (hold(d, p, true))
            decoder_restart(d->decoder, false);
        return SOURCE_OK;
    }
    frame_unref(f);
    if (backlog_length(d->kept) == 0)
        forget(d); /* it was about to fall asleep: the sampler is as it is */
    keep_or_pass_on(d, p);
    wake(d, 0, true);
    return SOURCE_OK;
}

/* What a packet that is kept shows roughly. */
static void peek(struct doze *d, const struct packet *p)
{
    struct luma luma;
    struct scene_change change;
    struct frame *f = decoder_peek(d->decoder, backlog_at(d->kept, key_before(d, p->time_us)), p);
    bool seen = f && frame_luma(f, &luma);
    if (seen)
        scene_look(&d->rough, &luma, p->time_us, true, &change);
    frame_unref(f);
    if (!vigil_peeked(&d->vigil, seen ? &change : NULL, p->time_us))
        wake(d, 0, false);
}

/* ------------------------------------------------------------- packets --- */

/*
 * Nobody is missed for want of a picture that no other needs, where enough are left for the
 * sampler; how many those are is learnt while nobody is there. The loop filter is different:
 * without it the same faces are found, but they look a year older (docs/performance.md).
 */
static void begin_group(struct doze *d, int64_t time_us, bool needed)
{
    int64_t passed_us = time_us - d->since_us;
    if (d->sparing && passed_us > 0)
        d->dense = d->pictures * 1e6 >= DENSE * d->conf->fps * (double)passed_us;
    bool nobody = d->choice.still && !needed;
    d->sparing = d->dense || nobody;
    d->since_us = time_us;
    d->pictures = 0;
    decoder_spare(d->decoder, nobody, d->sparing);
}

static enum source_fault push_gated(struct doze *d, const struct packet *p, struct err *e)
{
    bool needed = atomic_load(&d->face->needed);
    struct vigil_packet packet = {
            p->time_us, p->size, p->key, needed, backlog_room(d->kept, p->size)};
    d->vigil.peeks = decoder_can_peek(d->decoder); /* software may have taken over */
    switch (vigil_packet(&d->vigil, &packet)) {
    case VIGIL_CHECK: return check(d, p, e);
    case VIGIL_KEEP: (void)hold(d, p, false); return SOURCE_OK;
    case VIGIL_PEEK:
        if (hold(d, p, false))
            peek(d, p);
        return SOURCE_OK;
    case VIGIL_WAKE:
        keep_or_pass_on(d, p);
        wake(d, key_before(d, p->time_us - LEAD_US), false);
        return SOURCE_OK;
    case VIGIL_DECODE: break;
    }
    if (d->next != AWAKE) { /* those that were kept come first */
        d->left = BATCH;
        queue_up(d, p);
        return SOURCE_OK;
    }
    if (p->key)
        begin_group(d, p->time_us, needed);
    d->counts.frames += d->sparing;
    return decoder_push(d->decoder, p, e);
}

static enum source_fault push_end(struct doze *d)
{
    if (d->vigil.asleep || d->lean)
        return SOURCE_OK;
    if (d->next == AWAKE)
        return decoder_push(d->decoder, NULL, NULL);
    d->ending = true;
    d->left = INT_MAX;
    return SOURCE_OK;
}

/* ------------------------------------------------------------- too much to do --- */

/* A packet that is neither decoded nor kept. */
static void pass_by(struct doze *d, const struct packet *p)
{
    count(d, p);
    d->counts.undecoded++;
}

/* What is kept will not be decoded. */
static void give_up_kept(struct doze *d)
{
    int n = backlog_length(d->kept);
    if (d->next == AWAKE)
        let_go(d, n);
    for (int i = d->next; d->next != AWAKE && i < n; i++) {
        (void)choice_asks(&d->choice, backlog_at(d->kept, i)->time_us);
        d->counts.undecoded++;
    }
    d->next = AWAKE;
    d->left = 0;
    d->beyond = NULL;
    forget(d);
}

static void leave_to_others(struct doze *d, const struct packet *p)
{
    struct vigil_packet packet = {.time_us = p->time_us, .size = p->size, .key = p->key};
    vigil_pass(&d->vigil, &packet);
}

static enum lag_order heed_lag(struct doze *d, const struct packet *p)
{
    if (!d->prompt)
        return LAG_DECODE;
    enum lag_order order = lag_packet(&d->lag, p->stamp_us, p->time_us, p->key);
    d->counts.behind += order == LAG_SKIP || d->lag.late_us > LAG_OLD_US;
    return order;
}

static void skip(struct doze *d, const struct packet *p)
{
    uint64_t due = d->choice.due;
    give_up_kept(d);
    d->lean = false;
    pass_by(d, p);
    leave_to_others(d, p);
    d->choice.dropped += d->choice.due - due;
}

/* Is this packet's fate that of key frames only? Both ways lead over a key frame, but where
 * somebody is needed: then what was kept since the last one is decoded. */
static bool heed_order(struct doze *d, const struct packet *p)
{
    bool wanted = ease_keys(d->ease) && !atomic_load(&d->face->needed);
    if (!d->lean) {
        if (!wanted || !p->key || d->next != AWAKE || d->vigil.asleep)
            return false; /* asleep it does less still */
        give_up_kept(d);
        d->lean = true;
        return true;
    }
    if (wanted || !p->key)
        return true;
    d->lean = false;
    give_up_kept(d);
    begin_anew(d, false);
    return false;
}

/* The key frame is given out, whatever the rate asks for. */
static enum source_fault show_key(struct doze *d, const struct packet *p, struct err *e)
{
    struct frame *f;
    enum source_fault fault = decode_alone(d, p, &f, e);
    if (fault != SOURCE_OK)
        return fault;
    uint64_t due = d->choice.due - d->then.due;
    d->choice.dropped += due ? due - 1 : 0;
    give_up_kept(d);
    if (f) {
        (void)look(d, f);
        choice_took(&d->choice, frame_time_us(f), d->choice.still);
    }
    d->ready = f;
    decoder_restart(d->decoder, false);
    if (!keep(d, p))
        count(d, p); /* it was shown, and what follows on it is passed by */
    return SOURCE_OK;
}

static enum source_fault push_lean(struct doze *d, const struct packet *p, struct err *e)
{
    leave_to_others(d, p);
    if (p->key)
        return show_key(d, p, e);
    /* Without its key frame it is worth nothing, and without room or memory neither is that. */
    bool follows = backlog_length(d->kept) > 0;
    if (follows && atomic_load(&d->face->needed)) {
        keep_or_pass_on(d, p);
        d->lean = false;
        vigil_rouse(&d->vigil, p->time_us);
        wake(d, 0, false);
        return SOURCE_OK;
    }
    if (follows && keep(d, p))
        return SOURCE_OK;
    if (follows)
        give_up_kept(d);
    pass_by(d, p);
    return SOURCE_OK;
}

enum source_fault doze_push(struct doze *d, const struct packet *packet, struct err *e)
{
    if (d->fault != SOURCE_OK) {
        *e = d->trouble;
        return d->fault;
    }
    if (d->conf->decode == DECODE_KEYFRAMES) {
        if (!packet)
            return SOURCE_OK;
        d->counts.frames += !packet->key;
        d->counts.undecoded += !packet->key;
        struct frame *f = NULL;
        enum source_fault fault = packet->key ? decode_alone(d, packet, &f, e) : SOURCE_OK;
        if (f && is_wanted(d, frame_time_us(f)))
            d->ready = consider(d, f);
        else
            frame_unref(f);
        return fault;
    }
    if (!packet)
        return push_end(d);
    d->now_us = packet->time_us;
    enum lag_order order = heed_lag(d, packet);
    if (order == LAG_SKIP) {
        skip(d, packet);
        return SOURCE_OK;
    }
    if (order == LAG_RESUME)
        begin_anew(d, false);
    if (heed_order(d, packet))
        return push_lean(d, packet, e);
    bool through = !d->gated && d->next == AWAKE;
    return through ? decoder_push(d->decoder, packet, e) : push_gated(d, packet, e);
}

/*
 * The worker has not taken the latest picture yet: the next one would replace it. Nobody waits for
 * him here, as packets that are not read would all come at once later; what is kept can wait.
 */
static bool must_wait(const struct doze *d)
{
    bool patient = !d->ending && !d->beyond && !ease_active(d->ease) &&
                   d->now_us - d->woke_us < PATIENCE_US;
    return patient && atomic_load(&d->face->full);
}

/* Gives the decoder the next of the packets that were kept; false: no more for now. */
static bool catch_up(struct doze *d)
{
    if (d->next == AWAKE || d->fault != SOURCE_OK)
        return false;
    const struct packet *p = NULL;
    if (d->next < backlog_length(d->kept)) {
        if (d->left <= 0 || must_wait(d))
            return false;
        d->left -= d->left != INT_MAX;
        p = backlog_at(d->kept, d->next++);
    } else if (d->beyond) {
        p = d->beyond;
        d->beyond = NULL;
    }
    if (p) {
        d->fault = decoder_push(d->decoder, p, &d->trouble);
        return d->fault == SOURCE_OK;
    }
    d->next = AWAKE;
    d->left = 0;
    backlog_clear(d->kept);
    vigil_caught_up(&d->vigil);
    bool ending = d->ending;
    d->ending = false;
    return ending && decoder_push(d->decoder, NULL, NULL) == SOURCE_OK;
}

struct frame *doze_pull(struct doze *d, bool *ret_refresh)
{
    *ret_refresh = d->refresh = false;
    struct frame *f = d->ready;
    d->ready = NULL;
    if (f || d->conf->decode == DECODE_KEYFRAMES)
        return f;
    int64_t time_us;
    do {
        while (decoder_next(d->decoder, &time_us)) {
            /* One that the rate does not ask for need not leave the card. */
            f = is_wanted(d, time_us) ? decoder_take(d->decoder) : NULL;
            f = f ? consider(d, f) : NULL;
            *ret_refresh = d->refresh;
            if (f)
                return f;
        }
    } while (catch_up(d));
    return NULL;
}

struct doze_counts doze_counts(const struct doze *d)
{
    struct doze_counts counts = d->counts;
    counts.due = d->choice.due;
    counts.dropped = d->choice.dropped;
    counts.asleep = d->vigil.asleep;
    counts.lean = d->lean;
    counts.late = d->next != AWAKE;
    counts.ending = d->ending;
    return counts;
}
