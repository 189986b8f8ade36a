#include "store/keeper.h"

#include "base/log.h"
#include "base/mono.h"
#include "store/writer.h"

#include <errno.h>
#include <stdio.h>

#define AIM_US       (20 * INT64_C(1000))
#define AMOUNT_FIRST 50
#define AMOUNT_MAX   5000
#define PAUSE        3 /* times what a piece took, by itself: a quarter of the time at most */
#define PAUSE_ORDER  1
#define LOOK_EVERY   (60 * MONO_SECOND)
#define SAY_EVERY    (3600 * MONO_SECOND)
#define TRY_AGAIN    (MONO_SECOND / 5) /* an order, when somebody holds the database */
#define PATIENCE     (30 * MONO_SECOND)

void keeper_init(struct keeper *k, bool alone, int64_t now_us)
{
    *k = (struct keeper){.alone = alone,
            .amount = AMOUNT_FIRST,
            .next_us = now_us,
            .said_us = now_us - SAY_EVERY};
}

int64_t keeper_due_us(const struct keeper *k)
{
    return k->next_us;
}

void keeper_look(struct keeper *k, int64_t now_us)
{
    if (k->phase == KEEPER_RESTS)
        k->next_us = now_us;
}

int keeper_order(struct keeper *k, const struct store_order *order, int64_t now_us)
{
    if (k->ordered)
        return -EBUSY;
    k->ordered = true;
    k->order = *order;
    k->progress = (struct store_progress){.running = true};
    k->phase = KEEPER_REMOVES;
    k->amount = AMOUNT_FIRST;
    k->next_us = k->moved_us = now_us;
    return 0;
}

bool keeper_erases(const struct keeper *k)
{
    return k->ordered && k->order.job == STORE_ERASE && k->phase == KEEPER_REMOVES;
}

static void rest(struct keeper *k, int64_t now_us)
{
    k->ordered = false;
    k->phase = KEEPER_RESTS;
    k->next_us = now_us + LOOK_EVERY;
}

static void finish(struct keeper *k, int64_t now_us)
{
    k->progress.running = false;
    rest(k, now_us);
}

void keeper_give_up(struct keeper *k, int code, const char *why)
{
    if (!k->ordered)
        return;
    k->progress.code = code;
    (void)snprintf(k->progress.text, sizeof(k->progress.text), "%.*s",
            (int)sizeof(k->progress.text) - 1, why);
    finish(k, mono_us());
}

/* ---- pieces ---- */

/* As many as fit into the time that a piece may take, from how long these took. */
static void adapt(struct keeper *k, int64_t took_us, bool was_full)
{
    if (took_us > AIM_US)
        k->amount = (int)(k->amount * AIM_US / took_us);
    else if (was_full && took_us < AIM_US / 2)
        k->amount *= 2;
    k->amount = k->amount < 1 ? 1 : k->amount > AMOUNT_MAX ? AMOUNT_MAX : k->amount;
}

static void say(struct keeper *k, int64_t now_us)
{
    if (!k->gone.records || now_us - k->said_us < SAY_EVERY)
        return;
    log_info("store", "retention: %lld records and %lld pictures have gone",
            (long long)k->gone.records, (long long)k->gone.crops);
    k->gone = (struct removal){0};
    k->said_us = now_us;
}

static enum chore_kind kind_of(const struct keeper *k)
{
    switch (k->phase) {
    case KEEPER_EMPTIES: return CHORE_EMPTY_WAL;
    case KEEPER_SHRINKS: return CHORE_SHRINK;
    default: return k->ordered && k->order.job == STORE_ERASE ? CHORE_ERASE : CHORE_PRUNE;
    }
}

/* What comes when this phase has nothing left to do. */
static void next_phase(struct keeper *k, struct writer *w, int64_t now_us)
{
    k->amount = AMOUNT_FIRST; /* a page costs something else than a row */
    switch (k->phase) {
    case KEEPER_REMOVES: k->phase = KEEPER_SHRINKS; return;
    case KEEPER_SHRINKS:
        if (k->ordered && k->order.job == STORE_ERASE) {
            k->phase = KEEPER_EMPTIES;
            return;
        }
        break;
    default: break;
    }
    say(k, now_us);
    if (k->ordered)
        k->progress.cannot_shrink = writer_cannot_shrink(w);
    if (k->ordered)
        finish(k, now_us);
    else
        rest(k, now_us);
}

/* Somebody holds the database: an order waits for him, but not for ever. */
static void hold_on(struct keeper *k, struct writer *w, int64_t now_us, const struct err *e)
{
    bool patient = now_us - k->moved_us < PATIENCE;
    k->next_us = now_us + TRY_AGAIN;
    if (patient)
        return;
    if (k->phase == KEEPER_EMPTIES) {
        k->progress.wal_kept = true;
        next_phase(k, w, now_us);
    } else {
        keeper_give_up(k, e->code, e->text);
    }
}

/* How many were spared is known when all others have gone. */
static void count_present(struct keeper *k, struct writer *w)
{
    struct err e = {0};
    if (writer_still_there(w, &k->order.who, &k->progress.still_there, &e) < 0)
        log_debug("store", "%s", e.text);
}

static void take_piece(struct keeper *k, struct writer *w)
{
    struct err e = {0};
    struct chore c = {
            .kind = kind_of(k),
            .amount = k->amount,
            .all = k->ordered,
            .who = &k->order.who,
            .gone = k->ordered ? &k->progress.gone : &k->gone,
    };
    int64_t begin_us = mono_us();
    int r = writer_chore(w, &c, &e);
    int64_t now_us = mono_us(), took_us = now_us - begin_us;
    if (k->ordered && (r == -EBUSY || (r == 0 && c.more && c.kind == CHORE_EMPTY_WAL))) {
        hold_on(k, w, now_us, &e);
        return;
    }
    if (r < 0 && k->ordered) {
        keeper_give_up(k, r, e.text);
        return;
    }
    if (r < 0) {
        log_debug("store", "not tidied up: %s", e.text);
        rest(k, now_us);
        return;
    }
    k->moved_us = now_us;
    if (c.kind != CHORE_EMPTY_WAL)
        adapt(k, took_us, c.more);
    int pause = k->alone ? 0 : k->ordered ? PAUSE_ORDER : PAUSE;
    k->next_us = now_us + took_us * pause;
    if (c.more)
        return;
    if (c.kind == CHORE_ERASE)
        count_present(k, w);
    next_phase(k, w, now_us);
}

void keeper_turn(struct keeper *k, struct writer *w)
{
    if (k->phase == KEEPER_RESTS) {
        if (!writer_prune_due(w)) {
            rest(k, mono_us());
            return;
        }
        k->phase = KEEPER_REMOVES;
    }
    take_piece(k, w);
}
