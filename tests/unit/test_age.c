/* needs: flow/age */
#include "flow/age.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int low[AGE_RANGES] = {0, 4, 8, 15, 25, 38, 48, 60};
static const int high[AGE_RANGES] = {2, 6, 12, 20, 32, 43, 53, 100};

/* How far an age is from a range, which is [low, high + 1). */
static double gap(double years, int range)
{
    if (years < low[range])
        return low[range] - years;
    return years >= high[range] + 1 ? years - (high[range] + 1) : 0;
}

/* By the definition: the nearest range, on a tie the lower one; and the bounds say the same. */
static void the_nearest_range(void **state)
{
    (void)state;
    for (int hundredths = -500; hundredths <= 13000; hundredths++) {
        float years = (float)hundredths / 100;
        int nearest = 0;
        for (int i = 1; i < AGE_RANGES; i++) {
            if (gap((double)years, i) < gap((double)years, nearest) - 1e-9)
                nearest = i;
        }
        assert_int_equal(age_range_of(years), nearest);
    }
    for (int i = 0; i < AGE_RANGES; i++) {
        for (int years = low[i]; years <= high[i]; years++)
            assert_int_equal(age_range_of((float)years), i);
    }
    for (int i = 0; i < AGE_RANGES - 1; i++) {
        assert_int_equal(age_range_of(age_bounds[i]), i);
        assert_int_equal(age_range_of(nextafterf(age_bounds[i], 1000)), i + 1);
    }
}

static void names(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < AGE_RANGES; i++) {
        (void)snprintf(name, sizeof(name), "%d-%d", low[i], high[i]);
        assert_string_equal(age_range_name(i), name);
        assert_int_equal(age_range_named(name), i);
    }
    static const char *const none[] = {"", "0", "0-3", "0-2 ", "25-33", "60+", "unknown"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(age_range_named(none[i]), -1);
}

/* Sums to 1, no part below 0; a small error is certain of its range, a large one of none. */
static void spread(void **state)
{
    (void)state;
    float p[AGE_RANGES];
    for (int years = -10; years <= 120; years++) {
        for (float sd = 0.01f; sd < 100; sd *= 1.7f) {
            age_spread((float)years, sd, p);
            float sum = 0;
            for (int i = 0; i < AGE_RANGES; i++) {
                assert_true(p[i] >= 0 && p[i] <= 1);
                sum += p[i];
            }
            assert_true(fabsf(sum - 1) < 1e-5f);
        }
    }
    for (int i = 0; i < AGE_RANGES; i++) {
        age_spread((float)(low[i] + high[i]) / 2, 0.1f, p);
        assert_true(p[i] > 0.999f);
    }
    age_spread(age_bounds[3], 1, p); /* on the border: half to each side */
    assert_true(fabsf(p[3] - 0.5f) < 1e-3f && fabsf(p[4] - 0.5f) < 1e-3f);
    /* mirrored around a border: what is so far below it as the other above has the same share */
    float q[AGE_RANGES];
    age_spread(46 - 3, 5, p);
    age_spread(46 + 3, 5, q);
    float below = 0, above = 0;
    for (int i = 0; i < AGE_RANGES; i++) {
        below += i <= 5 ? p[i] : 0;
        above += i <= 5 ? 0 : q[i];
    }
    assert_true(fabsf(below - above) < 1e-5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_nearest_range),
            cmocka_unit_test(names),
            cmocka_unit_test(spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
