/* needs: emit/emitter emit/votes flow/face flow/age base/uuid base/mem flow/box */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emit/emitter.h"
#include "kit_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define OFFSET (INT64_C(1700000000) * SECOND) /* of wall time */
#define WIDTH  1000
#define HEIGHT 500

static const struct traits traits = {.detector = "d",
        .attributes = "a",
        .age_min = 3,
        .age_max = 90,
        .age_error = {{5, 2}, {70, 8}},
        .n_age_error = 2,
        .gender_measured = true};

/* In place of flow/event: no clock is asked here. */
struct event *event_new(enum event_type type, const char *camera)
{
    struct event *ev = calloc(1, sizeof(*ev));
    assert_non_null(ev);
    ev->type = type;
    strncpy(ev->camera, camera, sizeof(ev->camera) - 1);
    return ev;
}

void event_free(void *event)
{
    free(event);
}

static struct sightings all;
static struct event *events[EMITTER_EVENTS_MAX];
static size_t n_events;

static void forget_events(void)
{
    for (size_t i = 0; i < n_events; i++)
        event_free(events[i]);
    n_events = 0;
}

static struct sighting *add(
        uint64_t track, enum track_state state, bool found, int64_t first_us, int64_t last_us)
{
    struct sighting *s = &all.list[all.n++];
    *s = (struct sighting){.track = track,
            .state = state,
            .found = found,
            .face = {.box = {100, 50, 80, 100}, .score = 0.9f},
            .first_us = first_us,
            .last_us = last_us};
    return s;
}

static int chosen(void)
{
    int n = 0;
    for (int i = 0; i < all.n; i++)
        n += all.list[i].chosen;
    return n;
}

static void emit(struct emitter *e, int64_t time_us)
{
    forget_events();
    n_events = emitter_step(e, &all, WIDTH, HEIGHT, time_us, OFFSET, events, EMITTER_EVENTS_MAX);
}

/* A look at a chosen one finds this. */
static void see(struct sighting *s, float years, float female_p, float weight)
{
    s->estimated = weight > 0;
    s->quality = (struct quality){.weight = weight};
    if (weight <= 0)
        s->quality.defect = UNKNOWN_BLURRED;
    s->estimate = (struct estimate){
            .has_age = true, .has_gender = true, .years = years, .female_p = female_p};
}

/* One person, found, and looked at where that is wanted. */
static void one(struct emitter *e, int64_t time_us, float years, float female_p)
{
    all.n = 0;
    struct sighting *s = add(1, TRACK_CONFIRMED, true, 0, time_us);
    emitter_choose(e, &all, time_us);
    if (s->chosen)
        see(s, years, female_p, 0.8f);
    emit(e, time_us);
}

static const struct event *only(enum event_type type)
{
    assert_int_equal(n_events, 1);
    assert_int_equal(events[0]->type, type);
    return events[0];
}

static void a_person_is_begun_once_and_ended_once(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, false);
    char id[UUID_TEXT];
    all.n = 0;
    add(1, TRACK_TENTATIVE, true, 0, 0);
    emitter_choose(e, &all, 0);
    assert_int_equal(chosen(), 0);
    emit(e, 0);
    assert_int_equal(n_events, 0);
    assert_int_equal(emitter_count(e), 0);

    all.n = 0;
    add(1, TRACK_CONFIRMED, true, SECOND, 2 * SECOND);
    emitter_choose(e, &all, 2 * SECOND);
    assert_int_equal(chosen(), 1);
    see(&all.list[0], 30, 0.95f, 0.8f);
    emit(e, 2 * SECOND);
    const struct event *ev = only(EVENT_NEW);
    assert_string_equal(ev->camera, "door");
    assert_true(uuid_valid(ev->record.id));
    memcpy(id, ev->record.id, sizeof(id));
    assert_true(ev->record.start_us == OFFSET + SECOND && ev->time_us == OFFSET + 2 * SECOND);
    assert_true(ev->record.end_us == OFFSET + 2 * SECOND);
    assert_int_equal(ev->record.answers.age_range, 4);
    assert_true(ev->record.answers.female);
    assert_int_equal(ev->record.samples, 1);
    assert_int_equal(ev->record.width_px, 80);
    assert_float_equal(ev->record.box.x, 0.1, 1e-5);
    assert_float_equal(ev->record.box.h, 0.2, 1e-5);
    assert_string_equal(ev->record.detector, "d");
    assert_int_equal(emitter_count(e), 1);

    all.n = 0;
    add(1, TRACK_GONE, false, SECOND, 3 * SECOND)->reason = END_CAMERA_LOST;
    emitter_choose(e, &all, 6 * SECOND);
    assert_int_equal(chosen(), 0);
    emit(e, 6 * SECOND);
    ev = only(EVENT_END);
    assert_string_equal(ev->record.id, id);
    assert_int_equal(ev->record.reason, END_CAMERA_LOST);
    assert_true(ev->record.end_us == OFFSET + 3 * SECOND);
    assert_int_equal(ev->record.answers.age_range, 4);
    assert_int_equal(emitter_count(e), 0);
    forget_events();
    emitter_free(e);
}

