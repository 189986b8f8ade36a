/* needs: picture/layout */
#include "picture/layout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static unsigned seed;

static float uniform(float low, float high)
{
    return low + (high - low) * (float)(rand_r(&seed) % 10000) / 10000;
}

static bool overlap(const struct box *a, const struct box *b)
{
    return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h && b->y < a->y + a->h;
}

static bool is_inside(const struct box *b, int width, int height)
{
    return b->x >= 0 && b->y >= 0 && b->x + b->w <= (float)width && b->y + b->h <= (float)height;
}

/* What layout.h promises, of every picture. */
static void check(const struct label *labels, int n, int width, int height)
{
    for (int i = 0; i < n; i++) {
        const struct label *l = &labels[i];
        if (!l->shown)
            continue;
        assert_true(is_inside(&l->at, width, height));
        assert_true(l->font >= 9);
        assert_true(l->font <= layout_font(width, height));
        assert_true(l->at.w >= l->ems[l->text] * l->font);
        assert_true(l->at.h >= l->font);
        for (int k = 0; k < n; k++) {
            if (k == i)
                continue;
            assert_false(overlap(&l->at, &labels[k].face));
            assert_false(labels[k].shown && overlap(&l->at, &labels[k].at));
        }
    }
}

static void nothing_leaves_and_nothing_is_covered(void **state)
{
    (void)state;
    struct label labels[SIGHTINGS_MAX];
    for (int turn = 0; turn < 2000; turn++) {
        int width = (int)uniform(1, 4000), height = (int)uniform(1, 3000);
        int n = (int)uniform(0, turn % 20 ? 25 : SIGHTINGS_MAX);
        for (int i = 0; i < n; i++) {
            float side = uniform(4, (float)width / 3);
            labels[i] = (struct label){.face = {uniform(-side, (float)width),
                                               uniform(-side, (float)height), side, side * 1.3f},
                    .ems = {uniform(5, 20), uniform(1, 5)}};
        }
        layout_labels(labels, n, width, height);
        check(labels, n, width, height);
    }
}

/* One face of whatever size and place in a camera's or a phone's picture is labelled in full. */
static void who_is_alone_is_named(void **state)
{
    (void)state;
    static const int sizes[][2] = {
            {640, 360}, {1920, 1080}, {3840, 2160}, {3000, 4000}, {612, 408}};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (int turn = 0; turn < 300; turn++) {
            int width = sizes[s][0], height = sizes[s][1];
            float side = uniform(12, (float)height * 0.8f);
            struct label l = {.face = {uniform(0, (float)width - side / 2),
                                      uniform(0, (float)height - side / 2), side, side},
                    .ems = {14, 4}};
            layout_labels(&l, 1, width, height);
            assert_true(l.shown);
            assert_int_equal(l.text, 0);
            assert_float_equal(l.font, layout_font(width, height), 0.01);
            check(&l, 1, width, height);
        }
    }
}

/* Twenty people side by side in two rows, as in a class's photograph. */
static void a_group_is_named(void **state)
{
    (void)state;
    struct label labels[20];
    for (int i = 0; i < 20; i++)
        labels[i] = (struct label){
                .face = {(float)(100 + i % 10 * 180), (float)(300 + i / 10 * 260), 90, 120},
                .ems = {13, 4}};
    layout_labels(labels, 20, 1920, 1080);
    check(labels, 20, 1920, 1080);
    for (int i = 0; i < 20; i++)
        assert_true(labels[i].shown);
}

static void text_grows_with_the_picture(void **state)
{
    (void)state;
    assert_true(layout_font(4000, 3000) > 60);
    assert_float_equal(layout_font(4000, 3000), 2 * layout_font(2000, 1500), 0.01);
    assert_true(layout_font(160, 120) >= 9);
}

static void too_small_for_a_word(void **state)
{
    (void)state;
    struct label l = {.face = {2, 2, 20, 20}, .ems = {14, 4}};
    layout_labels(&l, 1, 24, 24);
    assert_false(l.shown);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    printf("SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(nothing_leaves_and_nothing_is_covered),
            cmocka_unit_test(who_is_alone_is_named),
            cmocka_unit_test(a_group_is_named),
            cmocka_unit_test(text_grows_with_the_picture),
            cmocka_unit_test(too_small_for_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
