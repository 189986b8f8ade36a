/* needs: vision/tiles vision/yunet vision/nms flow/box */
#include "flow/box.h"
#include "flow/scale.h"
#include "vision/nms.h"
#include "vision/tiles.h"
#include "vision/yunet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static unsigned seed;

static int up_to(int n)
{
    return rand_r(&seed) % (n + 1);
}

static float unit(void)
{
    return (float)rand_r(&seed) / (float)RAND_MAX;
}

static struct tiles_wish wish_of(int w, int h, float narrowest)
{
    return (struct tiles_wish){w, h, 640, 16, narrowest, {0, 0, 1, 1}};
}

static struct tiles_wish any_wish(void)
{
    static const int sizes[][2] = {{3840, 2160}, {2560, 1440}, {1920, 1080}, {2160, 3840},
            {7680, 4320}, {4000, 3000}, {16384, 200}};
    int k = up_to(9);
    struct tiles_wish w = wish_of(1 + up_to(8191), 1 + up_to(4319), (float)up_to(80));
    if (k < 7) {
        w.width = sizes[k][0];
        w.height = sizes[k][1];
    }
    if (up_to(1)) {
        w.area = (struct box){unit() * 0.9f, unit() * 0.9f, 0, 0};
        w.area.w = unit() * (1 - w.area.x);
        w.area.h = unit() * (1 - w.area.y);
    }
    w.min_width = 8 + unit() * 20;
    w.max_side = 320 + 32 * up_to(20);
    return w;
}

static float whole_scale(const struct tiles_wish *w)
{
    int longer = w->width > w->height ? w->width : w->height;
    return fminf(1, (float)w->max_side / (float)longer);
}

static void tiles_are_few_and_alike_and_within_the_picture(void **state)
{
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct tiles_wish w = any_wish();
        struct tiles t;
        tiles_plan(&w, &t);
        assert_in_range(t.n, 0, TILES_MAX);
        assert_true(t.scale > 0 && t.scale <= 1 && t.work >= 1);
        assert_float_equal(t.narrowest_px, w.min_width / t.scale, 1e-3);
        assert_true(t.n == 0 || t.scale > whole_scale(&w));
        assert_true(t.n > 0 || t.work == 1);
        for (int i = 0; i < t.n; i++) {
            const struct tile *a = &t.list[i];
            assert_true(a->x >= 0 && a->y >= 0 && a->w > 0 && a->h > 0);
            assert_true(a->x + a->w <= w.width && a->y + a->h <= w.height);
            assert_true(a->x % SCALE_STEP_X == 0 && a->y % SCALE_STEP_Y == 0);
            assert_true(a->w == t.list[0].w && a->h == t.list[0].h);
            struct yunet_size size = yunet_size_at(a->w, a->h, t.scale);
            assert_true(size.w <= w.max_side && size.h <= w.max_side);
        }
    }
}

static bool in_tile(const struct tiles_wish *w, const struct tile *t, const struct box *b)
{
    float x0 = fmaxf(b->x, 0), x1 = fminf(b->x + b->w, (float)w->width);
    float y0 = fmaxf(b->y, 0), y1 = fminf(b->y + b->h, (float)w->height);
    return x0 >= (float)t->x && x1 <= (float)(t->x + t->w) && y0 >= (float)t->y &&
           y1 <= (float)(t->y + t->h);
}

/* Every face that the whole picture does not show lies in a tile, and ends at no edge of it. */
static void a_face_that_the_whole_misses_lies_wholly_in_one(void **state)
{
    (void)state;
    int planned = 0;
    for (int round = 0; round < 1500; round++) {
        struct tiles_wish w = any_wish();
        struct tiles t;
        tiles_plan(&w, &t);
        float missed = w.min_width / whole_scale(&w);
        planned += t.n > 0;
        for (int k = 0; t.n && k < 60; k++) {
            float width = unit() * missed;
            struct box b = {0, 0, width, 1.3f * width};
            b.x = (w.area.x + unit() * w.area.w) * (float)w.width - b.w / 2;
            b.y = (w.area.y + unit() * w.area.h) * (float)w.height - b.h / 2;
            int in = 0, whole = 0;
            for (int i = 0; i < t.n; i++) {
                in += in_tile(&w, &t.list[i], &b);
                whole += in_tile(&w, &t.list[i], &b) &&
                         !tile_cuts(&t.list[i], t.scale, w.width, w.height, &b);
            }
            assert_true(in > 0 && whole > 0);
        }
    }
    assert_true(planned > 500);
}

