/* needs: sample/vigil sample/quiet */
#include "sample/vigil.h"

#include "base/mono.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEP (MONO_SECOND / 25)

struct rig {
    struct vigil v;
    int gop, key, quiet;
    int at;
    int64_t still_us; /* since when the pictures are */
    bool needed, full, moves, broken;
    bool lies; /* peeks tell of what is not there */
    int decoded, kept, checks, peeks, wakes;
};

static struct scene_change change_of(struct rig *r, int64_t now)
{
    if (r->moves)
        r->still_us = now;
    return (struct scene_change){
            .still = !r->moves, .cells = r->moves ? 40 : 0, .still_us = r->still_us};
}

/* One packet, and every fifth picture that is decoded is looked at; the order that was given. */
static enum vigil_order step(struct rig *r)
{
    int64_t now = r->at * STEP;
    bool key = r->at % r->gop == 0;
    struct vigil_packet p = {now, (key ? r->key : r->quiet) + r->at % 17, key, r->needed, !r->full};
    bool was_asleep = r->v.asleep;
    enum vigil_order order = vigil_packet(&r->v, &p);
    struct scene_change change = change_of(r, now);
    assert_true(order != VIGIL_CHECK || key);
    assert_true(was_asleep || order == VIGIL_DECODE || (order == VIGIL_CHECK && !r->needed));
    assert_true(!was_asleep || order != VIGIL_DECODE);
    if (r->needed)
        assert_true(order == VIGIL_DECODE || order == VIGIL_WAKE);
    r->decoded += order == VIGIL_DECODE;
    r->kept += order == VIGIL_KEEP;
    r->wakes += order == VIGIL_WAKE;
    if (order == VIGIL_CHECK) {
        r->checks++;
        bool on = vigil_checked(&r->v, r->broken ? NULL : &change, now);
        assert_int_equal(on, !r->broken && !r->moves);
        assert_int_equal(r->v.asleep, on);
        r->wakes += !on;
        if (!on)
            vigil_caught_up(&r->v);
    }
    if (order == VIGIL_PEEK) {
        r->peeks++;
        assert_true(r->v.peeks && !key);
        change.still = !r->moves && !r->lies;
        bool on = vigil_peeked(&r->v, r->broken ? NULL : &change, now);
        assert_int_equal(on, !r->broken && change.still);
        assert_int_equal(r->v.asleep, on);
        r->wakes += !on;
        if (!on)
            vigil_caught_up(&r->v);
    }
    if (order == VIGIL_WAKE)
        vigil_caught_up(&r->v);
    if (order == VIGIL_DECODE && r->at % 5 == 0) {
        quiet_picture(&r->v.quiet, 1920, 1080);
        vigil_picture(&r->v, &change, now);
    }
    r->at++;
    return order;
}

static void run(struct rig *r, double seconds)
{
    for (int i = 0; i < (int)(seconds * 25); i++)
        (void)step(r);
}

static struct rig rig_of(int gop, int key, int quiet)
{
    struct rig r = {.gop = gop, .key = key, .quiet = quiet};
    vigil_init(&r.v);
    return r;
}

static void it_falls_asleep_and_checks_now_and_then(void **state)
{
    (void)state;
    for (int gop = 25; gop <= 250; gop *= 2) {
        struct rig r = rig_of(gop, 120000, 600);
        run(&r, 30);
        assert_true(r.v.asleep);
        r.decoded = r.checks = 0;
        run(&r, 120);
        assert_true(r.v.asleep && r.wakes == 0 && r.decoded == 0);
        assert_in_range(r.checks, 10, 45);
    }
}

static void large_packets_wake_it(void **state)
{
    (void)state;
    struct rig r = rig_of(50, 120000, 600);
    run(&r, 31.5);
    assert_true(r.v.asleep);
    r.quiet = 3500;
    r.moves = true;
    run(&r, 0.2);
    assert_true(!r.v.asleep && r.wakes == 1);
    run(&r, 20);
    assert_false(r.v.asleep); /* as long as something moves */
    r.moves = false;
    r.quiet = 600;
    run(&r, 10);
    assert_true(r.v.asleep);
}

/* The packets were small, but a key frame shows something: that they say nothing is learned. */
static void a_key_frame_that_differs_wakes_it(void **state)
{
    (void)state;
    struct rig r = rig_of(50, 120000, 600);
    for (int i = 0; i < 5; i++) {
        r.moves = false;
        run(&r, 30);
        assert_int_equal(r.v.asleep, i < 1);
        r.moves = true;
        run(&r, 6.2);
        assert_false(r.v.asleep);
    }
}

static void one_that_cannot_be_decoded_wakes_it(void **state)
{
    (void)state;
    struct rig r = rig_of(25, 120000, 600);
    run(&r, 30);
    r.broken = true;
    run(&r, 6);
    assert_true(!r.v.asleep && r.wakes > 0);
}

static void nobody_sleeps_who_is_needed(void **state)
{
    (void)state;
    struct rig r = rig_of(25, 120000, 600);
    r.needed = true;
    run(&r, 60);
    assert_true(!r.v.asleep && r.kept == 0);
    r.needed = false;
    run(&r, 10);
    assert_true(r.v.asleep);
    r.needed = true;
    assert_int_equal(step(&r), VIGIL_WAKE);
    run(&r, 10);
    assert_false(r.v.asleep);
}

