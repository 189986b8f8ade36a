/* needs: track/tracker track/track track/rhythm track/assign track/motion track/places flow/box base/mem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_random.h"
#include "track/tracker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define SURE   0.9f
#define UNSURE 0.4f

static const struct conf_track conf = {.confirm = 3, .lost_us = 3 * SECOND};

/*
 * A play: persons who follow a script, seen by a camera at some rate, with a trembling box and
 * missed detections. Afterwards there must be as many tracks as persons, and each person's own
 * must have found him in nearly all pictures: when two are behind one another and one detection
 * is missed, even a person could not say whose the other is, but a picture later he could.
 */
#define NEARLY  0.85f
#define PERSONS 8
#define TRACKS  64

struct person {
    float from, to;      /* seconds in view */
    float hidden, shown; /* and not in between */
    struct point start;  /* centre at `from` */
    float vx, vy;        /* widths per second */
    float stop, go;      /* stands still in between */
    float turn;          /* and walks back after; 0: never */
    float width;
    float grow;  /* in size per second, as a factor's logarithm */
    bool behind; /* hidden by anybody in front of him */
};

struct play {
    struct tracker *t;
    const struct person *cast;
    int n;
    float missed; /* share of detections */
    float tremble;
    int found[PERSONS][TRACKS]; /* how often each confirmed track found the person */
};

static struct box place(const struct person *p, float t)
{
    float walked = t - p->from;
    if (p->go > p->stop && t > p->stop)
        walked -= fminf(t, p->go) - p->stop;
    if (p->turn > 0 && t > p->turn)
        walked -= 2 * (t - p->turn);
    float w = p->width * expf(p->grow * (t - p->from));
    float x = p->start.x + p->vx * p->width * walked, y = p->start.y + p->vy * p->width * walked;
    return (struct box){x - w / 2, y - 0.6f * w, w, 1.2f * w};
}

static bool in_view(const struct play *play, int i, float t)
{
    const struct person *p = &play->cast[i];
    if (t < p->from || t > p->to || (t > p->hidden && t < p->shown))
        return false;
    struct box b = place(p, t);
    for (int k = 0; k < play->n && p->behind; k++) {
        const struct person *other = &play->cast[k];
        struct box o = place(other, t);
        if (!other->behind && t >= other->from && t <= other->to &&
                fabsf(o.x + o.w / 2 - b.x - b.w / 2) < 0.7f * b.w && fabsf(o.y - b.y) < b.h)
            return false;
    }
    return true;
}

static void look(struct play *play, float t)
{
    static struct sightings all;
    struct face faces[PERSONS];
    int who[PERSONS], n = 0;
    for (int i = 0; i < play->n; i++) {
        if (!in_view(play, i, t) || draw() < play->missed)
            continue;
        struct box b = place(&play->cast[i], t);
        float w = play->cast[i].width;
        b.x += noise(play->tremble * w);
        b.y += noise(play->tremble * w);
        b.w *= 1 + noise(play->tremble);
        b.h *= 1 + noise(play->tremble);
        faces[n] = (struct face){.box = b, .score = SURE};
        who[n++] = i;
    }
    tracker_step(play->t, faces, n, (int64_t)((double)t * SECOND), &all);
    for (int i = 0; i < all.n; i++) {
        const struct sighting *s = &all.list[i];
        for (int k = 0; k < n && s->found && s->state == TRACK_CONFIRMED; k++) {
            if (memcmp(&s->face, &faces[k], sizeof(faces[k])) == 0)
                play->found[who[k]][s->track % TRACKS]++;
        }
    }
}

static int people(const struct play *play)
{
    int n = 0;
    for (int k = 0; k < TRACKS; k++) {
        bool found = false;
        for (int i = 0; i < play->n; i++)
            found = found || play->found[i][k] > 0;
        n += found;
    }
    return n;
}

static bool as_it_was(const struct play *play)
{
    int owner[TRACKS];
    memset(owner, -1, sizeof(owner));
    for (int i = 0; i < play->n; i++) {
        int sum = 0, own = 0;
        for (int k = 0; k < TRACKS; k++) {
            sum += play->found[i][k];
            own = play->found[i][k] > play->found[i][own] ? k : own;
        }
        if (sum == 0 || (float)play->found[i][own] < NEARLY * (float)sum || owner[own] >= 0)
            return false;
        owner[own] = i;
    }
    return true;
}

