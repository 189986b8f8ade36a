#include "sample/vigil.h"

#include "base/mono.h"

#define AWAKE_US (3 * MONO_SECOND)      /* at least so long, and so long nothing must have moved */
#define CHECK_US (4 * MONO_SECOND)      /* from checked key frame to checked key frame */
#define SHORT_US (MONO_SECOND * 6 / 5)  /* key frames so close are enough by themselves */
#define LONG_US  (MONO_SECOND / 2)      /* and where they are so close nothing would be saved */
#define PEEK_US  (MONO_SECOND / 2)      /* from peek to peek */
#define PEEK_GOP (MONO_SECOND * 21 / 2) /* key frames farther apart are not slept between */
#define LIES_MAX 4                      /* then peeks are no longer believed ... */
#define SULK_US  (600 * MONO_SECOND)    /* ... for so long; one beyond it is tried */
#define NAP_US   (60 * MONO_SECOND)     /* a lie after so long a sleep is the first one again */
#define SETTLED  (MONO_SECOND / 2)
#define CLEARLY  8 /* cells that moved */

void vigil_init(struct vigil *v)
{
    *v = (struct vigil){.begun = false};
    quiet_init(&v->quiet);
}

static void count_gop(struct vigil *v, const struct vigil_packet *p)
{
    if (!v->begun)
        v->woke_us = v->key_us = p->time_us;
    v->since_key++;
    if (!p->key)
        return;
    if (v->begun) {
        v->gop = v->since_key;
        v->gop_us = p->time_us - v->key_us;
    }
    v->begun = true;
    v->since_key = 0;
    v->key_us = p->time_us;
}

static bool can_peek(const struct vigil *v, int64_t time_us)
{
    return v->peeks && (v->lies < LIES_MAX || time_us - v->woke_us >= SULK_US);
}

/* Would it be noticed if somebody came while nothing is decoded? */
static bool can_sleep(const struct vigil *v, int64_t time_us)
{
    bool sizes = quiet_knows(&v->quiet);
    int64_t most_us = can_peek(v, time_us) ? PEEK_GOP : SHORT_US;
    return v->gop > 0 && v->gop <= VIGIL_GOP_MAX && v->since_key <= VIGIL_GOP_MAX &&
           (sizes || (v->gop_us >= LONG_US && v->gop_us <= most_us &&
                             time_us - v->key_us <= most_us + most_us / 2));
}

/* Between key frames that are close a peek is not worth it. */
static bool peek_is_due(const struct vigil *v, int64_t time_us)
{
    int64_t last_us = v->peeked_us > v->checked_us ? v->peeked_us : v->checked_us;
    return can_peek(v, time_us) && v->gop_us > SHORT_US && time_us - last_us >= PEEK_US &&
           !quiet_knows(&v->quiet);
}

static bool may_sleep(const struct vigil *v, const struct vigil_packet *p)
{
    return p->key && p->room && !p->needed && !v->replaying && can_sleep(v, p->time_us) &&
           p->time_us - v->woke_us >= AWAKE_US && v->picture_us - v->still_us >= AWAKE_US &&
           p->time_us - v->picture_us < MONO_SECOND;
}

static void wake(struct vigil *v, int64_t time_us, bool by_size)
{
    v->asleep = false;
    v->replaying = true;
    v->woke_us = time_us;
    v->by_size = by_size;
    v->by_peek = false;
    v->moved = false;
}

/* Was it right to wake up? */
static void draw_lesson(struct vigil *v)
{
    if (v->by_size && v->moved)
        quiet_true_alarm(&v->quiet);
    else if (v->by_size)
        quiet_false_alarm(&v->quiet);
    if (v->by_peek)
        v->lies = v->moved ? 0 : v->lies + 1;
    v->by_size = v->by_peek = false;
}

enum vigil_order vigil_packet(struct vigil *v, const struct vigil_packet *p)
{
    count_gop(v, p);
    enum quiet_word word = quiet_hear(&v->quiet, p->size, p->key);
    if (!v->asleep) {
        if (!may_sleep(v, p))
            return VIGIL_DECODE;
        draw_lesson(v);
        v->asleep = true;
        v->slept_us = p->time_us;
        return VIGIL_CHECK;
    }
    bool loud = word == QUIET_LOUD && !p->key;
    if (p->needed || !p->room || loud || !can_sleep(v, p->time_us)) {
        wake(v, p->time_us, loud);
        return VIGIL_WAKE;
    }
    if (!p->key)
        return peek_is_due(v, p->time_us) ? VIGIL_PEEK : VIGIL_KEEP;
    bool due = p->time_us - v->checked_us >= CHECK_US - v->gop_us / 2;
    return due || word != QUIET_STILL ? VIGIL_CHECK : VIGIL_KEEP;
}

void vigil_pass(struct vigil *v, const struct vigil_packet *p)
{
    count_gop(v, p);
    (void)quiet_hear(&v->quiet, p->size, p->key);
    quiet_moved(&v->quiet, false); /* nobody will see what it showed */
    v->asleep = v->replaying = v->by_size = v->by_peek = false;
    v->woke_us = p->time_us;
}

void vigil_rouse(struct vigil *v, int64_t time_us)
{
    wake(v, time_us, false);
}

bool vigil_checked(struct vigil *v, const struct scene_change *change, int64_t time_us)
{
    v->checked_us = time_us;
    if (change && change->still) {
        v->picture_us = time_us;
        quiet_still(&v->quiet);
        return true;
    }
    if (change && !change->all && change->cells >= CLEARLY && quiet_knows(&v->quiet))
        quiet_missed(&v->quiet);
    wake(v, time_us, false);
    return false;
}

bool vigil_peeked(struct vigil *v, const struct scene_change *change, int64_t time_us)
{
    v->peeked_us = time_us;
    if (change && change->still)
        return true;
    if (time_us - v->slept_us >= NAP_US)
        v->lies = 0;
    wake(v, time_us, false);
    v->by_peek = true;
    return false;
}

void vigil_picture(struct vigil *v, const struct scene_change *change, int64_t time_us)
{
    v->picture_us = time_us;
    v->still_us = change->still_us;
    v->moved |= !change->still;
    if (v->replaying)
        return; /* the packets that were heard are not those of this picture */
    if (change->still && time_us - change->still_us >= SETTLED)
        quiet_still(&v->quiet);
    else
        quiet_moved(&v->quiet, !change->still && !change->all && change->cells >= CLEARLY);
}

void vigil_caught_up(struct vigil *v)
{
    v->replaying = false;
    quiet_moved(&v->quiet, false);
}
