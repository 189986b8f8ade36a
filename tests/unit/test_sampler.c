/* needs: sample/sampler */
#include "sample/sampler.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static unsigned seed;

static double uniform(double from, double to)
{
    return from + (to - from) * (double)random() / (double)RAND_MAX;
}

/* How many of n frames at that rate are taken; each is late or early by up to jitter of the
 * camera's interval, times still rise. */
static int taken_of(int n, double camera_fps, double fps, double jitter)
{
    struct sampler s;
    sampler_init(&s, fps);
    int taken = 0;
    double step = 1e6 / camera_fps;
    int64_t last = 0;
    for (int i = 0; i < n; i++) {
        int64_t t = 5000000 + (int64_t)(i * step + uniform(-jitter, jitter) * step);
        if (t <= last)
            t = last + 1;
        last = t;
        taken += sampler_take(&s, t);
    }
    return taken;
}

static void test_first_frame_is_taken(void **state)
{
    (void)state;
    struct sampler s;
    sampler_init(&s, 0.5);
    assert_true(sampler_take(&s, 123456789));
    assert_false(sampler_take(&s, 123456790));
}

static void test_every_fifth_of_25_at_5(void **state)
{
    (void)state;
    struct sampler s;
    sampler_init(&s, 5);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sampler_take(&s, 1000 + i * INT64_C(40000)), i % 5 == 0);
}

static void test_slow_camera_is_taken_whole(void **state)
{
    (void)state;
    assert_int_equal(taken_of(500, 2, 5, 0), 500);
    assert_int_equal(taken_of(500, 5, 5, 0), 500);
    assert_int_equal(taken_of(500, 2, 30, 0.4), 500);
    /* At the very rate one may be passed over at the start, before the camera's rate is known. */
    assert_in_range(taken_of(500, 5, 5, 0.2), 498, 500);
}

/* Whatever the camera's rate and jitter: within two per cent of the rate asked for. */
static void test_average_rate_under_jitter(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        double camera = uniform(1, 60), fps = uniform(0.5, 30), jitter = uniform(0, 0.45);
        int n = 3000;
        double expected = n * fmin(fps, camera) / camera;
        int taken = taken_of(n, camera, fps, jitter);
        double slack = 2 + 0.02 * expected;
        /* Near the camera's own rate a late frame has no second one to stand in for it. */
        if (fps > camera * 0.6)
            slack = 2 + 0.12 * expected;
        if (fabs(taken - expected) > slack) {
            print_error("camera %.2f fps %.2f jitter %.2f: %d of %.1f, SEED=%u\n", camera, fps,
                    jitter, taken, expected, seed);
            fail();
        }
    }
}

/* The frames of one second may come in one instant; no more are taken than the grid has points. */
static void test_bursts_are_not_caught_up(void **state)
{
    (void)state;
    struct sampler s;
    sampler_init(&s, 5);
    int64_t t = 0;
    for (int second = 0; second < 100; second++) {
        int taken = 0;
        t += 1000000;
        for (int i = 0; i < 25; i++)
            taken += sampler_take(&s, t + i);
        assert_in_range(taken, 1, 2);
    }
}

/* In any window the number taken is bounded, also when the clock jumps either way. */
static void test_jumps_neither_flood_nor_starve(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct sampler s;
        double fps = uniform(0.5, 30);
        sampler_init(&s, fps);
        int64_t t = (int64_t)uniform(0, 1e12);
        int jumps = 0, taken = 0, since = 0;
        const int n = 2000;
        for (int i = 0; i < n; i++) {
            t += 40000;
            if (random() % 100 == 0) {
                t += (int64_t)uniform(-1e10, 1e10);
                jumps++;
            }
            bool take = sampler_take(&s, t);
            taken += take;
            since = take ? 0 : since + 1;
            /* Never longer without a frame than two intervals and the jump's own frame. */
            assert_true(since <= 2 * 25 / fps + 2);
        }
        assert_true(taken <= n * fps / 25 + jumps + 2);
    }
}

int main(void)
{
    const char *wish = getenv("SEED");
    seed = wish ? (unsigned)strtoul(wish, NULL, 10) : (unsigned)time(NULL);
    printf("SEED=%u\n", seed);
    srandom(seed);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_first_frame_is_taken),
            cmocka_unit_test(test_every_fifth_of_25_at_5),
            cmocka_unit_test(test_slow_camera_is_taken_whole),
            cmocka_unit_test(test_average_rate_under_jitter),
            cmocka_unit_test(test_bursts_are_not_caught_up),
            cmocka_unit_test(test_jumps_neither_flood_nor_starve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