static bool perform(
        const struct person *cast, int n, float fps, float phase, float missed, float until)
{
    struct play play = {.cast = cast, .n = n, .missed = missed, .tremble = 0.04f};
    play.t = tracker_new(&conf, 0.7f, 0.22f);
    for (int i = 0; ((float)i + phase) / fps < until; i++)
        look(&play, ((float)i + phase) / fps);
    tracker_free(play.t);
    assert_int_equal(people(&play), n); /* whoever is who, never another number */
    return as_it_was(&play);
}

static const float rates[] = {2, 2.5f, 3, 5, 10, 15, 30};
#define RATES  (sizeof(rates) / sizeof(rates[0]))
#define ROUNDS 40

/* At every rate, ROUNDS times with another phase and other noise; of these so many may end with
 * two names exchanged. */
static void all_but(int allowed, const struct person *cast, int n, float missed, float until)
{
    seed = 1;
    for (size_t r = 0; r < RATES; r++) {
        int wrong = 0;
        for (int i = 0; i < ROUNDS; i++)
            wrong += !perform(cast, n, rates[r], draw(), missed, until);
        if (wrong > allowed)
            print_message(
                    "%g pictures a second: wrong in %d of %d\n", (double)rates[r], wrong, ROUNDS);
        assert_in_range(wrong, 0, allowed);
    }
}

static void everybody_is_one(const struct person *cast, int n, float missed, float until)
{
    all_but(0, cast, n, missed, until);
}

static void one_who_stands_is_one(void **state)
{
    (void)state;
    const struct person cast[] = {{.to = 20, .start = {300, 200}, .width = 40}};
    everybody_is_one(cast, 1, 0, 20);
    everybody_is_one(cast, 1, 0.25f, 20);
}

static void one_who_walks_by_is_one(void **state)
{
    (void)state;
    const float speeds[] = {1, 3, 6, 9};
    for (int i = 0; i < 4; i++) {
        const struct person cast[] = {
                {.to = 4, .start = {0, 200}, .vx = speeds[i], .vy = 0.3f, .width = 30}};
        everybody_is_one(cast, 1, 0, 8);
    }
}

static void one_who_comes_near_is_one(void **state)
{
    (void)state;
    const struct person cast[] = {
            {.to = 5, .start = {300, 100}, .vx = 0.5f, .vy = 1, .width = 14, .grow = 0.35f}};
    everybody_is_one(cast, 1, 0.1f, 9);
}

static void two_who_cross_stay_two(void **state)
{
    (void)state;
    const float speeds[] = {1.5f, 3, 5};
    for (int i = 0; i < 3; i++) {
        float half = speeds[i] * 3 * 40; /* they meet after three seconds */
        const struct person cast[] = {
                {.to = 6, .start = {500 - half, 200}, .vx = speeds[i], .width = 40},
                {.to = 6,
                        .start = {500 + half, 215},
                        .vx = -speeds[i],
                        .width = 36,
                        .behind = true},
        };
        everybody_is_one(cast, 2, 0, 10);
        all_but(ROUNDS / 20, cast, 2, 0.1f, 10);
    }
}

static void two_side_by_side_stay_two(void **state)
{
    (void)state;
    const struct person still[] = {
            {.to = 12, .start = {300, 200}, .width = 40},
            {.to = 12, .start = {364, 206}, .width = 42},
    };
    everybody_is_one(still, 2, 0.1f, 16);
    const struct person walking[] = {
            {.to = 5, .start = {100, 200}, .vx = 2, .width = 40},
            {.to = 5, .start = {180, 206}, .vx = 2, .width = 42},
    };
    everybody_is_one(walking, 2, 0, 9);
}

