/* needs: source/timeline */
#include "source/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define ORIGIN INT64_C(7000000)

static void test_file_time_is_opening_plus_presentation(void **state)
{
    (void)state;
    struct timeline t;
    timeline_init(&t, false, ORIGIN, 25);
    for (int i = 0; i < 100; i++)
        assert_int_equal(timeline_next(&t, 900 + i * 33333, 1), ORIGIN + i * 33333);
}

static void test_missing_stamps_come_from_the_rate(void **state)
{
    (void)state;
    struct timeline t;
    timeline_init(&t, false, ORIGIN, 10);
    for (int i = 0; i < 100; i++)
        assert_int_equal(timeline_next(&t, TIMELINE_NONE, 1), ORIGIN + i * 100000);
    /* They appear late: from then on they count. */
    assert_int_equal(timeline_next(&t, 5, 1), ORIGIN + 100 * 100000);
    assert_int_equal(timeline_next(&t, 70005, 1), ORIGIN + 100 * 100000 + 70000);
    timeline_init(&t, false, ORIGIN, 0);
    timeline_next(&t, TIMELINE_NONE, 1);
    assert_int_equal(timeline_next(&t, TIMELINE_NONE, 1), ORIGIN + 40000);
}

static void test_jump_back_goes_on_after_one_interval(void **state)
{
    (void)state;
    struct timeline t;
    timeline_init(&t, false, ORIGIN, 10);
    timeline_next(&t, 0, 1);
    assert_int_equal(timeline_next(&t, 900000, 1), ORIGIN + 900000);
    assert_int_equal(timeline_next(&t, 100000, 1), ORIGIN + 1000000);
    assert_int_equal(timeline_next(&t, 200000, 1), ORIGIN + 1100000);
}

static void test_live_time_is_arrival(void **state)
{
    (void)state;
    struct timeline t;
    timeline_init(&t, true, ORIGIN, 25);
    assert_int_equal(timeline_next(&t, 55, 8000000), 8000000);
    assert_int_equal(timeline_next(&t, 54, 8000000), 8000001);
    assert_int_equal(timeline_next(&t, 1, 8500000), 8500000);
}

static void test_always_rises(void **state)
{
    (void)state;
    const char *wish = getenv("SEED");
    unsigned seed = wish ? (unsigned)strtoul(wish, NULL, 10) : (unsigned)time(NULL);
    printf("SEED=%u\n", seed);
    srandom(seed);
    for (int round = 0; round < 500; round++) {
        struct timeline t;
        timeline_init(&t, round % 2, ORIGIN, (double)(random() % 100));
        int64_t last = INT64_MIN;
        for (int i = 0; i < 200; i++) {
            int64_t stamp = (int64_t)((uint64_t)random() << (random() % 34)) - random();
            if (random() % 5 == 0)
                stamp = TIMELINE_NONE;
            if (random() % 50 == 0)
                stamp = random() % 2 ? INT64_MAX : INT64_MIN + 1;
            int64_t time = timeline_next(&t, stamp, ORIGIN + random() % 1000);
            assert_true(time > last);
            last = time;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_file_time_is_opening_plus_presentation),
            cmocka_unit_test(test_missing_stamps_come_from_the_rate),
            cmocka_unit_test(test_jump_back_goes_on_after_one_interval),
            cmocka_unit_test(test_live_time_is_arrival),
            cmocka_unit_test(test_always_rises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