static void who_was_never_confirmed_is_nobody(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, true);
    all.n = 0;
    add(1, TRACK_GONE, false, 0, 0);
    emit(e, SECOND);
    assert_int_equal(n_events, 0);
    emitter_free(e);
}

static void the_last_sighting_is_told_in_time(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, false);
    int64_t told = 0, now = 0;
    for (int i = 0; i < 600; i++, now += SECOND / 5) {
        one(e, now, 30, 0.95f);
        for (size_t k = 0; k < n_events; k++)
            told = events[k]->record.end_us - OFFSET;
        assert_true(now - told < 5 * SECOND);
    }
    int64_t last = now - SECOND / 5; /* lost: told soon, and then no more */
    int seen = 0;
    for (int i = 0; i < 10; i++, now += SECOND / 5) {
        all.n = 0;
        add(1, TRACK_CONFIRMED, false, 0, last);
        emitter_choose(e, &all, now);
        assert_int_equal(chosen(), 0);
        emit(e, now);
        for (size_t k = 0; k < n_events; k++, seen++)
            assert_true(events[k]->type == EVENT_SEEN && events[k]->record.end_us == OFFSET + last);
        if (i == 4)
            assert_int_equal(seen, 1);
    }
    assert_int_equal(seen, 1);
    forget_events();
    emitter_free(e);
}

static void an_update_comes_when_the_answer_changed_and_not_often(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, false);
    struct answers said = {0};
    int64_t update = INT64_MIN / 2, now = 0;
    int updates = 0;
    for (int i = 0; i < 1500; i++, now += SECOND / 5) {
        /* Better and better pictures, which say something else every few seconds. */
        all.n = 0;
        struct sighting *s = add(1, TRACK_CONFIRMED, true, 0, now);
        s->face.box.w = 20 * expf(0.004f * (float)i); /* and he comes nearer and nearer */
        emitter_choose(e, &all, now);
        if (s->chosen)
            see(s, i / 20 % 2 ? 30 : 50, i / 20 % 2 ? 0.99f : 0.01f, 0.3f + 0.0004f * (float)i);
        emit(e, now);
        for (size_t k = 0; k < n_events; k++) {
            const struct answers *a = &events[k]->record.answers;
            if (events[k]->type == EVENT_NEW)
                said = *a;
            if (events[k]->type != EVENT_UPDATE)
                continue;
            assert_true(now - update >= 5 * SECOND);
            assert_true(said.age_range != a->age_range || said.female != a->female ||
                        said.age_unknown != a->age_unknown ||
                        said.gender_unknown != a->gender_unknown);
            said = *a;
            update = now;
            updates++;
        }
    }
    assert_true(updates > 0);
    forget_events();
    emitter_free(e);
}

static void a_steady_answer_needs_no_update(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, false);
    for (int64_t now = 0; now < 60 * SECOND; now += SECOND / 5) {
        one(e, now, 29, 0.95f);
        for (size_t k = 0; k < n_events; k++)
            assert_int_equal(events[k]->type, now == 0 ? EVENT_NEW : EVENT_SEEN);
    }
    forget_events();
    emitter_free(e);
}

