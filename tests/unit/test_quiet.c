/* needs: sample/quiet */
#include "sample/quiet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SAMPLE 5 /* packets to a picture that is looked at */

static struct quiet quiet;
static unsigned seed;

static double draw(void)
{
    seed = seed * 1103515245u + 12345u;
    return (double)(seed >> 8 & 0xffff) / 65536;
}

/* About so large, give or take this share. */
static int about(int size, double spread)
{
    double sum = draw() + draw() + draw() + draw() - 2;
    return (int)(size * exp(sum * spread * 1.7));
}

struct camera {
    int gop, key, quiet;
    double spread;
    int at;
};

static int packet(struct camera *c, int more, enum quiet_word *ret)
{
    bool key = c->at % c->gop == 0;
    int early = c->at % c->gop <= 3 ? c->quiet / 2 : 0;
    int size = key ? about(c->key, 0.03) : about(c->quiet + early, c->spread) + more;
    c->at++;
    *ret = quiet_hear(&quiet, size, key);
    return size;
}

static void learn(struct camera *c, int packets)
{
    enum quiet_word word;
    quiet_init(&quiet);
    quiet_picture(&quiet, 1920, 1080);
    seed = 11;
    for (int i = 0; i < packets; i++) {
        (void)packet(c, 0, &word);
        if (i % SAMPLE == SAMPLE - 1)
            quiet_still(&quiet);
    }
}

/* Alarms in so many packets. */
static int alarms(struct camera *c, int more, int packets)
{
    int n = 0;
    for (int i = 0; i < packets; i++) {
        enum quiet_word word;
        bool key = c->at % c->gop == 0;
        (void)packet(c, more, &word);
        n += word == QUIET_LOUD && !key;
    }
    return n;
}

static struct camera cameras[] = {{50, 120000, 600, 0.1, 0}, {250, 180000, 900, 0.15, 0},
        {25, 60000, 80, 0.05, 0}, {100, 90000, 1800, 0.1, 0}};
#define CAMERAS (sizeof(cameras) / sizeof(cameras[0]))

static void a_quiet_stream_is_learned(void **state)
{
    (void)state;
    for (size_t i = 0; i < CAMERAS; i++) {
        struct camera c = cameras[i];
        learn(&c, 60);
        assert_false(quiet_knows(&quiet));
        learn(&c, 800);
        assert_true(quiet_knows(&quiet));
        assert_in_range(alarms(&c, 0, 5000), 0, 10); /* in more than three minutes */
    }
}

/* Whoever walks by is told within one sampling interval. */
static void walkers_are_heard(void **state)
{
    (void)state;
    for (size_t i = 0; i < CAMERAS; i++) {
        for (int times = 2; times <= 8; times *= 2) {
            struct camera c = cameras[i];
            learn(&c, 1500);
            while (c.at % c.gop != c.gop / 2)
                (void)alarms(&c, 0, 1);
            assert_true(alarms(&c, c.quiet * times, SAMPLE) > 0);
        }
    }
}

/* Somebody far away adds less to each than they differ by, but adds it to all of them. */
static void who_is_far_away_is_heard_in_a_second(void **state)
{
    (void)state;
    struct camera c = {250, 120000, 1500, 0.15, 0};
    learn(&c, 2000);
    while (c.at % c.gop != 100)
        (void)alarms(&c, 0, 1);
    assert_true(alarms(&c, 700, 25) > 0);
}

static void a_constant_rate_says_nothing(void **state)
{
    (void)state;
    struct camera c = {25, 115000, 14800, 0.2, 0};
    learn(&c, 2000);
    assert_false(quiet_knows(&quiet));
    assert_int_equal(alarms(&c, 0, 100), 0); /* it does not pretend */
}

/* A stream that seemed to say something, until somebody moved and the sizes were as before. */
static void experience_counts_for_more(void **state)
{
    (void)state;
    struct camera c = {50, 60000, 2000, 0.1, 0};
    learn(&c, 1000);
    assert_true(quiet_knows(&quiet));
    for (int i = 0; i < 10; i++) {
        (void)alarms(&c, 0, SAMPLE);
        quiet_moved(&quiet, true);
    }
    assert_false(quiet_knows(&quiet));
    for (int i = 0; i < 80; i++) {
        (void)alarms(&c, 6000, SAMPLE);
        quiet_moved(&quiet, true);
    }
    assert_true(quiet_knows(&quiet));
    for (int i = 0; i < 20; i++)
        quiet_missed(&quiet); /* key frames that differed, out of the blue */
    assert_false(quiet_knows(&quiet));
}

/* And one that seemed to say nothing, but does. */
static void a_rich_stream_is_trusted_once_it_has_shown(void **state)
{
    (void)state;
    struct camera c = {50, 200000, 12000, 0.05, 0};
    learn(&c, 1000);
    assert_false(quiet_knows(&quiet));
    for (int i = 0; i < 10; i++) {
        (void)alarms(&c, 9000, SAMPLE);
        quiet_moved(&quiet, true);
    }
    assert_true(quiet_knows(&quiet));
}

static void false_alarms_become_fewer(void **state)
{
    (void)state;
    struct camera c = {50, 120000, 600, 0.1, 0};
    learn(&c, 1000);
    int more = 0;
    while (alarms(&c, more, 2 * SAMPLE) == 0)
        more += 50;
    (void)alarms(&c, 0, 100);
    for (int i = 0; i < 5; i++)
        quiet_false_alarm(&quiet);
    assert_int_equal(alarms(&c, more, 2 * SAMPLE), 0);
    assert_true(alarms(&c, 3000, 2 * SAMPLE) > 0); /* but never deaf */
    for (int i = 0; i < 100; i++)
        quiet_false_alarm(&quiet);
    assert_true(alarms(&c, 3000, 2 * SAMPLE) > 0);
}

static void another_size_is_another_stream(void **state)
{
    (void)state;
    struct camera c = cameras[0];
    learn(&c, 1000);
    quiet_picture(&quiet, 1920, 1080);
    assert_true(quiet_knows(&quiet));
    quiet_picture(&quiet, 640, 360);
    assert_false(quiet_knows(&quiet));
}

static void any_size_will_do(void **state)
{
    (void)state;
    quiet_init(&quiet);
    quiet_picture(&quiet, 1, 1);
    const int sizes[] = {0, 1, -5, 1 << 30, 2147483647};
    for (int i = 0; i < 20000; i++) {
        (void)quiet_hear(&quiet, sizes[i % 5], i % 7 == 0);
        if (i % 1000 == 0)
            quiet_still(&quiet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_quiet_stream_is_learned),
            cmocka_unit_test(walkers_are_heard),
            cmocka_unit_test(who_is_far_away_is_heard_in_a_second),
            cmocka_unit_test(a_constant_rate_says_nothing),
            cmocka_unit_test(experience_counts_for_more),
            cmocka_unit_test(a_rich_stream_is_trusted_once_it_has_shown),
            cmocka_unit_test(false_alarms_become_fewer),
            cmocka_unit_test(another_size_is_another_stream),
            cmocka_unit_test(any_size_will_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
