/* needs: sample/strain */
#include "sample/strain.h"

#include "base/mono.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* A host with a second of work in each second, of which decoding takes what it wants first. */
struct rig {
    struct strain s;
    double decode, keys; /* work in a second: decoding everything, or key frames */
    double look;         /* a picture */
    double due;          /* pictures a second */
    int64_t now_us;
    int orders;
    double looked; /* pictures in the last second */
};

static void begin(struct rig *r, double decode, double keys, double look, double due)
{
    *r = (struct rig){.decode = decode, .keys = keys, .look = look, .due = due};
    strain_init(&r->s);
}

static void second(struct rig *r)
{
    double decode = r->s.keys ? r->keys : r->decode, left = decode < 1 ? 1 - decode : 0;
    double sampled = r->due * r->s.share;
    r->looked = sampled * r->look < left ? sampled : left / r->look;
    struct strain_second x = {
            .sampled = (uint64_t)sampled,
            .lost = (uint64_t)(sampled - r->looked),
            .cameras = 16,
            .late = decode > 1 ? 16 : 0,
            .busy = left > 0 ? r->looked * r->look / left : 1,
    };
    r->now_us += MONO_SECOND;
    r->orders += strain_tick(&r->s, &x, r->now_us);
}

static void run(struct rig *r, int seconds)
{
    r->orders = 0;
    for (int i = 0; i < seconds; i++)
        second(r);
}

static void who_has_time_is_never_asked_for_less(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, 0.3, 0.1, 0.01, 60);
    run(&r, 3600);
    assert_true(r.orders == 0 && r.s.share == 1 && !r.s.keys && !r.s.since_us);
}

/* One bad second, or a tenth of the pictures, is no overload. */
static void bursts_are_no_overload(void **state)
{
    (void)state;
    struct strain s;
    strain_init(&s);
    for (int i = 0; i < 600; i++) {
        struct strain_second x = {.sampled = 300, .cameras = 64, .busy = 0.9};
        x.lost = i % 4 == 0 ? 200 : 30;
        x.late = i % 4 == 0 ? 30 : 2;
        assert_false(strain_tick(&s, &x, i * MONO_SECOND));
    }
    for (int i = 600; i < 1200; i++) { /* nor are many, while workers have time left */
        struct strain_second x = {.sampled = 300, .lost = 100, .cameras = 64, .busy = 0.6};
        assert_false(strain_tick(&s, &x, i * MONO_SECOND));
    }
    assert_true(s.share == 1 && !s.since_us);
}

/* One camera that is late, or says so, while the workers have time is nobody else's matter. */
static void one_late_camera_slows_no_other(void **state)
{
    (void)state;
    for (unsigned cameras = 1; cameras <= 5; cameras++) {
        struct strain s;
        strain_init(&s);
        for (int i = 0; i < 60; i++) {
            struct strain_second x = {.sampled = 25, .cameras = cameras, .late = 1, .busy = 0.1};
            (void)strain_tick(&s, &x, i * MONO_SECOND);
        }
        assert_int_equal(s.share == 1 && !s.keys, cameras > 1);
    }
}

/* As much as there is time for, whatever is asked for: looks are thinned, decoding goes on. */
static void looks_are_thinned_to_what_there_is_time_for(void **state)
{
    (void)state;
    for (int times = 2; times <= 4; times++) {
        struct rig r;
        begin(&r, 0.3, 0.1, 0.01, 70 * times);
        run(&r, 30);
        assert_true(r.s.since_us > 0 && r.s.since_us < 10 * MONO_SECOND && !r.s.keys);
        run(&r, 600);
        assert_true(!r.s.keys && r.looked > 45 && r.looked >= r.due * r.s.share * 0.8);
    }
}

static void decoding_is_given_up_where_it_takes_all(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, 1.5, 0.2, 0.01, 80);
    run(&r, 40);
    assert_true(r.s.keys);
    run(&r, 60);
    assert_true(r.looked > 20);
}

/* The order settles: ever fewer trials, and each is over in a moment. */
static void a_steady_load_is_no_reason_to_go_to_and_fro(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, 1.5, 0.2, 0.01, 70);
    run(&r, 600);
    int seconds = 0;
    for (int i = 0; i < 3600; i++) {
        second(&r);
        seconds += !r.s.keys;
    }
    assert_true(seconds < 360);
    begin(&r, 0.3, 0.1, 0.01, 200);
    run(&r, 600);
    run(&r, 3600);
    assert_true(r.orders < 3600 / 30);
}

static void it_ends_with_the_load(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, 1.5, 0.2, 0.05, 100);
    run(&r, 60);
    assert_true(r.s.keys && r.s.since_us);
    r.decode = 0.2;
    r.look = 0.001;
    for (int i = 0; i < 400 && r.s.since_us; i++)
        second(&r);
    assert_true(r.s.share == 1 && !r.s.keys && !r.s.since_us);
    run(&r, 3600);
    assert_int_equal(r.orders, 0);
}

static void who_is_known_is_looked_at_more_often(void **state)
{
    (void)state;
    assert_true(strain_share(1, true) == 1 && strain_share(1, false) == 1);
    for (double share = STRAIN_LEAST; share < 1; share += 0.05) {
        assert_true(strain_share(share, false) == share);
        assert_true(strain_share(share, true) > share && strain_share(share, true) <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(who_has_time_is_never_asked_for_less),
            cmocka_unit_test(bursts_are_no_overload),
            cmocka_unit_test(one_late_camera_slows_no_other),
            cmocka_unit_test(looks_are_thinned_to_what_there_is_time_for),
            cmocka_unit_test(decoding_is_given_up_where_it_takes_all),
            cmocka_unit_test(a_steady_load_is_no_reason_to_go_to_and_fro),
            cmocka_unit_test(it_ends_with_the_load),
            cmocka_unit_test(who_is_known_is_looked_at_more_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
