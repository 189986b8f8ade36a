#include "app/replay.h"

#include "app/sparing.h"
#include "base/mono.h"
#include "source/backlog.h"
#include "source/stream.h"

#include <limits.h>
#include <stddef.h>

#define BATCH       12 /* with each new packet: half a second's */
#define ALL         INT_MAX
#define PATIENCE_US (5 * MONO_SECOND) /* so long it decodes no faster than the worker takes */

void replay_init(struct replay *r, struct choice *choice, struct sparing *sparing)
{
    *r = (struct replay){.choice = choice, .sparing = sparing, .next = REPLAY_IDLE};
    r->kept = backlog_new();
}

void replay_destroy(struct replay *r)
{
    backlog_free(r->kept);
}

bool replay_active(const struct replay *r)
{
    return r->next != REPLAY_IDLE;
}

bool replay_holds(const struct replay *r)
{
    return backlog_length(r->kept) > 0;
}

bool replay_room(const struct replay *r, int size)
{
    return backlog_room(r->kept, size);
}

/* ------------------------------------------------------------- asleep --- */

void replay_count(struct replay *r, const struct packet *p)
{
    r->frames++;
    (void)choice_asks(r->choice, p->time_us);
}

bool replay_keep(struct replay *r, const struct packet *p)
{
    bool kept = backlog_add(r->kept, p);
    if (kept)
        replay_count(r, p);
    return kept;
}

void replay_pass_by(struct replay *r, const struct packet *p)
{
    replay_count(r, p);
    r->undecoded++;
}

/* So many will not be decoded; the first was, when it was checked. */
static void let_go(struct replay *r, int n)
{
    r->undecoded += n > 0 ? (uint64_t)(n - 1) : 0;
}

void replay_mark(struct replay *r)
{
    backlog_clear(r->kept);
    r->then = choice_mark(r->choice);
}

void replay_settle(struct replay *r)
{
    let_go(r, backlog_length(r->kept));
    replay_mark(r);
}

void replay_give_up(struct replay *r)
{
    int n = backlog_length(r->kept);
    if (!replay_active(r))
        let_go(r, n);
    for (int i = r->next; replay_active(r) && i < n; i++) {
        (void)choice_asks(r->choice, backlog_at(r->kept, i)->time_us);
        r->undecoded++;
    }
    r->next = REPLAY_IDLE;
    r->left = 0;
    r->beyond = NULL;
    replay_mark(r);
}

int replay_key_place(const struct replay *r, int64_t time_us)
{
    int from = 0;
    for (int i = 0; i < backlog_length(r->kept); i++) {
        const struct packet *p = backlog_at(r->kept, i);
        if (p->key && p->time_us <= time_us)
            from = i;
    }
    return from;
}

const struct packet *replay_key(const struct replay *r, int64_t time_us)
{
    return backlog_at(r->kept, replay_key_place(r, time_us));
}

/* ------------------------------------------------------------- awake again --- */

void replay_wake(struct replay *r, int from, int64_t now_us, bool rewind)
{
    r->woke_us = now_us;
    r->wakes++;
    let_go(r, from);
    sparing_restart(r->sparing, rewind);
    r->next = from;
    if (r->left != ALL)
        r->left = BATCH;
    choice_rewind(r->choice, &r->then);
    for (int i = 0; i < from; i++)
        (void)choice_asks(r->choice, backlog_at(r->kept, i)->time_us);
}

static void queue_up(struct replay *r, const struct packet *p)
{
    if (!backlog_add(r->kept, p)) {
        r->beyond = p;
        r->left = ALL;
    }
    r->frames++;
}

void replay_follow(struct replay *r, const struct packet *p)
{
    r->left = BATCH;
    queue_up(r, p);
}

void replay_last(struct replay *r, const struct packet *p)
{
    queue_up(r, p);
    (void)choice_asks(r->choice, p->time_us);
}

void replay_end(struct replay *r)
{
    r->ending = true;
    r->left = ALL;
}

bool replay_is_patient(const struct replay *r, int64_t now_us)
{
    return !r->ending && !r->beyond && now_us - r->woke_us < PATIENCE_US;
}

enum replay_step replay_next(struct replay *r, bool wait, const struct packet **ret)
{
    if (!replay_active(r))
        return REPLAY_NONE;
    if (r->next < backlog_length(r->kept)) {
        if (r->left <= 0 || wait)
            return REPLAY_NONE;
        r->left -= r->left != ALL;
        *ret = backlog_at(r->kept, r->next++);
        return REPLAY_PACKET;
    }
    if (r->beyond) {
        *ret = r->beyond;
        r->beyond = NULL;
        return REPLAY_PACKET;
    }
    bool ended = r->ending;
    r->next = REPLAY_IDLE;
    r->left = 0;
    r->ending = false;
    backlog_clear(r->kept);
    return ended ? REPLAY_ENDED : REPLAY_OVER;
}