static void a_pillar_hides_but_does_not_end(void **state)
{
    (void)state;
    const float hidden[] = {1, 2};
    for (int i = 0; i < 2; i++) {
        const struct person cast[] = {
                {.to = 7,
                        .start = {0, 200},
                        .vx = 2,
                        .width = 40,
                        .hidden = 3,
                        .shown = 3 + hidden[i]},
                {.to = 9, .start = {700, 300}, .width = 50},
        };
        everybody_is_one(cast, 2, 0, 10);
    }
}

static void stop_and_go_and_turning_back(void **state)
{
    (void)state;
    const struct person cast[] = {
            {.to = 9, .start = {0, 200}, .vx = 2.5f, .width = 40, .stop = 2.5f, .go = 4.5f},
            {.to = 9, .start = {300, 500}, .vx = 2.5f, .width = 40, .turn = 4},
    };
    everybody_is_one(cast, 2, 0, 12);
}

static void found_again_a_little_further_on(void **state)
{
    (void)state;
    /* Looks away while taking two steps: where he is found nobody expected him. */
    const struct person cast[] = {{.to = 10,
            .start = {300, 200},
            .vx = 1.2f,
            .width = 40,
            .stop = 0,
            .go = 3.2f,
            .hidden = 3,
            .shown = 5.2f}};
    everybody_is_one(cast, 1, 0, 12);
}

static void the_next_one_at_the_same_place_is_another(void **state)
{
    (void)state;
    const struct person cast[] = {
            {.to = 4, .start = {300, 200}, .width = 40},
            {.from = 8, .to = 12, .start = {300, 200}, .width = 40},
    };
    everybody_is_one(cast, 2, 0, 16);
}

static void the_next_one_at_the_other_door_is_another(void **state)
{
    (void)state;
    /* One leaves to the right, a second later one comes in from the left. */
    const struct person cast[] = {
            {.to = 4, .start = {0, 200}, .vx = 3, .width = 40},
            {.from = 5, .to = 9, .start = {0, 200}, .vx = 3, .width = 40},
    };
    everybody_is_one(cast, 2, 0, 13);
}

/* Small tools for single steps. */

static struct sightings all;

static struct face at(float x, float score)
{
    return (struct face){.box = {x, 100, 40, 50}, .score = score};
}

static void step(struct tracker *t, int64_t ms, const struct face *faces, int n)
{
    tracker_step(t, faces, n, ms * 1000, &all);
}

static const struct sighting *only(void)
{
    assert_int_equal(all.n, 1);
    return &all.list[0];
}

static struct tracker *with_one_person(int64_t *ret_ms)
{
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    struct face f = at(100, SURE);
    for (*ret_ms = 0; *ret_ms <= 1000; *ret_ms += 200)
        step(t, *ret_ms, &f, 1);
    *ret_ms = 1000;
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    return t;
}

/* A head seen from the far side: a good score, but both eyes in nearly one place. */
static struct face turned_away(float x)
{
    struct face f = at(x, SURE);
    f.has_marks = true;
    f.mark[LANDMARK_RIGHT_EYE] = (struct point){x, 50};
    f.mark[LANDMARK_LEFT_EYE] = (struct point){x + 0.1f * f.box.w, 50};
    return f;
}

static void a_head_turned_away_begins_nobody_and_continues_somebody(void **state)
{
    (void)state;
    struct face away = turned_away(100);
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    for (int64_t ms = 0; ms <= 3000; ms += 200) {
        step(t, ms, &away, 1);
        assert_int_equal(all.n, 0);
    }
    tracker_free(t);

    int64_t ms;
    t = with_one_person(&ms);
    for (int i = 0; i < 25; i++) {
        step(t, ms += 200, &away, 1);
        assert_int_equal(only()->state, TRACK_CONFIRMED);
        assert_true(only()->found);
    }
    tracker_free(t);
}

static void three_detections_within_a_second_confirm(void **state)
{
    (void)state;
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    struct face f = at(100, SURE);
    step(t, 0, &f, 1);
    step(t, 200, NULL, 0);
    step(t, 400, &f, 1);
    step(t, 600, NULL, 0);
    step(t, 800, NULL, 0);
    assert_int_equal(only()->state, TRACK_TENTATIVE);
    step(t, 1000, &f, 1);
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    assert_true(only()->found && only()->first_us == 0 && only()->last_us == SECOND);
    tracker_free(t);

    t = tracker_new(&conf, 0.7f, 0.22f);
    for (int i = 0; i < 30; i++) { /* never three in a second */
        step(t, 200 * i, i % 4 == 0 ? &f : NULL, i % 4 == 0);
        for (int k = 0; k < all.n; k++)
            assert_int_not_equal(all.list[k].state, TRACK_CONFIRMED);
    }
    tracker_free(t);
}