static void the_cost_of_a_person_is_bounded(void **state)
{
    (void)state;
    const int rates[] = {1, 5, 30};
    for (int r = 0; r < 3; r++) {
        struct emitter *e = emitter_new("door", &traits, 0.8, false);
        int looks = 0, first = 0;
        seed = 4;
        for (int i = 0; i < 3600 * rates[r]; i++) {
            int64_t now = i * SECOND / rates[r];
            all.n = 0;
            struct sighting *s = add(1, TRACK_CONFIRMED, true, 0, now);
            s->face.score = 0.6f + 0.4f * draw();
            s->face.box.w = 40 + 100 * draw();
            emitter_choose(e, &all, now);
            looks += s->chosen;
            first += s->chosen && now < 10 * SECOND;
            if (s->chosen)
                see(s, 30, 0.9f, draw());
            emit(e, now);
        }
        assert_in_range(looks, 5, LOOKS_MAX);
        assert_in_range(first, rates[r] > 1 ? 5 : 4, LOOKS_FIRST + 6);
        forget_events();
        emitter_free(e);
    }
}

static void a_crowd_is_looked_at_in_turn(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, false);
    int looks[41] = {0};
    for (int k = 0; k < 10; k++) {
        int64_t now = k * SECOND / 5;
        all.n = 0;
        for (uint64_t i = 1; i <= 40; i++)
            add(i, TRACK_CONFIRMED, true, 0, now);
        emitter_choose(e, &all, now);
        assert_in_range(chosen(), 1, LOOKS_PICTURE);
        for (int i = 0; i < all.n; i++) {
            if (!all.list[i].chosen)
                continue;
            looks[all.list[i].track]++;
            see(&all.list[i], 30, 0.9f, 0.5f);
        }
        emit(e, now);
        assert_int_equal(emitter_count(e), 40);
    }
    for (int i = 1; i <= 40; i++)
        assert_int_equal(looks[i], 2);
    forget_events();
    emitter_free(e);
}

static void the_best_picture_is_the_one_shown(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, false);
    const float weights[] = {0.2f, 0.9f, 0.5f}, widths[] = {50, 60, 70};
    for (int i = 0; i < 3; i++) {
        all.n = 0;
        struct sighting *s = add(1, TRACK_CONFIRMED, true, 0, i * SECOND);
        s->face.box.w = widths[i];
        emitter_choose(e, &all, i * SECOND);
        assert_true(s->chosen);
        see(s, 30, 0.9f, weights[i]);
        emit(e, i * SECOND);
    }
    all.n = 0;
    add(1, TRACK_GONE, false, 0, 2 * SECOND);
    emit(e, 5 * SECOND);
    assert_int_equal(only(EVENT_END)->record.width_px, 60);
    assert_int_equal(only(EVENT_END)->record.samples, 3);
    forget_events();
    emitter_free(e);
}

static void boxes_are_cut_to_the_picture(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, false);
    all.n = 0;
    add(1, TRACK_CONFIRMED, true, 0, 0)->face.box = (struct box){-50, 450, 100, 100};
    add(2, TRACK_CONFIRMED, true, 0, 0)->face.box = (struct box){5000, -900, 10, 10};
    emit(e, 0);
    assert_int_equal(n_events, 2);
    const struct box *a = &events[0]->record.box, *b = &events[1]->record.box;
    assert_true(a->x == 0 && fabsf(a->w - 0.05f) < 1e-6f && fabsf(a->y + a->h - 1) < 1e-6f);
    assert_true(b->x == 1 && b->y == 0 && b->w == 0 && b->h == 0);
    forget_events();
    emitter_free(e);
}

static void observations_are_each_sighting_of_a_person(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, true);
    int seen = 0;
    for (int i = 0; i < 20; i++) {
        int64_t now = i * SECOND / 5;
        all.n = 0;
        bool found = i % 4 != 3;
        struct sighting *s = add(1, TRACK_CONFIRMED, found, 0, now);
        s->face.box.x = 10.0f * (float)i;
        add(2, TRACK_TENTATIVE, true, now, now);
        emitter_choose(e, &all, now);
        emit(e, now);
        for (size_t k = 0; k < n_events; k++) {
            if (events[k]->type != EVENT_OBSERVATION)
                continue;
            seen++;
            assert_true(found && events[k]->record.end_us == OFFSET + now);
            assert_float_equal(events[k]->record.box.x, 0.01f * (float)i, 1e-5);
        }
    }
    assert_int_equal(seen, 15);
    forget_events();
    emitter_free(e);
}