static void without_room_it_wakes(void **state)
{
    (void)state;
    struct rig r = rig_of(250, 120000, 600);
    run(&r, 31.5);
    assert_true(r.v.asleep);
    r.full = true;
    assert_int_equal(step(&r), VIGIL_WAKE);
    run(&r, 30);
    assert_false(r.v.asleep);
}

static void at_a_constant_rate_key_frames_are_enough_or_nothing_is(void **state)
{
    (void)state;
    struct rig r = rig_of(25, 115000, 14800);
    run(&r, 30);
    assert_true(r.v.asleep);
    r.checks = r.kept = 0;
    run(&r, 10);
    assert_true(r.checks == 10 && r.kept == 240);
    r.gop = 100; /* now they are too far apart */
    run(&r, 10);
    assert_false(r.v.asleep);
    run(&r, 60);
    assert_false(r.v.asleep);
}

/* Where sizes say nothing peeks do, however far apart the key frames are. */
static void at_a_constant_rate_it_peeks(void **state)
{
    (void)state;
    for (int gop = 50; gop <= 250; gop += 50) {
        struct rig r = rig_of(gop, 115000, 14800);
        r.v.peeks = true;
        run(&r, 31);
        assert_true(r.v.asleep);
        r.peeks = r.checks = r.decoded = r.kept = 0;
        run(&r, 60);
        assert_true(r.v.asleep && r.decoded == 0);
        assert_in_range(r.checks, 60 * 25 / gop, 60 * 25 / gop + 1);
        assert_in_range(r.checks + r.peeks, 60 * 25 / 13 - 1, 60 * 25 / 12 + r.checks);
        while (r.at % gop != gop / 2)
            (void)step(&r);
        r.moves = true;
        run(&r, 0.6);
        assert_false(r.v.asleep);
        r.moves = false;
        run(&r, 25);
        assert_true(r.v.asleep);
    }
    struct rig r = rig_of(50, 120000, 600); /* the sizes are enough, as soon as they are known */
    r.v.peeks = true;
    run(&r, 30);
    r.peeks = 0;
    run(&r, 60);
    assert_true(r.v.asleep && r.peeks == 0);
}

/* Peeks that tell of what is not there are not believed for a while; one in a minute is nothing. */
static void who_lies_is_not_believed(void **state)
{
    (void)state;
    struct rig r = rig_of(50, 115000, 14800);
    r.v.peeks = true;
    r.lies = true;
    run(&r, 60);
    assert_in_range(r.peeks, 3, 5);
    assert_false(r.v.asleep);
    run(&r, 500);
    assert_in_range(r.peeks, 3, 5);
    r.lies = false;
    run(&r, 120);
    assert_true(r.v.asleep);
    for (int i = 0; i < 10; i++) {
        run(&r, 80);
        assert_true(r.v.asleep);
        r.lies = true;
        run(&r, 1);
        assert_false(r.v.asleep);
        r.lies = false;
    }
}

static void a_stream_without_key_frames_never_sleeps(void **state)
{
    (void)state;
    struct rig r = rig_of(100000, 120000, 600);
    run(&r, 120);
    assert_true(r.kept == 0 && r.checks == 0);
    r = rig_of(VIGIL_GOP_MAX + 1, 120000, 600);
    run(&r, 120);
    assert_true(r.kept == 0 && r.checks == 0);
}

/* Motion JPEG. */
static void where_all_are_key_frames_all_are_decoded(void **state)
{
    (void)state;
    struct rig r = rig_of(1, 60000, 0);
    run(&r, 60);
    assert_true(r.kept == 0 && r.checks == 0);
}

/* What a key frame is for is lost to nobody, whatever happens; step() looks at each order. */
static void at_random(void **state)
{
    (void)state;
    unsigned seed = 5;
    struct rig r = rig_of(25, 100000, 500);
    for (int i = 0; i < 2000; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned what = seed >> 16;
        r.needed = what % 5 == 0;
        r.moves = what % 7 == 0;
        r.broken = what % 31 == 0;
        r.full = what % 29 == 0;
        r.quiet = what % 11 == 0 ? 5000 : 500;
        r.gop = what % 13 == 0 ? 250 : 25;
        r.v.peeks = what % 3 == 0;
        r.lies = what % 37 == 0;
        run(&r, (double)(what % 64) / 4);
    }
    assert_true(r.kept > 1000 && r.decoded > 1000 && r.wakes > 20 && r.checks > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_falls_asleep_and_checks_now_and_then),
            cmocka_unit_test(large_packets_wake_it),
            cmocka_unit_test(a_key_frame_that_differs_wakes_it),
            cmocka_unit_test(one_that_cannot_be_decoded_wakes_it),
            cmocka_unit_test(nobody_sleeps_who_is_needed),
            cmocka_unit_test(without_room_it_wakes),
            cmocka_unit_test(at_a_constant_rate_key_frames_are_enough_or_nothing_is),
            cmocka_unit_test(at_a_constant_rate_it_peeks),
            cmocka_unit_test(who_lies_is_not_believed),
            cmocka_unit_test(a_stream_without_key_frames_never_sleeps),
            cmocka_unit_test(where_all_are_key_frames_all_are_decoded),
            cmocka_unit_test(at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
