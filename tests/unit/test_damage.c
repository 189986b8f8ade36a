/* needs: source/damage */
#include "source/damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define STEP 40000

static unsigned seed;

/* One packet of a camera with a key frame every ten, decoded at once. */
static bool step(struct damage *d, uint64_t n, int64_t dts, bool lost, bool error, bool flagged)
{
    damage_packet(d, n, dts, lost);
    if (error)
        damage_error(d, n);
    return damage_frame(d, n, n % 10 == 1, flagged);
}

static void test_begins_at_a_key_frame(void **state)
{
    (void)state;
    struct damage d;
    damage_init(&d, true);
    for (uint64_t n = 5; n < 40; n++)
        assert_int_equal(step(&d, n, (int64_t)n * STEP, false, false, false), n >= 11);
    assert_int_equal(d.withheld, 6);
    assert_int_equal(d.events, 0);
}

static void test_each_sign_waits_for_the_next_key_frame(void **state)
{
    (void)state;
    for (int sign = 0; sign < 3; sign++) {
        struct damage d;
        damage_init(&d, true);
        for (uint64_t n = 1; n < 60; n++) {
            bool hit = n == 24;
            bool pass = step(
                    &d, n, (int64_t)n * STEP, hit && sign == 0, hit && sign == 1, hit && sign == 2);
            assert_int_equal(pass, n < 24 || n >= 31);
        }
        assert_int_equal(d.withheld, 7);
        assert_int_equal(d.events, 1);
    }
}

static void test_damaged_key_frame_does_not_end_the_wait(void **state)
{
    (void)state;
    struct damage d;
    damage_init(&d, true);
    for (uint64_t n = 1; n < 60; n++) {
        bool pass = step(&d, n, (int64_t)n * STEP, n == 24 || n == 31, false, false);
        assert_int_equal(pass, n < 24 || n >= 41);
    }
}

/* A picture was left out without a word: the one after the gap is not to be trusted, unless it
 * needs none before it. */
static void test_gap_in_live_timestamps(void **state)
{
    (void)state;
    for (int live = 0; live < 2; live++) {
        struct damage d;
        damage_init(&d, live);
        for (uint64_t n = 1; n < 60; n++) {
            int64_t dts = (int64_t)(n + (n >= 24) + (n >= 51)) * STEP;
            bool pass = step(&d, n, dts, false, false, false);
            assert_int_equal(pass, !live || n < 24 || n >= 31);
        }
        assert_int_equal(d.events, live ? 1 : 0); /* the gap before key frame 51 cost nothing */
    }
}

static void test_irregular_camera_is_left_alone(void **state)
{
    (void)state;
    struct damage d;
    damage_init(&d, true);
    int64_t dts = 0;
    for (uint64_t n = 1; n < 2000; n++) {
        dts += STEP + (n % 4) * 20000; /* 40 to 100 ms */
        assert_true(step(&d, n, dts, false, false, false));
    }
    /* One change of rate costs one wait, not one for each picture of the new rate. */
    for (uint64_t n = 2001; n < 2100; n++) {
        dts += 500000;
        step(&d, n, dts, false, false, false);
    }
    assert_int_equal(d.events, 0); /* the first one was a key frame here */
}

/* The loss is noticed while a key frame sent before it is still in the decoder. */
static void test_delayed_key_frame_does_not_end_the_wait(void **state)
{
    (void)state;
    struct damage d;
    damage_init(&d, true);
    for (uint64_t n = 1; n < 60; n++) {
        damage_packet(&d, n, (int64_t)n * STEP, n == 13);
        if (n < 3)
            continue;
        uint64_t out = n - 2; /* two pictures are held back */
        bool pass = damage_frame(&d, out, out % 10 == 1, false);
        assert_int_equal(pass, out < 11 || out >= 21);
    }
}

static void test_leading_pictures_of_an_open_group_are_withheld(void **state)
{
    (void)state;
    struct damage d;
    damage_init(&d, false);
    /* Decoded 1 (key), 2, 3; shown 2, 3, 1: they lean on what was before. Then 4. */
    for (uint64_t n = 1; n <= 4; n++)
        damage_packet(&d, n, DAMAGE_NO_TIME, false);
    assert_false(damage_frame(&d, 2, false, false));
    assert_false(damage_frame(&d, 3, false, false));
    assert_true(damage_frame(&d, 1, true, false));
    assert_true(damage_frame(&d, 4, false, false));
}

/* By a model of what a picture leans on: nothing that leans on damage passes, and every picture
 * after a whole key frame passes until the next damage. */
static void test_random_damage(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct damage d;
        damage_init(&d, false);
        bool whole = false;
        uint64_t withheld = 0;
        for (uint64_t n = 1; n < 1000; n++) {
            bool key = random() % 12 == 0, lost = random() % 40 == 0;
            bool error = random() % 60 == 0, flagged = random() % 60 == 0;
            bool hurt = lost || error || flagged;
            whole = hurt ? false : whole || key;
            damage_packet(&d, n, DAMAGE_NO_TIME, lost);
            if (error)
                damage_error(&d, n);
            bool pass = damage_frame(&d, n, key, flagged);
            if (pass != whole)
                print_error("packet %llu, SEED=%u\n", (unsigned long long)n, seed);
            assert_int_equal(pass, whole);
            withheld += !whole;
        }
        assert_int_equal(d.withheld, withheld);
    }
}

int main(void)
{
    const char *wish = getenv("SEED");
    seed = wish ? (unsigned)strtoul(wish, NULL, 10) : (unsigned)time(NULL);
    printf("SEED=%u\n", seed);
    srandom(seed);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_begins_at_a_key_frame),
            cmocka_unit_test(test_each_sign_waits_for_the_next_key_frame),
            cmocka_unit_test(test_damaged_key_frame_does_not_end_the_wait),
            cmocka_unit_test(test_gap_in_live_timestamps),
            cmocka_unit_test(test_irregular_camera_is_left_alone),
            cmocka_unit_test(test_delayed_key_frame_does_not_end_the_wait),
            cmocka_unit_test(test_leading_pictures_of_an_open_group_are_withheld),
            cmocka_unit_test(test_random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
