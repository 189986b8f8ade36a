#include "emit/emitter.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/uuid.h"
#include "emit/votes.h"
#include "flow/box.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Looks at one person: not closer together than LOOK_GAP, as such pictures are nearly the same. */
#define LOOK_GAP_US     (200 * INT64_C(1000))
#define LOOK_EVERY_US   MONO_SECOND
#define LOOK_SELDOM_US  (10 * MONO_SECOND)
#define LOOKS_SOON      4 /* the first ones come as fast as they may */
#define BETTER          1.15f
#define SETTLED         5 /* votes that answer both questions: more of the same change nothing */

#define UPDATE_FIRST_US MONO_SECOND /* after the beginning, so that more than one picture votes */
#define UPDATE_US       (5 * MONO_SECOND)
#define SEEN_US         (3 * MONO_SECOND)
#define SEEN_LOST_US    (MONO_SECOND / 2) /* when somebody was not found: maybe it is the end */

/* Half of what a picture can promise is there at this width. */
#define WIDTH_HALF 48.0f

struct entry {
    uint64_t track;
    bool open; /* EVENT_NEW was given out */
    struct votes votes;
    float best_weight; /* of the picture that the record's box is from */
    float best_promise;
    float looked_promise; /* the most that a picture promised that was looked at */
    int64_t looked_us;    /* track clock */
    int64_t offset_us;
    int64_t told_us, told_end_us; /* track clock of the latest event; end_us in it */
    int64_t update_us;            /* no update before */
    struct answers said;          /* to the world */
    struct record record;
};

struct emitter {
    /* set at birth */
    char camera[NAME_SIZE];
    struct traits traits;
    double certainty;
    bool observations;

    int n;
    struct entry entries[SIGHTINGS_MAX];
};

struct emitter *emitter_new(
        const char *camera, const struct traits *traits, double certainty, bool observations)
{
    struct emitter *e = mem_new(1, sizeof(*e));
    strncpy(e->camera, camera, sizeof(e->camera) - 1);
    e->traits = *traits;
    e->certainty = certainty;
    e->observations = observations;
    return e;
}

void emitter_free(struct emitter *e)
{
    free(e);
}

int emitter_count(const struct emitter *e)
{
    int n = 0;
    for (int i = 0; i < e->n; i++)
        n += e->entries[i].open;
    return n;
}

/* How long ago; a time in the future, after a step of the clock, was just now. */
static int64_t since(int64_t now_us, int64_t then_us)
{
    int64_t us;
    if (now_us < then_us)
        return 0;
    return __builtin_sub_overflow(now_us, then_us, &us) ? INT64_MAX : us;
}

static struct entry *entry_find(struct emitter *e, uint64_t track)
{
    for (int i = 0; i < e->n; i++) {
        if (e->entries[i].track == track)
            return &e->entries[i];
    }
    return NULL;
}

bool emitter_answers(const struct emitter *e, uint64_t track, struct answers *ret)
{
    for (int i = 0; i < e->n; i++) {
        if (e->entries[i].track == track && e->entries[i].open) {
            *ret = e->entries[i].record.answers;
            return true;
        }
    }
    return false;
}

/* The entry of a confirmed track, made when there is none; NULL for all others. */
static struct entry *entry_of(struct emitter *e, const struct sighting *s)
{
    struct entry *x = entry_find(e, s->track);
    if (x || s->state != TRACK_CONFIRMED || e->n == SIGHTINGS_MAX)
        return x;
    x = &e->entries[e->n++];
    *x = (struct entry){.track = s->track, .said = answers_none(), .record.track = s->track};
    x->record.answers = answers_none();
    memcpy(x->record.detector, e->traits.detector, sizeof(x->record.detector));
    memcpy(x->record.attributes, e->traits.attributes, sizeof(x->record.attributes));
    return x;
}

/* What a picture promises before it is looked at: the detector's sureness foretells an error best,
 * then the size and the pose. */
static float promise(const struct face *f)
{
    float score = fminf(fmaxf(f->score, 0), 1), width = fmaxf(f->box.w, 0);
    return score * score * width / (width + WIDTH_HALF) * (1 - face_turn(f) / 2);
}

static bool is_settled(const struct entry *x)
{
    const struct answers *a = &x->record.answers;
    return x->votes.n >= SETTLED && a->age_unknown == UNKNOWN_NOT &&
           a->gender_unknown == UNKNOWN_NOT;
}

static bool worth_a_look(const struct entry *x, bool better, int64_t time_us)
{
    int looks = x->votes.looks;
    if (looks == 0)
        return true;
    int64_t waited = since(time_us, x->looked_us);
    if (looks >= LOOKS_MAX || waited < LOOK_GAP_US)
        return false;
    if (looks < LOOKS_SOON)
        return true;
    if (is_settled(x))
        return better && waited >= LOOK_EVERY_US;
    if (looks < LOOKS_FIRST && (better || (waited >= LOOK_EVERY_US && x->votes.n < VOTES_MAX)))
        return true;
    return waited >= (better ? LOOK_EVERY_US : LOOK_SELDOM_US);
}

bool emitter_due(const struct emitter *e, int64_t time_us)
{
    for (int i = 0; i < e->n; i++) {
        if (worth_a_look(&e->entries[i], false, time_us))
            return true;
    }
    return false;
}

/* Fewer looks come first, then the greater promise. */
static bool before(const struct entry *a, float promise_a, const struct entry *b, float promise_b)
{
    if (a->votes.looks != b->votes.looks)
        return a->votes.looks < b->votes.looks;
    return promise_a > promise_b;
}

