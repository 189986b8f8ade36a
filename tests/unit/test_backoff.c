/* needs: base/backoff */
#include "base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIN 1000
#define MAX 60000

/* Never below min, never above max, growing to the top and staying there. */
static void within_bounds(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct backoff b;
        backoff_init(&b, MIN, MAX, seed);
        int step = 2 * MIN;
        for (int i = 0; i < 20; i++) {
            int wait = backoff_next(&b);
            assert_in_range(wait, step / 2, step);
            step = step * 2 < MAX ? step * 2 : MAX;
        }
        backoff_reset(&b);
        assert_in_range(backoff_next(&b), MIN, 2 * MIN);
    }
}

/* Forty cameras that fail in the same instant: spread from the first try on. */
static void cameras_come_back_one_by_one(void **state)
{
    (void)state;
    struct backoff b[40];
    for (int i = 0; i < 40; i++)
        backoff_init(&b[i], MIN, MAX, (uint64_t)i);
    for (int try = 0; try < 10; try++) {
        int low = MAX, high = 0, tenths[10] = {0}, used = 0;
        int step = 2 * MIN << try < MAX ? 2 * MIN <<
        try : MAX
            ;
        for (int i = 0; i < 40; i++) {
            int wait = backoff_next(&b[i]);
            low = wait < low ? wait : low;
            high = wait > high ? wait : high;
            int tenth = (wait - step / 2) * 20 / step;
            tenths[tenth < 10 ? tenth : 9]++;
        }
        for (int i = 0; i < 10; i++)
            used += tenths[i] > 0;
        assert_true(high - low > step / 4);
        assert_true(used >= 6);
    }
}

static void the_same_seed_gives_the_same_waits(void **state)
{
    (void)state;
    struct backoff a, b;
    backoff_init(&a, MIN, MAX, 7);
    backoff_init(&b, MIN, MAX, 7);
    for (int i = 0; i < 20; i++)
        assert_int_equal(backoff_next(&a), backoff_next(&b));
}

static void narrow_bounds(void **state)
{
    (void)state;
    static const int bounds[][2] = {{1000, 1000}, {1000, 1500}, {1, 1}, {0, 0}, {1, 2147483647}};
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        struct backoff b;
        backoff_init(&b, bounds[i][0], bounds[i][1], i);
        for (int k = 0; k < 50; k++)
            assert_in_range(backoff_next(&b), bounds[i][0], bounds[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(within_bounds),
            cmocka_unit_test(cameras_come_back_one_by_one),
            cmocka_unit_test(the_same_seed_gives_the_same_waits),
            cmocka_unit_test(narrow_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
