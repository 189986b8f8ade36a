/* needs: sample/lag */
#include "sample/lag.h"

#include "base/mono.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEP (MONO_SECOND / 25)
#define GOP  50

/* A camera, a queue without end, and who reads from it and needs a time for each picture. */
struct rig {
    struct lag l;
    int64_t now_us;    /* the reader's clock */
    int64_t decode_us; /* what a picture costs him */
    int64_t stood_us;  /* how long the camera's clock has stood */
    double drift;      /* the camera's second */
    int at;
    int decoded, skipped, resumed;
    int64_t oldest_us; /* the truth about the decoded packets */
    bool follows;      /* the next may be decoded */
};

static void begin(struct rig *r)
{
    *r = (struct rig){.drift = 1, .follows = true};
    lag_init(&r->l);
}

static void step(struct rig *r)
{
    int64_t stamp_us = r->at * STEP, made_us = (int64_t)((double)stamp_us * r->drift) + r->stood_us;
    bool key = r->at++ % GOP == 0;
    if (r->now_us < made_us)
        r->now_us = made_us;
    int64_t age_us = r->now_us - made_us;
    enum lag_order order = lag_packet(&r->l, stamp_us, r->now_us, key);
    r->skipped += order == LAG_SKIP;
    r->resumed += order == LAG_RESUME;
    if (order == LAG_SKIP) {
        r->follows = false;
        return;
    }
    assert_true(r->follows || (key && order == LAG_RESUME));
    r->follows = true;
    r->decoded++;
    r->oldest_us = age_us > r->oldest_us ? age_us : r->oldest_us;
    r->now_us += r->decode_us;
}

static void run(struct rig *r, int packets)
{
    for (int i = 0; i < packets; i++)
        step(r);
}

static void who_keeps_up_decodes_everything(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    r.decode_us = STEP * 9 / 10;
    run(&r, 25 * 600);
    assert_int_equal(r.decoded, r.at);
}

/* However slow: packets are skipped, from somewhere up to a key frame, and none is very old. */
static void who_is_too_slow_stays_near_the_present(void **state)
{
    (void)state;
    for (int percent = 120; percent <= 2000; percent += 140) {
        struct rig r;
        begin(&r);
        r.decode_us = STEP * percent / 100;
        run(&r, 25 * 600);
        assert_true(r.resumed > 10 && r.decoded >= r.resumed);
        assert_true(r.oldest_us < 3 * MONO_SECOND / 2 + r.decode_us);
        assert_true(r.now_us - r.at * STEP < 3 * MONO_SECOND / 2 + r.decode_us);
    }
}

/* What came late from the network is decoded as fast as it can be. */
static void a_burst_that_is_caught_up_with_costs_nothing(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    r.decode_us = STEP / 8;
    run(&r, 25 * 10);
    r.now_us += 4 * MONO_SECOND;
    run(&r, 25 * 60);
    assert_int_equal(r.decoded, r.at);
    assert_true(r.l.late_us < STEP);
}

static void jitter_and_drift_mean_nothing(void **state)
{
    (void)state;
    for (int k = -1; k <= 1; k++) {
        struct rig r;
        begin(&r);
        r.drift = 1 + k * 9e-4;
        for (int i = 0; i < 25 * 3600; i++) {
            r.now_us += (i * 7919 % 13) * 20000 / 13;
            step(&r);
        }
        assert_int_equal(r.skipped, 0);
        assert_true(r.l.late_us < LAG_OLD_US / 2);
    }
}

/* Its pictures look late ever after; a GOP and a second are lost, no more. */
static void a_clock_that_stood_is_found_out(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    run(&r, 25 * 20);
    r.stood_us += 30 * MONO_SECOND;
    run(&r, 25 * 60);
    assert_in_range(r.skipped, 0, GOP + 25);
    assert_true(r.l.late_us < LAG_OLD_US && r.follows);
}

static void a_clock_that_was_set_begins_anew(void **state)
{
    (void)state;
    struct lag l;
    lag_init(&l);
    int64_t stamps[] = {0, -3600 * MONO_SECOND, 3600 * MONO_SECOND};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 100; i++) {
            int64_t read_us = (k * 100 + i) * STEP;
            assert_int_equal(lag_packet(&l, stamps[k] + i * STEP, read_us, i == 0), LAG_DECODE);
            assert_true(l.late_us < STEP);
        }
    }
}

static void without_stamps_nothing_is_said(void **state)
{
    (void)state;
    struct lag l;
    lag_init(&l);
    for (int i = 0; i < 100; i++)
        assert_int_equal(lag_packet(&l, LAG_NO_STAMP, i * i * STEP, i % GOP == 0), LAG_DECODE);
    assert_int_equal(l.late_us, 0);
}

/* Who skips when the stamps end goes on at the next key frame, and nothing counts as late. */
static void stamps_may_end_at_any_time(void **state)
{
    (void)state;
    struct lag l;
    lag_init(&l);
    int i = 0;
    for (; !l.skipping && i < 1000; i++) /* read at half the speed that it comes at */
        (void)lag_packet(&l, i * STEP, 2 * i * STEP, i % GOP == 0);
    assert_true(l.skipping && l.late_us > LAG_OLD_US);
    for (; i % GOP; i++)
        assert_int_equal(lag_packet(&l, LAG_NO_STAMP, 2 * i * STEP, false), LAG_SKIP);
    assert_int_equal(lag_packet(&l, LAG_NO_STAMP, 2 * i * STEP, true), LAG_RESUME);
    assert_int_equal(l.late_us, 0);
    assert_int_equal(lag_packet(&l, LAG_NO_STAMP, 2 * i * STEP, false), LAG_DECODE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(who_keeps_up_decodes_everything),
            cmocka_unit_test(who_is_too_slow_stays_near_the_present),
            cmocka_unit_test(a_burst_that_is_caught_up_with_costs_nothing),
            cmocka_unit_test(jitter_and_drift_mean_nothing),
            cmocka_unit_test(a_clock_that_stood_is_found_out),
            cmocka_unit_test(a_clock_that_was_set_begins_anew),
            cmocka_unit_test(without_stamps_nothing_is_said),
            cmocka_unit_test(stamps_may_end_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