static void as_coarse_as_does(void **state)
{
    (void)state;
    static const struct {
        int w, h;
        float narrowest;
        int n;
        float found;
    } cases[] = {
            {640, 480, 12, 0, 16},   /* seen at its own size anyway */
            {1920, 1080, 48, 0, 48}, /* the whole shows that */
            {1920, 1080, 30, 2, 30}, {3840, 2160, 100, 0, 96}, {3840, 2160, 30, 8, 30},
            {3840, 2160, 12, 32, 16.5f}, /* a picture is not enlarged */
            {7680, 4320, 12, 32, 33},    /* that would be too many */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tiles_wish w = wish_of(cases[i].w, cases[i].h, cases[i].narrowest);
        struct tiles t;
        tiles_plan(&w, &t);
        assert_int_equal(t.n, cases[i].n);
        assert_float_equal(t.narrowest_px, cases[i].found, 1);
    }
}

static void a_part_of_the_picture_costs_less(void **state)
{
    (void)state;
    struct tiles_wish w = wish_of(3840, 2160, 30);
    struct tiles all, door;
    tiles_plan(&w, &all);
    w.area = (struct box){0.4f, 0.3f, 0.1f, 0.3f};
    tiles_plan(&w, &door);
    assert_int_equal(door.n, 1);
    assert_true(door.work < all.work / 3);
    assert_true(door.narrowest_px == all.narrowest_px);
}

static void without_a_measure_there_are_no_tiles(void **state)
{
    (void)state;
    struct tiles_wish w = wish_of(3840, 2160, 30);
    struct tiles t;
    w.min_width = 0;
    tiles_plan(&w, &t);
    assert_true(t.n == 0 && t.work == 1);
    w = wish_of(3840, 2160, 30);
    w.max_side = 0;
    tiles_plan(&w, &t);
    assert_int_equal(t.n, 0);
    w = wish_of(0, 0, 30);
    tiles_plan(&w, &t);
    assert_int_equal(t.n, 0);
}

static void a_box_at_an_inner_edge_is_cut(void **state)
{
    (void)state;
    struct tiles t = {.n = 1, .scale = 0.5f};
    struct tile first = {0, 0, 100, 100}, last = {96, 100, 104, 100};
    struct box inside = {20, 20, 30, 40}, corner = {-4, -4, 30, 40}, right = {75, 20, 22, 40};
    assert_false(tile_cuts(&first, t.scale, 200, 200, &inside));
    assert_false(tile_cuts(&first, t.scale, 200, 200, &corner)); /* the picture's own edge */
    assert_true(tile_cuts(&first, t.scale, 200, 200, &right));
    assert_true(tile_cuts(&last, t.scale, 200, 200, &(struct box){150, 98, 20, 30}));
    assert_false(tile_cuts(&last, t.scale, 200, 200, &(struct box){150, 170, 60, 40}));
}

static struct face face(float x, float y, float w, float h, float score)
{
    return (struct face){.box = {x, y, w, h}, .score = score};
}

static void half_a_face_does_not_win_over_the_whole_one(void **state)
{
    (void)state;
    struct face faces[4] = {face(100, 100, 30, 40, 0.6f)};
    struct face cut[] = {face(100, 100, 12, 40, 0.9f), /* its left half, and very sure of it */
            face(300, 100, 20, 40, 0.7f),              /* of somebody whom nobody else has seen */
            face(310, 102, 20, 38, 0.8f),              /* the same, by the next tile */
            face(500, 100, 20, 40, 0.5f)};
    int n = nms_cut(faces, 1, cut, 4, 4);
    assert_int_equal(n, 3);
    assert_float_equal(faces[0].score, 0.8f, 1e-6);
    assert_float_equal(faces[1].score, 0.6f, 1e-6);
    assert_float_equal(faces[2].score, 0.5f, 1e-6);
    assert_int_equal(nms_cut(faces, 3, cut, 0, 4), 3);
    struct face full[2] = {face(0, 0, 10, 10, 0.4f), face(50, 0, 10, 10, 0.5f)};
    assert_int_equal(nms_cut(full, 2, cut, 4, 2), 2); /* no room for more */
    assert_float_equal(full[0].score, 0.5f, 1e-6);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(tiles_are_few_and_alike_and_within_the_picture),
            cmocka_unit_test(a_face_that_the_whole_misses_lies_wholly_in_one),
            cmocka_unit_test(as_coarse_as_does),
            cmocka_unit_test(a_part_of_the_picture_costs_less),
            cmocka_unit_test(without_a_measure_there_are_no_tiles),
            cmocka_unit_test(a_box_at_an_inner_edge_is_cut),
            cmocka_unit_test(half_a_face_does_not_win_over_the_whole_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
