/* needs: vision/yunet vision/nms vision/ssd flow/box */
#include "flow/box.h"
#include "vision/nms.h"
#include "vision/ssd.h"
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

#include <cmocka.h>

static unsigned seed;

static void size_fits_the_picture(void **state)
{
    (void)state;
    static const struct {
        int w, h, to_w, to_h;
    } cases[] = {{480, 270, 480, 288}, {640, 480, 640, 480}, {1920, 1080, 640, 384},
            {1080, 1920, 384, 640}, {1, 1, 32, 32}, {16384, 1, 640, 32}, {641, 481, 640, 480}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct yunet_size s = yunet_size(cases[i].w, cases[i].h, 640);
        assert_int_equal(s.w, cases[i].to_w);
        assert_int_equal(s.h, cases[i].to_h);
    }
}

/* A number of any kind: plain ones, huge ones, and what is none. */
static float any(void)
{
    switch (rand_r(&seed) % 12) {
    case 0: return NAN;
    case 1: return INFINITY;
    case 2: return -INFINITY;
    case 3: return 1e30f;
    case 4: return -1e30f;
    case 5: {
        uint32_t bits = ((uint32_t)rand_r(&seed) << 16) ^ (uint32_t)rand_r(&seed);
        float f;
        memcpy(&f, &bits, sizeof(f));
        return f;
    }
    default: return (float)(rand_r(&seed) % 2000) / 1000 - 0.5f;
    }
}

static bool touches(const struct box *b, int width, int height)
{
    return isfinite(b->x) && isfinite(b->y) && b->w > 0 && b->h > 0 && isfinite(b->w) &&
           isfinite(b->h) && b->x < (float)width && b->y < (float)height && b->x + b->w > 0 &&
           b->y + b->h > 0;
}

struct maps {
    float *all;
    struct yunet_map map[YUNET_MAPS];
};

static struct maps make_maps(struct yunet_size size, float (*number)(void))
{
    size_t n = yunet_cells(size) * 16;
    struct maps m = {.all = malloc(n * sizeof(float))};
    for (size_t i = 0; i < n; i++)
        m.all[i] = number();
    float *at = m.all;
    for (int level = 0; level < YUNET_MAPS; level++) {
        size_t stride = 8u << level, cells = (size_t)size.w / stride * ((size_t)size.h / stride);
        m.map[level] = (struct yunet_map){at, at + cells, at + 2 * cells, at + 6 * cells};
        at += 16 * cells;
    }
    return m;
}

static void any_tensor_gives_only_faces_that_can_be(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct yunet_size size = {32 * (1 + rand_r(&seed) % 6), 32 * (1 + rand_r(&seed) % 6)};
        struct maps m = make_maps(size, any);
        struct face *faces = malloc(yunet_cells(size) * sizeof(*faces));
        int n = yunet_decode(m.map, size, size.w * 2, size.h * 2, 0.5f, 0.4f, faces);
        assert_in_range(n, 0, yunet_cells(size));
        for (int i = 0; i < n; i++) {
            assert_true(touches(&faces[i].box, size.w * 2, size.h * 2));
            assert_true(faces[i].score >= 0.4f && faces[i].score <= 1);
            for (int k = 0; k < LANDMARK_COUNT; k++)
                assert_true(isfinite(faces[i].mark[k].x) && isfinite(faces[i].mark[k].y));
        }
        struct face *before = malloc(yunet_cells(size) * sizeof(*before) + 1);
        memcpy(before, faces, (size_t)n * sizeof(*before));
        int kept = nms(faces, n, 0.3f, FACES_MAX);
        assert_in_range(kept, n > 0, n < FACES_MAX ? n : FACES_MAX);
        for (int i = 0; i < kept; i++) {
            int j = 0;
            while (j < n && memcmp(&before[j], &faces[i], sizeof(*before)) != 0)
                j++;
            assert_true(j < n); /* a subset */
            assert_true(i == 0 || faces[i - 1].score >= faces[i].score);
            for (j = 0; j < i; j++)
                assert_true(box_iou(&faces[i].box, &faces[j].box) <= 0.3f);
        }
        free(before);
        free(faces);
        free(m.all);
    }
}

