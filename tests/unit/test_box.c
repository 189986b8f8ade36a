/* needs: flow/box */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/box.h"

#include <math.h>

/* A generator of its own: the same numbers with every C library. */
static int draw(void)
{
    static uint32_t x = 7;
    x = x * 1664525 + 1013904223;
    return (int)(x >> 8);
}

static void disjoint_and_touching_boxes_share_nothing(void **state)
{
    (void)state;
    struct box a = {0, 0, 10, 10}, b = {50, 50, 10, 10}, c = {10, 0, 10, 10};
    assert_float_equal(box_iou(&a, &b), 0, 1e-6);
    assert_float_equal(box_cover(&a, &b), 0, 1e-6);
    assert_float_equal(box_iou(&a, &c), 0, 1e-6);
}

static void a_box_in_a_box_is_covered(void **state)
{
    (void)state;
    struct box a = {0, 0, 10, 10}, b = {2, 2, 5, 4};
    assert_float_equal(box_iou(&a, &b), 0.2, 1e-6);
    assert_float_equal(box_cover(&a, &b), 1, 1e-6);
    assert_float_equal(box_iou(&a, &a), 1, 1e-6);
}

static void measures_are_symmetric_and_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct box a = {draw() % 100 - 50, draw() % 100 - 50, draw() % 80 + 1, draw() % 80 + 1};
        struct box b = {draw() % 100 - 50, draw() % 100 - 50, draw() % 80 + 1, draw() % 80 + 1};
        float iou = box_iou(&a, &b), cover = box_cover(&a, &b);
        assert_true(iou >= 0 && iou <= 1 && cover >= iou && cover <= 1);
        assert_float_equal(iou, box_iou(&b, &a), 1e-6);
        assert_float_equal(cover, box_cover(&b, &a), 1e-6);
    }
}

static void what_cannot_be_reckoned_with_is_not_sane(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f};
    struct box good = {-20, 1000, 30, 40};
    assert_true(box_sane(&good));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct box x = good, y = good, w = good, h = good;
        x.x = y.y = w.w = h.h = bad[i];
        assert_false(box_sane(&x) || box_sane(&y) || box_sane(&w) || box_sane(&h));
    }
    struct box flat = {0, 0, 10, 0}, inverted = {0, 0, -10, 10};
    assert_false(box_sane(&flat) || box_sane(&inverted));
}

static void the_centre_is_in_the_middle(void **state)
{
    (void)state;
    struct box b = {10, 20, 4, 6};
    assert_float_equal(box_centre(&b).x, 12, 1e-6);
    assert_float_equal(box_centre(&b).y, 23, 1e-6);
}

static void its_place_is_in_the_picture(void **state)
{
    (void)state;
    struct box b = {10, 20, 4, 6}, beyond = {-30, 95, 20, 40};
    struct point at = box_place(&b, 48, 92), edge = box_place(&beyond, 48, 92);
    assert_float_equal(at.x, 0.25, 1e-6);
    assert_float_equal(at.y, 0.25, 1e-6);
    assert_true(edge.x == 0 && edge.y == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(disjoint_and_touching_boxes_share_nothing),
            cmocka_unit_test(a_box_in_a_box_is_covered),
            cmocka_unit_test(measures_are_symmetric_and_bounded),
            cmocka_unit_test(what_cannot_be_reckoned_with_is_not_sane),
            cmocka_unit_test(the_centre_is_in_the_middle),
            cmocka_unit_test(its_place_is_in_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