void emitter_choose(struct emitter *e, struct sightings *sightings, int64_t time_us)
{
    struct sighting *best[LOOKS_PICTURE];
    struct entry *entries[LOOKS_PICTURE];
    int n = 0;
    for (int i = 0; i < sightings->n; i++) {
        struct sighting *s = &sightings->list[i];
        s->chosen = false;
        struct entry *x = s->found && s->state == TRACK_CONFIRMED ? entry_of(e, s) : NULL;
        bool better = x && promise(&s->face) > BETTER * x->looked_promise;
        if (!x || !worth_a_look(x, better, time_us))
            continue;
        int at = n;
        while (at > 0 &&
                before(x, promise(&s->face), entries[at - 1], promise(&best[at - 1]->face)))
            at--;
        if (at == LOOKS_PICTURE)
            continue;
        if (n < LOOKS_PICTURE)
            n++;
        for (int k = n - 1; k > at; k--) {
            best[k] = best[k - 1];
            entries[k] = entries[k - 1];
        }
        best[at] = s;
        entries[at] = x;
    }
    for (int i = 0; i < n; i++)
        best[i]->chosen = true;
}

static void picture(struct record *r, const struct face *f, int width, int height)
{
    r->box = box_relative(&f->box, width, height);
    r->width_px = (int)lroundf(fminf(fmaxf(f->box.w, 0), 1e6f));
    r->score = fminf(fmaxf(f->score, 0), 1);
}

/* Takes what this picture says of a person who was found in it. */
static void learn(struct emitter *e, struct entry *x, const struct sighting *s, int width,
        int height, int64_t time_us)
{
    float weight = 0, promised = promise(&s->face);
    if (s->chosen) {
        votes_add(&x->votes, s);
        x->looked_us = time_us;
        x->looked_promise = fmaxf(x->looked_promise, promised);
        votes_answer(&x->votes, &e->traits, e->certainty, &x->record.answers);
        x->record.samples = x->votes.n;
        if (s->estimated && s->quality.weight > 0)
            weight = s->quality.weight;
    }
    if (weight > x->best_weight || (x->best_weight <= 0 && promised > x->best_promise) ||
            x->record.width_px == 0) {
        x->best_weight = weight;
        x->best_promise = promised;
        picture(&x->record, &s->face, width, height);
    }
}

/* Where events go, and what they have in common. */
struct out {
    const struct emitter *e;
    struct event **events;
    size_t n;
    int64_t time_us, wall_us;
};

static struct event *tell(struct out *o, enum event_type type, struct entry *x)
{
    struct event *ev = event_new(type, o->e->camera);
    ev->time_us = o->wall_us;
    ev->record = x->record;
    o->events[o->n++] = ev;
    if (type != EVENT_OBSERVATION) {
        x->told_us = o->time_us;
        x->told_end_us = x->record.end_us;
    }
    return ev;
}

static void begin(struct out *o, struct entry *x, const struct sighting *s, int64_t offset_us)
{
    x->open = true;
    x->offset_us = offset_us;
    x->record.start_us = mono_plus(s->first_us, offset_us);
    x->record.end_us = x->record.start_us;
    uuid_make(x->record.id, x->record.start_us);
    x->update_us = mono_plus(o->time_us, UPDATE_FIRST_US);
}

static void last_seen(struct entry *x, const struct sighting *s)
{
    int64_t end_us = mono_plus(s->last_us, x->offset_us);
    if (end_us > x->record.end_us)
        x->record.end_us = end_us;
}

/* At most one of NEW, UPDATE and SEEN, and an observation. */
static void live(struct out *o, struct entry *x, const struct sighting *s, int width, int height,
        int64_t offset_us)
{
    bool is_new = !x->open;
    if (is_new)
        begin(o, x, s, offset_us);
    last_seen(x, s);

    /* After a step back the wait is no longer than it can be. */
    if (since(x->update_us, o->time_us) > UPDATE_US)
        x->update_us = mono_plus(o->time_us, UPDATE_US);
    int64_t quiet = since(o->time_us, x->told_us);
    if (is_new) {
        tell(o, EVENT_NEW, x);
        x->said = x->record.answers;
    } else if (o->time_us >= x->update_us && answers_differ(&x->said, &x->record.answers)) {
        tell(o, EVENT_UPDATE, x);
        x->said = x->record.answers;
        x->update_us = mono_plus(o->time_us, UPDATE_US);
    } else if (x->record.end_us != x->told_end_us &&
               quiet >= (s->found || s->resting ? SEEN_US : SEEN_LOST_US)) {
        tell(o, EVENT_SEEN, x);
    }
    if (o->e->observations && (s->found || s->resting))
        picture(&tell(o, EVENT_OBSERVATION, x)->record, &s->face, width, height);
}

static void finish(struct emitter *e, struct out *o, struct entry *x, const struct sighting *s)
{
    if (x->open) {
        last_seen(x, s);
        x->record.reason = s->reason;
        tell(o, EVENT_END, x);
    }
    *x = e->entries[--e->n];
}

size_t emitter_step(struct emitter *e, const struct sightings *sightings, int width, int height,
        int64_t time_us, int64_t wall_offset_us, struct event **ret_events, size_t max)
{
    assert(max >= 2 * (size_t)sightings->n);
    struct out o = {e, ret_events, 0, time_us, mono_plus(time_us, wall_offset_us)};
    for (int i = 0; i < sightings->n; i++) {
        const struct sighting *s = &sightings->list[i];
        struct entry *x = entry_of(e, s);
        if (!x)
            continue;
        if (s->state == TRACK_GONE) {
            finish(e, &o, x, s);
            continue;
        }
        if (s->found)
            learn(e, x, s, width, height, time_us);
        live(&o, x, s, width, height, wall_offset_us);
    }
    return o.n;
}