static void slow_sampling_confirms_within_one_picture_more(void **state)
{
    (void)state;
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    struct face f = at(100, SURE);
    step(t, 0, &f, 1);
    step(t, 2000, NULL, 0);
    step(t, 4000, &f, 1);
    assert_int_equal(only()->state, TRACK_TENTATIVE);
    step(t, 6000, &f, 1);
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    tracker_free(t);
}

static void an_unsure_detection_continues_and_never_begins(void **state)
{
    (void)state;
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    struct face f = at(100, UNSURE);
    for (int i = 0; i < 10; i++)
        step(t, 200 * i, &f, 1);
    assert_int_equal(all.n, 0);
    tracker_free(t);

    int64_t ms;
    t = with_one_person(&ms);
    for (int i = 0; i < 50; i++) {
        ms += 200;
        step(t, ms, &f, 1);
        assert_true(only()->found && only()->last_us == ms * 1000);
    }
    /* One sure glimpse with unsure ones after it proves nobody. */
    struct face glimpse[] = {at(100, UNSURE), at(900, SURE)};
    struct face after[] = {at(100, UNSURE), at(900, UNSURE)};
    for (int i = 0; i < 20; i++) {
        ms += 200;
        step(t, ms, i ? after : glimpse, 2);
        for (int k = 0; k < all.n; k++)
            assert_true(all.list[k].state != TRACK_CONFIRMED || all.list[k].track == 1);
    }
    tracker_free(t);
}

static void gone_when_looked_for_long_enough(void **state)
{
    (void)state;
    int64_t ms;
    struct tracker *t = with_one_person(&ms);
    for (int i = 1; i < 15; i++) {
        step(t, ms + 200 * i, NULL, 0);
        assert_true(only()->state == TRACK_CONFIRMED && !only()->found);
    }
    step(t, ms + 3000, NULL, 0);
    assert_int_equal(only()->state, TRACK_GONE);
    assert_int_equal(only()->reason, END_LEFT);
    assert_true(only()->last_us == ms * 1000 && only()->first_us == 0);
    step(t, ms + 3200, NULL, 0);
    assert_int_equal(all.n, 0);
    tracker_free(t);
}

static void one_picture_without_him_is_not_enough(void **state)
{
    (void)state;
    int64_t ms;
    struct tracker *t = with_one_person(&ms);
    struct face f = at(105, SURE);
    tracker_tick(t, (ms + 1500) * 1000, &all);
    step(t, ms + 2900, NULL, 0);
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    step(t, ms + 5600, &f, 1); /* 2.7 s after a picture, and the first after one miss */
    assert_true(only()->state == TRACK_CONFIRMED && only()->track == 1 && only()->found);
    tracker_free(t);
}

static void a_dead_camera_ends_its_people(void **state)
{
    (void)state;
    int64_t ms;
    struct tracker *t = with_one_person(&ms);
    tracker_tick(t, (ms + 2900) * 1000, &all);
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    tracker_tick(t, (ms + 3000) * 1000, &all);
    assert_int_equal(only()->state, TRACK_GONE);
    assert_int_equal(only()->reason, END_CAMERA_LOST);
    tracker_free(t);

    /* The same without anybody who ticks; the one in the next picture is a new one. */
    t = with_one_person(&ms);
    struct face f = at(100, SURE);
    step(t, ms + 9000, &f, 1);
    assert_int_equal(all.n, 2);
    assert_int_equal(all.list[0].reason, END_CAMERA_LOST);
    assert_int_equal(all.list[1].state, TRACK_TENTATIVE);
    tracker_free(t);

    t = with_one_person(&ms);
    step(t, ms + 2500, &f, 1); /* a shorter gap continues */
    assert_true(only()->state == TRACK_CONFIRMED && only()->track == 1);
    tracker_free(t);
}

