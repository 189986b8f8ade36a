/* needs: vision/align vision/crop flow/box */
#include "vision/align.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned seed;

static float between(float low, float high)
{
    return low + (high - low) * (float)(rand_r(&seed) % 10001) / 10000;
}

/* A frontal face of that width at x, y, its head tilted by so many radians. */
static struct face upright_face(float x, float y, float width, float tilt)
{
    static const struct point at[LANDMARK_COUNT] = {
            {-0.2f, -0.2f}, {0.2f, -0.2f}, {0, 0}, {-0.15f, 0.25f}, {0.15f, 0.25f}};
    struct face f = {.box = {x - width / 2, y - width * 0.65f, width, width * 1.3f},
            .has_marks = true,
            .score = 0.9f};
    for (int i = 0; i < LANDMARK_COUNT; i++) {
        f.mark[i].x = x + width * (at[i].x * cosf(tilt) - at[i].y * sinf(tilt));
        f.mark[i].y = y + width * (at[i].x * sinf(tilt) + at[i].y * cosf(tilt));
    }
    return f;
}

static void the_square_turns_with_the_head(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        float tilt = between(-1.5f, 1.5f), width = between(20, 300);
        struct face level = upright_face(400, 300, width, 0);
        struct face tilted = upright_face(400, 300, width, tilt);
        struct upright a, b;
        assert_true(align_square(&level, 2.6f, &a));
        assert_true(align_square(&tilted, 2.6f, &b));
        assert_float_equal(b.side, a.side, 1e-3f * a.side);
        assert_float_equal(atan2f(b.sine, b.cosine), tilt, 1e-3f);
        assert_float_equal(a.side, 2.6f * 0.45f * width, 1e-3f * width);
    }
}

static void a_profile_is_level_by_its_mouth(void **state)
{
    (void)state;
    struct face f = upright_face(400, 300, 100, 0);
    f.mark[LANDMARK_LEFT_EYE] = f.mark[LANDMARK_RIGHT_EYE];
    f.mark[LANDMARK_LEFT_MOUTH].x = f.mark[LANDMARK_RIGHT_MOUTH].x = f.mark[LANDMARK_LEFT_EYE].x;
    struct upright u;
    assert_true(align_square(&f, 2.6f, &u));
    assert_float_equal(u.cosine, 1, 1e-4f);
    assert_float_equal(u.sine, 0, 1e-4f);
}

static void impossible_landmarks_are_refused(void **state)
{
    (void)state;
    struct upright u;
    struct face f = upright_face(400, 300, 100, 0);
    f.has_marks = false;
    assert_false(align_square(&f, 2.6f, &u));
    f = upright_face(400, 300, 100, 0);
    for (int i = 0; i < LANDMARK_COUNT; i++)
        f.mark[i] = (struct point){400, 300};
    assert_false(align_square(&f, 2.6f, &u));
    f = upright_face(400, 300, 100, 0);
    f.mark[LANDMARK_LEFT_EYE].x = 1e6f;
    assert_false(align_square(&f, 2.6f, &u));
    f.mark[LANDMARK_LEFT_EYE].x = NAN;
    assert_false(align_square(&f, 2.6f, &u));
}

/* A picture that says in each pixel where that is, so that the turned one can be checked. */
static uint8_t *coordinates(const struct rect *r)
{
    uint8_t *bgr = malloc((size_t)r->w * (size_t)r->h * 3);
    for (int y = 0; y < r->h; y++) {
        for (int x = 0; x < r->w; x++) {
            uint8_t *p = bgr + 3 * (y * r->w + x);
            p[0] = (uint8_t)((r->x + x) / 2);
            p[1] = (uint8_t)((r->y + y) / 2);
            p[2] = 7;
        }
    }
    return bgr;
}

static void every_pixel_comes_from_where_it_should(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        float tilt = between(-3, 3);
        struct face f = upright_face(250, 250, between(30, 150), tilt);
        struct upright u;
        struct rect r;
        assert_true(align_square(&f, 2.6f, &u));
        assert_true(align_rect(&u, 500, 500, &r));
        uint8_t *from = coordinates(&r), out[64 * 64 * 3];
        align_turn(&u, &r, from, 64, out);
        free(from);
        for (int k = 0; k < 200; k++) {
            int x = (int)between(0, 63.9f), y = (int)between(0, 63.9f);
            float dx = ((float)x + 0.5f - 32) * u.side / 64,
                  dy = ((float)y + 0.5f - 32) * u.side / 64;
            float px = u.centre.x + dx * cosf(tilt) - dy * sinf(tilt) - 0.5f;
            float py = u.centre.y + dx * sinf(tilt) + dy * cosf(tilt) - 0.5f;
            assert_float_equal(out[3 * (y * 64 + x)], px / 2, 1.6f);
            assert_float_equal(out[3 * (y * 64 + x) + 1], py / 2, 1.6f);
            assert_int_equal(out[3 * (y * 64 + x) + 2], 7);
        }
    }
}

/* A rectangle smaller than the square, as at a picture's corner, is not read beyond. */
static void nothing_beyond_the_rectangle_is_read(void **state)
{
    (void)state;
    struct upright u = {{3, 3}, 200, 0.8f, 0.6f};
    struct rect r = {0, 0, 7, 5};
    uint8_t *from = malloc(7 * 5 * 3), out[16 * 16 * 3]; /* of the heap: a sanitizer watches it */
    memset(from, 9, 7 * 5 * 3);
    align_turn(&u, &r, from, 16, out);
    for (size_t i = 0; i < sizeof(out); i++)
        assert_int_equal(out[i], 9);
    free(from);
}

static void a_mirror_twice_is_none(void **state)
{
    (void)state;
    for (int w = 1; w < 6; w++) {
        uint8_t bgr[6 * 2 * 3], was[6 * 2 * 3];
        for (int i = 0; i < w * 2 * 3; i++)
            bgr[i] = was[i] = (uint8_t)(17 * i);
        crop_mirror(bgr, w, 2);
        assert_memory_equal(bgr, was + (ptrdiff_t)3 * (w - 1), 3);
        crop_mirror(bgr, w, 2);
        assert_memory_equal(bgr, was, (size_t)w * 2 * 3);
    }
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? (unsigned)atoi(given) : 11;
    print_message("SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_square_turns_with_the_head),
            cmocka_unit_test(a_profile_is_level_by_its_mouth),
            cmocka_unit_test(impossible_landmarks_are_refused),
            cmocka_unit_test(every_pixel_comes_from_where_it_should),
            cmocka_unit_test(nothing_beyond_the_rectangle_is_read),
            cmocka_unit_test(a_mirror_twice_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
