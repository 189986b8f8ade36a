/* needs: picture/annotate picture/canvas picture/caption picture/layout flow/frame flow/scale flow/face flow/age base/mem */
#include "picture/annotate.h"

#include "flow/frame.h"
#include "flow/scale.h"
#include "picture/canvas.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Noise, so that any pixel that was kept is known again. */
static struct canvas *noise(int width, int height)
{
    struct canvas *c = canvas_new(width, height);
    unsigned seed = 1;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width * 4; x++)
            c->rows[y * c->stride + x] = (uint8_t)(rand_r(&seed) >> 8);
    }
    return c;
}

static const uint8_t *pixel(const struct canvas *c, int x, int y)
{
    return c->rows + (ptrdiff_t)y * c->stride + (ptrdiff_t)4 * x;
}

static struct portrait portrait(float x, float y, float w, float h)
{
    struct portrait p = {.box = {x, y, w, h}, .person = true};
    p.answers.age_range = 4;
    p.answers.age_probability = 0.7f;
    p.answers.age_years = 29;
    p.answers.gender_probability = NAN;
    return p;
}

/* Pixels of this rectangle that are as before; of noise, one in 2^24 is by chance. */
static int kept(const struct canvas *now, const struct canvas *then, int x0, int y0, int x1, int y1)
{
    int n = 0;
    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++)
            n += memcmp(pixel(now, x, y), pixel(then, x, y), 3) == 0;
    }
    return n;
}

static void nothing_of_a_blurred_face_is_left(void **state)
{
    (void)state;
    struct canvas *then = noise(400, 300), *now = noise(400, 300);
    struct portrait faces[] = {portrait(50, 50, 60, 80), portrait(360, -20, 60, 80)};
    blur(now, faces, 2, 1);
    assert_true(kept(now, then, 50, 50, 110, 130) < 3);
    assert_true(kept(now, then, 360, 0, 400, 60) < 3);
    assert_int_equal(kept(now, then, 150, 0, 300, 300), 150 * 300); /* and nobody else's */
    /* few tiles: the face cannot be known by them */
    int edges = 0;
    for (int x = 51; x < 110; x++)
        edges += memcmp(pixel(now, x, 90), pixel(now, x - 1, 90), 3) != 0;
    assert_in_range(edges, 1, 5);
    canvas_free(then);
    canvas_free(now);
}

static void blur_finds_the_face_in_a_smaller_picture(void **state)
{
    (void)state;
    struct canvas *then = noise(200, 150), *now = noise(200, 150);
    struct portrait face = portrait(50, 50, 60, 80);
    blur(now, &face, 1, 0.5f);
    assert_true(kept(now, then, 25, 25, 55, 65) < 3);
    assert_int_equal(kept(now, then, 100, 0, 200, 150), 100 * 150);
    canvas_free(then);
    canvas_free(now);
}

static void a_face_is_framed_and_named_and_not_covered(void **state)
{
    (void)state;
    struct canvas *then = noise(640, 360), *now = noise(640, 360);
    struct portrait face = portrait(200, 150, 100, 120);
    annotate(now, &face, 1, 1);
    assert_true(kept(now, then, 198, 160, 202, 260) < 10);           /* its left side */
    assert_int_equal(kept(now, then, 210, 160, 290, 260), 80 * 100); /* its inside */
    assert_true(kept(now, then, 202, 128, 298, 148) < 96 * 20 / 10); /* its label, above */
    assert_int_equal(kept(now, then, 0, 290, 640, 360), 640 * 70);   /* and nothing else */
    canvas_free(then);
    canvas_free(now);
}

static void any_box_and_any_size_will_do(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {3, 200}, {64, 64}, {1000, 10}};
    struct portrait faces[] = {portrait(-50, -50, 60, 80), portrait(0, 0, 1e6f, 1e6f),
            portrait(5, 5, 0, 0), portrait(1e9f, -1e9f, 10, 10)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct canvas *c = canvas_new(sizes[i][0], sizes[i][1]);
        assert_non_null(c);
        blur(c, faces, 4, 1);
        annotate(c, faces, 4, 1);
        annotate(c, faces, 0, 1);
        canvas_free(c);
    }
}

static void a_canvas_has_the_frames_pixels_and_bounds(void **state)
{
    (void)state;
    static uint8_t bgr[640 * 360 * 3];
    for (size_t i = 0; i < sizeof(bgr); i++)
        bgr[i] = (uint8_t)(i / 7);
    struct frame *f = frame_from_bgr(bgr, 640, 360);
    struct scaler *s = scaler_new();
    float scale = 0;
    struct canvas *c = canvas_of(s, f, 0, &scale);
    assert_int_equal(c->width, 640);
    assert_float_equal(scale, 1, 0.0001);
    for (int x = 0; x < 640; x++)
        assert_memory_equal(pixel(c, x, 200), bgr + (200 * 640 + x) * 3, 3);
    canvas_free(c);
    c = canvas_of(s, f, 320, &scale);
    assert_int_equal(c->width, 320);
    assert_int_equal(c->height, 180);
    assert_float_equal(scale, 0.5, 0.0001);
    canvas_free(c);
    assert_null(canvas_new(0, 5));
    assert_null(canvas_new(5, SCALE_SIDE_MAX + 1));
    scaler_free(s);
    frame_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(nothing_of_a_blurred_face_is_left),
            cmocka_unit_test(blur_finds_the_face_in_a_smaller_picture),
            cmocka_unit_test(a_face_is_framed_and_named_and_not_covered),
            cmocka_unit_test(any_box_and_any_size_will_do),
            cmocka_unit_test(a_canvas_has_the_frames_pixels_and_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