static void a_step_of_the_clock_does_not_stretch_a_record(void **state)
{
    (void)state;
    struct emitter *e = emitter_new("door", &traits, 0.8, false);
    all.n = 0;
    add(1, TRACK_CONFIRMED, true, 0, SECOND);
    emit(e, SECOND);
    all.n = 0;
    add(1, TRACK_GONE, false, 0, 2 * SECOND);
    forget_events();
    n_events = emitter_step(
            e, &all, WIDTH, HEIGHT, 5 * SECOND, OFFSET + 3600 * SECOND, events, EMITTER_EVENTS_MAX);
    const struct event *ev = only(EVENT_END);
    assert_true(ev->record.end_us - ev->record.start_us == 2 * SECOND);
    assert_true(ev->time_us == OFFSET + 3605 * SECOND);
    forget_events();
    emitter_free(e);
}

/* Life as a tracker might tell it, at random: each record is begun, then told of, then ended. */
static void records_are_begun_and_ended_exactly_once(void **state)
{
    (void)state;
    enum {
        TRACKS = 500
    };
    const char *given = getenv("SEED");
    seed = given ? (uint32_t)strtoul(given, NULL, 0) : 9;
    print_message("SEED=%u\n", seed);
    static char ids[TRACKS][UUID_TEXT];
    enum track_state state_of[TRACKS] = {0};
    int n_ids = 0, open = 0, confirmed = 0, first = 1, next = 1;
    bool ended[TRACKS] = {false};
    struct emitter *e = emitter_new("door", &traits, 0.8, true);
    int64_t now = 0;
    while (first < TRACKS) {
        now += (int64_t)(draw() * (float)SECOND);
        if (draw() < 0.01f)
            now -= 1000 * SECOND;
        while (next < TRACKS && next - first < 60 && draw() < 0.5f)
            next++;
        all.n = 0;
        for (int i = first; i < next; i++) {
            if (state_of[i] == TRACK_GONE)
                continue;
            float what = draw();
            if (what < 0.1f || next == TRACKS) {
                state_of[i] = TRACK_GONE;
            } else if (what < 0.3f && state_of[i] == TRACK_TENTATIVE) {
                state_of[i] = TRACK_CONFIRMED;
                confirmed++;
            }
            add((uint64_t)i, state_of[i], state_of[i] != TRACK_GONE && draw() < 0.8f, now, now);
        }
        while (first < next && state_of[first] == TRACK_GONE)
            first++;
        emitter_choose(e, &all, now);
        for (int i = 0; i < all.n; i++) {
            if (all.list[i].chosen)
                see(&all.list[i], 100 * draw(), draw(), draw() - 0.2f);
        }
        emit(e, now);
        for (size_t k = 0; k < n_events; k++) {
            const struct event *ev = events[k];
            int who = 0;
            while (who < n_ids && strcmp(ids[who], ev->record.id) != 0)
                who++;
            if (ev->type == EVENT_NEW) {
                assert_int_equal(who, n_ids);
                memcpy(ids[n_ids++], ev->record.id, UUID_TEXT);
                open++;
            }
            assert_true(who < n_ids && !ended[who]);
            assert_true(ev->record.end_us >= ev->record.start_us);
            assert_in_range(ev->record.samples, 0, 8);
            ended[who] = ev->type == EVENT_END;
            open -= ev->type == EVENT_END;
        }
        assert_int_equal(emitter_count(e), open);
    }
    assert_int_equal(open, 0);
    assert_int_equal(n_ids, confirmed);
    forget_events();
    emitter_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_person_is_begun_once_and_ended_once),
            cmocka_unit_test(who_was_never_confirmed_is_nobody),
            cmocka_unit_test(the_last_sighting_is_told_in_time),
            cmocka_unit_test(an_update_comes_when_the_answer_changed_and_not_often),
            cmocka_unit_test(a_steady_answer_needs_no_update),
            cmocka_unit_test(the_cost_of_a_person_is_bounded),
            cmocka_unit_test(a_crowd_is_looked_at_in_turn),
            cmocka_unit_test(the_best_picture_is_the_one_shown),
            cmocka_unit_test(boxes_are_cut_to_the_picture),
            cmocka_unit_test(observations_are_each_sighting_of_a_person),
            cmocka_unit_test(a_step_of_the_clock_does_not_stretch_a_record),
            cmocka_unit_test(records_are_begun_and_ended_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