static void a_camera_of_few_pictures_is_not_dead(void **state)
{
    (void)state;
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    struct face f = at(100, SURE);
    for (int i = 0; i < 8; i++)
        step(t, 4000 * i, &f, 1);
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    tracker_tick(t, (4000 * 7 + 5900) * 1000, &all);
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    tracker_tick(t, (4000 * 7 + 6000) * 1000, &all);
    assert_int_equal(only()->reason, END_CAMERA_LOST);
    tracker_free(t);
}

static void who_stands_still_stays(void **state)
{
    (void)state;
    int64_t ms;
    struct tracker *t = with_one_person(&ms);
    for (int i = 0; i < 600; i++) {
        ms += 200;
        tracker_hold(t, ms * 1000, &all);
        assert_true(only()->state == TRACK_CONFIRMED && !only()->found);
        assert_true(only()->resting && only()->last_us == ms * 1000);
        assert_float_equal(only()->face.box.x, 100, 2);
    }
    step(t, ms + 200, NULL, 0);
    step(t, ms + 400, NULL, 0); /* not found now is not not found for two minutes */
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    struct face f = at(102, SURE);
    step(t, ms + 600, &f, 1);
    assert_true(only()->track == 1 && only()->found);
    tracker_free(t);
}

/* Nobody looks at one who walks: he is where he goes, and is found there. */
static void who_walks_on_unseen_is_there(void **state)
{
    (void)state;
    int64_t ms = 0;
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    tracker_view(t, 2000, 1000);
    for (int i = 0; i < 60; i++, ms += 200) {
        struct face f = at(100 + 20 * (float)i, SURE);
        bool unseen = i > 10 && i % 2;
        if (unseen)
            tracker_coast(t, ms * 1000, &all);
        else
            step(t, ms, &f, 1);
        assert_true(only()->track == 1 && only()->found == !unseen && only()->resting == unseen);
        assert_true(only()->last_us == ms * 1000);
        assert_float_equal(only()->face.box.x, f.box.x, i > 10 ? 8 : 40);
    }
    assert_int_equal(only()->state, TRACK_CONFIRMED);
    tracker_free(t);
}

static void step_in(
        struct tracker *t, int64_t ms, float x, float w, const struct face *faces, int n)
{
    struct box part = {x, 0, w, 1000};
    tracker_step_in(t, &part, 1, faces, n, ms * 1000, &all);
}

/* Who is not in the parts that were looked at rests; who is must be found there. */
static void only_those_in_the_parts_are_looked_for(void **state)
{
    (void)state;
    int64_t ms;
    struct tracker *t = with_one_person(&ms);
    tracker_view(t, 1000, 1000);
    struct face moving = at(600, SURE);
    for (int i = 0; i < 50; i++) {
        ms += 200;
        moving.box.x = 600 + (float)i;
        step_in(t, ms, 500, 300, &moving, 1);
        assert_int_equal(all.n, 2);
        assert_true(all.list[0].track == 1 && !all.list[0].found && all.list[0].resting);
        assert_true(all.list[0].last_us == ms * 1000 && all.list[1].found);
    }
    assert_int_equal(all.list[1].state, TRACK_CONFIRMED);
    int ends = 0;
    for (int i = 0; i < 25; i++) { /* who stood is not found where somebody looks */
        ms += 200;
        step_in(t, ms, 0, 400, NULL, 0);
        assert_true(all.list[0].track == 1 ? !all.list[0].resting : i >= 15);
        for (int k = 0; k < all.n; k++)
            ends += all.list[k].track == 1 && all.list[k].state == TRACK_GONE;
    }
    assert_int_equal(ends, 1);
    assert_true(all.n == 1 && all.list[0].track == 2 && all.list[0].resting);
    tracker_free(t);
}