static float zero(void)
{
    return 0;
}

static void one_cell_is_one_face_where_the_paper_says(void **state)
{
    (void)state;
    struct yunet_size size = {320, 192};
    struct maps m = make_maps(size, zero);
    /* stride 16, column 7, row 3 */
    size_t cell = 3 * (320 / 16) + 7;
    float *cls = (float *)(uintptr_t)m.map[1].cls, *obj = (float *)(uintptr_t)m.map[1].obj;
    float *bbox = (float *)(uintptr_t)m.map[1].bbox, *kps = (float *)(uintptr_t)m.map[1].kps;
    cls[cell] = 0.81f;
    obj[cell] = 1;
    memcpy(bbox + 4 * cell, (float[]){0.5f, -0.25f, logf(2), logf(3)}, 16);
    kps[10 * cell + 2 * LANDMARK_NOSE] = 0.5f;
    struct face f[10];
    assert_int_equal(yunet_decode(m.map, size, 640, 384, 0.5f, 0.5f, f), 1);
    assert_float_equal(f[0].score, 0.9f, 1e-6f);
    assert_float_equal(f[0].box.w, 2 * 16 / 0.5f, 1e-3f);
    assert_float_equal(f[0].box.h, 3 * 16 / 0.5f, 1e-3f);
    assert_float_equal(f[0].box.x + f[0].box.w / 2, 7.5f * 16 / 0.5f, 1e-3f);
    assert_float_equal(f[0].box.y + f[0].box.h / 2, 2.75f * 16 / 0.5f, 1e-3f);
    assert_float_equal(f[0].mark[LANDMARK_NOSE].x, 7.5f * 16 / 0.5f, 1e-3f);
    assert_float_equal(f[0].mark[LANDMARK_NOSE].y, 3 * 16 / 0.5f, 1e-3f);
    assert_int_equal(yunet_decode(m.map, size, 640, 384, 0.5f, 0.95f, f), 0);
    free(m.all);
}

static void any_ssd_rows_give_only_faces_that_can_be(void **state)
{
    (void)state;
    float rows[7 * 50];
    struct face faces[20];
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 350; i++)
            rows[i] = any();
        int n = ssd_decode(rows, 50, 640, 480, 0.4f, faces, 20);
        assert_in_range(n, 0, 20);
        for (int i = 0; i < n; i++) {
            assert_true(touches(&faces[i].box, 640, 480));
            assert_true(faces[i].score >= 0.4f && faces[i].score <= 1);
            assert_false(faces[i].has_marks);
        }
    }
    memcpy(rows, (float[]){0, 1, 0.75f, 0.25f, 0.5f, 0.5f, 1}, 28);
    assert_int_equal(ssd_decode(rows, 1, 400, 200, 0.7f, faces, 20), 1);
    assert_float_equal(faces[0].box.x, 100, 1e-3f);
    assert_float_equal(faces[0].box.y, 100, 1e-3f);
    assert_float_equal(faces[0].box.w, 100, 1e-3f);
    assert_float_equal(faces[0].box.h, 100, 1e-3f);
}

static void overlap_is_symmetric_and_a_share(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct box a = {any(), any(), any(), any()}, b = {any(), any(), any(), any()};
        float ab = box_iou(&a, &b);
        assert_true(ab >= 0 && ab <= 1);
        assert_true(ab == box_iou(&b, &a));
    }
    struct box a = {10, 10, 20, 20}, half = {10, 10, 20, 10}, apart = {30, 10, 20, 20};
    assert_float_equal(box_iou(&a, &a), 1, 1e-6f);
    assert_float_equal(box_iou(&a, &half), 0.5f, 1e-6f);
    assert_float_equal(box_iou(&a, &apart), 0, 1e-6f);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : 20261123;
    print_message("SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(size_fits_the_picture),
            cmocka_unit_test(any_tensor_gives_only_faces_that_can_be),
            cmocka_unit_test(one_cell_is_one_face_where_the_paper_says),
            cmocka_unit_test(any_ssd_rows_give_only_faces_that_can_be),
            cmocka_unit_test(overlap_is_symmetric_and_a_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
