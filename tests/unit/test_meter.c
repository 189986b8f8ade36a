/* needs: app/meter */
#include "app/meter.h"

#include "base/mono.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE (60 * MONO_SECOND)
#define START  (INT64_C(123456789) * MONO_SECOND) /* a machine that runs for years */

static void a_rate_needs_two_samples(void **state)
{
    (void)state;
    struct meter m = {0};
    assert_float_equal(meter_rate(&m), 0, 0);
    meter_sample(&m, 1000, START);
    assert_float_equal(meter_rate(&m), 0, 0);
    meter_sample(&m, 1005, START + MONO_SECOND);
    assert_float_equal(meter_rate(&m), 5, 1e-9);
}

static void the_rate_is_of_the_last_ten_seconds(void **state)
{
    (void)state;
    struct meter m = {0};
    uint64_t count = UINT64_C(1) << 40;
    for (int s = 0; s <= 25; s++, count += 7)
        meter_sample(&m, count, START + s * MONO_SECOND);
    assert_float_equal(meter_rate(&m), 7, 1e-9);
    for (int s = 26; s < 26 + METER_SECONDS; s++) /* it stands still, and fades */
        meter_sample(&m, count - 7, START + s * MONO_SECOND);
    assert_float_equal(meter_rate(&m), 0, 1e-9);
}

static void uneven_ticks_do_not_matter(void **state)
{
    (void)state;
    struct meter m = {0};
    for (int i = 0; i < 40; i++) {
        int64_t us = START + i * MONO_SECOND + i * i % 5 * 90000;
        meter_sample(&m, (uint64_t)((us - START) / 1000), us);
        if (i > 0)
            assert_float_equal(meter_rate(&m), 1000, 1);
    }
}

static void who_asks_often_does_not_shorten_the_span(void **state)
{
    (void)state;
    struct meter m = {0};
    /* A burst of 100 at the start of every third second. */
    for (int tenth = 0; tenth <= 300; tenth++)
        meter_sample(&m, (uint64_t)(100 * (tenth / 30)), START + tenth * MONO_SECOND / 10);
    double once = meter_rate(&m);
    assert_true(once > 20 && once < 50);
    for (int i = 1; i < 100; i++) /* somebody who looks again and again */
        meter_sample(&m, 1000, START + 30 * MONO_SECOND + i * 1000);
    assert_float_equal(meter_rate(&m), once, 1e-9);
}

static void an_hour_to_the_minute(void **state)
{
    (void)state;
    struct hourly h = {0};
    assert_int_equal(hourly_sum(&h, START), 0);
    for (int i = 0; i < 60; i++)
        hourly_add(&h, 2, START + i * MINUTE);
    assert_int_equal(hourly_sum(&h, START + 59 * MINUTE), 120);
    for (int i = 0; i < 60; i++) /* and they go as they came */
        assert_int_equal(hourly_sum(&h, START + (60 + i) * MINUTE), 120 - 2 * (i + 1));
    assert_int_equal(hourly_sum(&h, START + 1000 * MINUTE), 0);
}

static void a_long_silence_forgets_all(void **state)
{
    (void)state;
    struct hourly h = {0};
    hourly_add(&h, 5, 0);
    assert_int_equal(hourly_sum(&h, MINUTE), 5);
    hourly_add(&h, 7, START);
    hourly_add(&h, 1, START);
    hourly_add(&h, 0, START);
    assert_int_equal(hourly_sum(&h, START), 8);
    assert_int_equal(hourly_sum(&h, START + 61 * MINUTE), 0);
    hourly_add(&h, 3, 2 * START);
    assert_int_equal(hourly_sum(&h, 2 * START), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_rate_needs_two_samples),
            cmocka_unit_test(the_rate_is_of_the_last_ten_seconds),
            cmocka_unit_test(uneven_ticks_do_not_matter),
            cmocka_unit_test(who_asks_often_does_not_shorten_the_span),
            cmocka_unit_test(an_hour_to_the_minute),
            cmocka_unit_test(a_long_silence_forgets_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