/* Who is about to leave through an edge is looked for everywhere, else he would never be gone. */
static void who_leaves_does_not_rest(void **state)
{
    (void)state;
    int64_t ms;
    struct tracker *t = with_one_person(&ms);
    tracker_view(t, 1000, 1000);
    for (float x = 100; x > -40; x -= 15) {
        struct face f = at(x, SURE);
        ms += 200;
        step(t, ms, &f, 1);
    }
    struct expected where[SIGHTINGS_MAX];
    assert_int_equal(tracker_expect(t, (ms + 200) * 1000, where), 1);
    assert_true(where[0].open);
    bool gone = false;
    for (int i = 0; i < 25 && !gone; i++) {
        ms += 200;
        step_in(t, ms, 500, 300, NULL, 0);
        gone = only()->state == TRACK_GONE;
    }
    assert_true(gone);
    tracker_free(t);
}

static void the_end_ends_all(void **state)
{
    (void)state;
    int64_t ms;
    struct tracker *t = with_one_person(&ms);
    struct face two[] = {at(100, SURE), at(500, SURE)};
    step(t, ms + 200, two, 2);
    tracker_end(t, END_SHUTDOWN, &all);
    assert_int_equal(all.n, 2);
    for (int i = 0; i < 2; i++)
        assert_true(all.list[i].state == TRACK_GONE && all.list[i].reason == END_SHUTDOWN);
    tracker_end(t, END_SHUTDOWN, &all);
    assert_int_equal(all.n, 0);
    step(t, ms + 400, two, 1);
    assert_true(only()->track == 3);
    tracker_free(t);
}

static void two_boxes_on_one_face_are_one(void **state)
{
    (void)state;
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    struct face twice[] = {at(100, SURE), at(108, SURE - 0.1f), at(100, SURE - 0.05f)};
    twice[2].box = (struct box){104, 110, 20, 20};
    for (int i = 0; i < 20; i++) {
        step(t, 200 * i, twice, 3);
        assert_int_equal(only()->track, 1);
        assert_float_equal(only()->face.score, SURE, 1e-6);
    }
    tracker_free(t);
}

static void a_step_of_the_clock_breaks_nothing(void **state)
{
    (void)state;
    int64_t ms;
    struct tracker *t = with_one_person(&ms);
    struct face f = at(100, SURE);
    step(t, ms - 3600000, &f, 1);
    assert_true(only()->state == TRACK_CONFIRMED && only()->track == 1);
    assert_true(only()->last_us - only()->first_us == SECOND); /* its times came along */
    step(t, ms - 3600000 + 200, &f, 1);
    assert_true(only()->last_us - only()->first_us == SECOND + 200000);
    step(t, ms + 3600000, &f, 1); /* a leap forward is a camera that was away */
    assert_int_equal(all.list[0].reason, END_CAMERA_LOST);
    tracker_free(t);
}

static void a_crowd_is_bounded_and_complete(void **state)
{
    (void)state;
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    static struct face crowd[FACES_MAX];
    for (int i = 0; i < FACES_MAX; i++)
        crowd[i] =
                (struct face){.box = {60.0f * (i % 16), 70.0f * (i / 16), 30, 36}, .score = SURE};
    for (int k = 0; k < 10; k++)
        step(t, 200 * k, crowd, FACES_MAX);
    assert_int_equal(all.n, FACES_MAX);
    for (int i = 0; i < all.n; i++)
        assert_true(all.list[i].state == TRACK_CONFIRMED && all.list[i].track <= FACES_MAX);
    tracker_free(t);
}

static float wild(void)
{
    const float odd[] = {NAN, INFINITY, -INFINITY, 0, -1, 1e30f, -1e30f, 1e-30f};
    return draw() < 0.05f ? odd[(int)(draw() * 8)] : draw() * 800;
}

static int64_t wild_time(int64_t before)
{
    float kind = draw();
    if (kind < 0.9f)
        return before < INT64_MAX - SECOND ? before + (int64_t)(draw() * 400000) : before;
    if (kind < 0.97f)
        return (int64_t)((double)draw() * 1e15) - (int64_t)5e14;
    return kind < 0.985f ? INT64_MAX : INT64_MIN;
}

