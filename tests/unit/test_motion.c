/* needs: track/motion flow/box */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/box.h"
#include "track/motion.h"

#include <math.h>

/* A face of 40 px that walks with v widths per second. */
static struct box walker(float v, float seconds)
{
    return (struct box){100 + 40 * v * seconds, 200, 40, 50};
}

static void a_steady_walk_is_foreseen_at_any_rate(void **state)
{
    (void)state;
    const float rates[] = {2, 3, 5, 10, 30};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        float dt = 1 / rates[i], t = 0;
        struct motion m;
        struct box b = walker(4, 0);
        motion_start(&m, &b);
        for (int k = 0; k < 12; k++) {
            t += dt;
            motion_predict(&m, dt);
            b = walker(4, t);
            assert_true(isfinite(motion_cost(&m, &b, false)));
            if (k > 3) /* by then the speed is known */
                assert_true(fabsf(m.at.x - box_centre(&b).x) < 40 * 0.6f);
            motion_update(&m, &b);
        }
    }
}

static void one_prediction_equals_many_small_ones(void **state)
{
    (void)state;
    struct motion one, many;
    struct box b = walker(0, 0);
    motion_start(&one, &b);
    motion_predict(&one, 0.2f);
    b = walker(3, 0.2f);
    motion_update(&one, &b);
    many = one;
    motion_predict(&one, 1.5f);
    for (int i = 0; i < 150; i++)
        motion_predict(&many, 0.01f);
    assert_float_equal(one.at.x, many.at.x, 0.1);
    assert_float_equal(one.vx, many.vx, 0.1);
    assert_float_equal(one.pp / many.pp, 1, 0.01);
    assert_float_equal(one.pv / many.pv, 1, 0.01);
    assert_float_equal(one.vv / many.vv, 1, 0.01);
}

static void doubt_grows_with_time_and_shrinks_with_looks(void **state)
{
    (void)state;
    struct motion m;
    struct box b = walker(0, 0);
    motion_start(&m, &b);
    float before = m.pp;
    motion_predict(&m, 1);
    assert_true(m.pp > before);
    before = m.pp;
    motion_update(&m, &b);
    assert_true(m.pp < before);
}

static void the_reach_is_bounded_and_grows(void **state)
{
    (void)state;
    struct motion m;
    struct box b = walker(0, 0);
    motion_start(&m, &b);
    for (int i = 0; i < 20; i++) {
        motion_predict(&m, 0.2f);
        motion_update(&m, &b);
    }
    struct box two = {b.x + 80, b.y, b.w, b.h}, twelve = {b.x + 480, b.y, b.w, b.h};
    struct box huge = {b.x, b.y, b.w * 4, b.h * 4};
    motion_predict(&m, 0.04f);
    assert_true(isinf(motion_stray(&m, &two, false)));
    motion_predict(&m, 0.5f);
    assert_true(isfinite(motion_stray(&m, &two, false)));
    motion_predict(&m, 2);
    assert_true(isinf(motion_stray(&m, &twelve, false)));
    assert_true(isinf(motion_stray(&m, &huge, false)));
}

static void somebody_may_stop_on_the_way(void **state)
{
    (void)state;
    struct motion m;
    struct box b = walker(5, 0);
    motion_start(&m, &b);
    for (int i = 1; i <= 10; i++) {
        motion_predict(&m, 0.2f);
        b = walker(5, 0.2f * (float)i);
        motion_update(&m, &b);
    }
    motion_predict(&m, 2.5f); /* expected some nine widths on */
    struct box stopped = walker(5, 2.2f), walked = walker(5, 4.0f);
    assert_true(isfinite(motion_stray(&m, &stopped, false)));
    assert_true(isfinite(motion_stray(&m, &walked, false)));
}

static void all_stays_finite_over_any_gap(void **state)
{
    (void)state;
    struct motion m;
    struct box tiny = {1e6f, -1e6f, 1, 1}, large = {-1e6f, 1e6f, 1e6f, 1e6f};
    motion_start(&m, &tiny);
    for (int i = 0; i < 100; i++) {
        motion_predict(&m, i % 3 ? 1e9f : 0);
        motion_update(&m, i % 2 ? &tiny : &large);
        struct box b = motion_box(&m);
        assert_true(isfinite(b.x) && isfinite(b.y) && b.w > 0 && b.h > 0 && isfinite(b.w));
        assert_false(
                isnan(motion_cost(&m, &large, false)) || isnan(motion_stray(&m, &tiny, false)));
    }
    motion_rest(&m);
    assert_float_equal(m.vx, 0, 0);
}

static void up_and_down_tells_more_than_to_the_side(void **state)
{
    (void)state;
    struct motion m;
    struct box b = walker(0, 0);
    motion_start(&m, &b);
    for (int i = 0; i < 10; i++) {
        motion_predict(&m, 0.2f);
        motion_update(&m, &b);
    }
    motion_predict(&m, 0.2f);
    struct box aside = {b.x + 0.3f * b.w, b.y, b.w, b.h}, above = {b.x, b.y - 0.3f * b.w, b.w, b.h};
    assert_true(motion_cost(&m, &above, false) > motion_cost(&m, &aside, false));
    assert_true(isfinite(motion_cost(&m, &above, false))); /* likelier or not, both are possible */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_steady_walk_is_foreseen_at_any_rate),
            cmocka_unit_test(one_prediction_equals_many_small_ones),
            cmocka_unit_test(doubt_grows_with_time_and_shrinks_with_looks),
            cmocka_unit_test(the_reach_is_bounded_and_grows),
            cmocka_unit_test(somebody_may_stop_on_the_way),
            cmocka_unit_test(all_stays_finite_over_any_gap),
            cmocka_unit_test(up_and_down_tells_more_than_to_the_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