/* What begins ends once; nothing comes after the end; numbers rise; the list never overflows. */
static void whatever_comes_tracks_live_once(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    seed = given ? (uint32_t)strtoul(given, NULL, 0) : 3;
    print_message("SEED=%u\n", seed);
    enum {
        MANY = 400000
    };
    char *life = calloc(MANY, 1); /* 1 begun, 2 confirmed, 3 gone */
    assert_non_null(life);
    struct tracker *t = tracker_new(&conf, 0.7f, 0.22f);
    static struct face faces[FACES_MAX + 8];
    int64_t now = 0;
    uint64_t last = 0;
    for (int k = 0; k < 3000; k++) {
        float what = draw();
        int n = (int)(draw() * draw() * (FACES_MAX + 8));
        now = wild_time(now);
        for (int i = 0; i < n; i++)
            faces[i] = (struct face){.box = {wild(), wild(), wild() / 8, wild() / 8},
                    .score = draw() < 0.01f ? NAN : draw()};
        if (what < 0.6f)
            tracker_step(t, faces, n, now, &all);
        else if (what < 0.9f)
            step_in(t, now / 1000, wild(), fabsf(wild()), faces, n);
        else if (what < 0.925f)
            tracker_coast(t, now, &all);
        else if (what < 0.95f)
            tracker_hold(t, now, &all);
        else if (what < 0.995f)
            tracker_tick(t, now, &all);
        else
            tracker_end(t, END_REMOVED, &all);
        assert_in_range(all.n, 0, SIGHTINGS_MAX);
        for (int i = 0; i < all.n; i++) {
            const struct sighting *s = &all.list[i];
            assert_true(s->track > 0 && s->track < MANY);
            assert_true(life[s->track] < 3 && (life[s->track] > 0 || s->track > last));
            assert_true(s->state != TRACK_TENTATIVE || life[s->track] < 2);
            assert_true(s->first_us <= s->last_us);
            assert_true(isfinite(s->face.box.x) && isfinite(s->face.box.h) && s->face.box.w > 0);
            life[s->track] = (char)(s->state + 1);
        }
        for (int i = 0; i < all.n; i++)
            last = all.list[i].track > last ? all.list[i].track : last;
    }
    tracker_end(t, END_SHUTDOWN, &all);
    for (int i = 0; i < all.n; i++)
        life[all.list[i].track] = 3;
    for (uint64_t i = 1; i <= last; i++)
        assert_int_equal(life[i], 3);
    tracker_free(t);
    free(life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_who_stands_is_one),
            cmocka_unit_test(one_who_walks_by_is_one),
            cmocka_unit_test(one_who_comes_near_is_one),
            cmocka_unit_test(two_who_cross_stay_two),
            cmocka_unit_test(two_side_by_side_stay_two),
            cmocka_unit_test(a_pillar_hides_but_does_not_end),
            cmocka_unit_test(stop_and_go_and_turning_back),
            cmocka_unit_test(found_again_a_little_further_on),
            cmocka_unit_test(the_next_one_at_the_same_place_is_another),
            cmocka_unit_test(the_next_one_at_the_other_door_is_another),
            cmocka_unit_test(three_detections_within_a_second_confirm),
            cmocka_unit_test(a_head_turned_away_begins_nobody_and_continues_somebody),
            cmocka_unit_test(slow_sampling_confirms_within_one_picture_more),
            cmocka_unit_test(an_unsure_detection_continues_and_never_begins),
            cmocka_unit_test(gone_when_looked_for_long_enough),
            cmocka_unit_test(one_picture_without_him_is_not_enough),
            cmocka_unit_test(a_dead_camera_ends_its_people),
            cmocka_unit_test(a_camera_of_few_pictures_is_not_dead),
            cmocka_unit_test(who_stands_still_stays),
            cmocka_unit_test(who_walks_on_unseen_is_there),
            cmocka_unit_test(only_those_in_the_parts_are_looked_for),
            cmocka_unit_test(who_leaves_does_not_rest),
            cmocka_unit_test(the_end_ends_all),
            cmocka_unit_test(two_boxes_on_one_face_are_one),
            cmocka_unit_test(a_step_of_the_clock_breaks_nothing),
            cmocka_unit_test(a_crowd_is_bounded_and_complete),
            cmocka_unit_test(whatever_comes_tracks_live_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
