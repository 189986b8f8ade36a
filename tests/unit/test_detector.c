/* needs: vision/detector vision/detect_yunet vision/detect_ssd vision/yunet vision/ssd vision/nms vision/regions vision/tiles vision/card vision/fields vision/dnn_opencv flow/scale flow/frame base/err base/mem base/sha256 flow/box */
#include "base/err.h"
#include "flow/frame.h"
#include "vision/card.h"
#include "vision/detector.h"
#include "vision/regions.h"
#include "vision/tiles.h"

#include <libavutil/frame.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Loads and opens, or skips the test where there are no models. */
static struct detector *open_named(const char *name, struct card **ret_card)
{
    const char *dir = getenv("FACED_MODELS");
    struct err e = {0};
    struct card *c = dir ? card_load(dir, name, &e) : NULL;
    struct detector *d = c ? detector_open(c, &e) : NULL;
    if (!d) {
        card_free(c);
        print_message("skipped: FACED_MODELS is not a folder with the model: %s\n", e.text);
        skip();
    }
    *ret_card = c;
    return d;
}

static struct frame *yuv(int w, int h, unsigned seed)
{
    AVFrame *p = av_frame_alloc();
    p->format = AV_PIX_FMT_YUV420P;
    p->width = w;
    p->height = h;
    assert_int_equal(av_frame_get_buffer(p, 0), 0);
    for (int plane = 0; plane < 3; plane++) {
        int rows = plane ? (h + 1) / 2 : h, columns = plane ? (w + 1) / 2 : w;
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < columns; x++)
                p->data[plane][y * p->linesize[plane] + x] =
                        seed ? (uint8_t)(rand_r(&seed) >> 4) : 128;
        }
    }
    struct frame *f = frame_new(p, 0, 0);
    av_frame_free(&p);
    return f;
}

/* Sizes that change from picture to picture, one pixel to 4K: an answer or an error each time. */
static void any_size_is_looked_at(const char *name)
{
    struct card *c;
    struct detector *d = open_named(name, &c);
    static const int sizes[][2] = {{640, 480}, {1, 1}, {480, 270}, {2, 700}, {1920, 1080}, {33, 31},
            {3840, 2160}, {640, 480}, {1080, 1920}, {9000, 4}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct frame *f = yuv(sizes[i][0], sizes[i][1], i % 2 ? 7 : 0);
        struct face faces[FACES_MAX];
        int n = -1;
        assert_int_equal(detector_run(d, f, faces, &n), 0);
        assert_in_range(n, 0, FACES_MAX);
        for (int k = 0; k < n; k++)
            assert_true(faces[k].score >= c->keep_score);
        if (!(i % 2))
            assert_int_equal(n, 0); /* nobody is in a grey wall */
        frame_unref(f);
    }
    AVFrame *p = av_frame_alloc(); /* a picture that lies about its size costs only itself */
    p->format = AV_PIX_FMT_YUV420P;
    p->width = p->height = 1 << 24;
    struct frame *f = frame_new(p, 0, 0);
    struct face faces[FACES_MAX];
    int n;
    assert_true(detector_run(d, f, faces, &n) < 0);
    frame_unref(f);
    av_frame_free(&p);
    detector_close(d);
    card_free(c);
}

static void yunet_looks_at_any_size(void **state)
{
    (void)state;
    any_size_is_looked_at("yunet");
}

static void ssd_looks_at_any_size(void **state)
{
    (void)state;
    any_size_is_looked_at("ssd");
}

/* Every tile of any size and the whole: nobody is in a grey wall, and noise does no harm. */
static void tiles_are_looked_at(void **state)
{
    (void)state;
    struct card *c;
    struct detector *d = open_named("yunet", &c);
    static const int sizes[][2] = {{1920, 1080}, {333, 1001}, {1280, 720}, {2001, 777}};
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        const int *size = sizes[i / 2];
        struct tiles_wish wish = {
                size[0], size[1], c->input.max_side, c->min_width, 16, {0, 0, 1, 1}};
        struct tiles tiles;
        tiles_plan(&wish, &tiles);
        struct frame *f = yuv(size[0], size[1], i % 2 ? 7 : 0);
        struct face faces[FACES_MAX];
        int n = -1;
        assert_int_equal(detector_scan(d, f, &tiles, faces, &n), 0);
        assert_in_range(n, 0, i % 2 ? FACES_MAX : 0);
        for (int k = 1; k < n; k++)
            assert_true(faces[k - 1].score >= faces[k].score);
        if (tiles.n && size[0] > 1000) { /* planned for another size: an error, and no more */
            struct frame *small = yuv(200, 200, 0);
            assert_true(detector_scan(d, small, &tiles, faces, &n) < 0);
            frame_unref(small);
        }
        frame_unref(f);
    }
    detector_close(d);
    card_free(c);
}

/* Regions of any shape, with tiles and without, hold what is found; a grey wall holds nobody. */
static void regions_are_looked_at(void **state)
{
    (void)state;
    struct card *c;
    struct detector *d = open_named("yunet", &c);
    struct regions regions = {.n = 3,
            .list = {{0, 0, 96, 96}, {320, 216, 777, 400}, {1600, 900, 320, 180}},
            .scale = 1 / 3.0f};
    for (int i = 0; i < 4; i++) {
        struct tiles_wish wish = {1920, 1080, c->input.max_side, c->min_width, 16, {0, 0, 1, 1}};
        struct tiles tiles = {.n = 0};
        if (i / 2)
            tiles_plan(&wish, &tiles);
        struct frame *f = yuv(1920, 1080, i % 2 ? 7 : 0);
        struct face faces[FACES_MAX];
        int n = -1, r = detector_look(d, f, &tiles, &regions, faces, &n);
        assert_in_range(r, 0, i % 2);
        assert_true(r == 1 || (n >= 0 && n <= (i % 2 ? FACES_MAX : 0)));
        for (int k = 0; r == 0 && k < n; k++)
            assert_true(regions_hold(&regions, &faces[k].box));
        frame_unref(f);
    }
    detector_close(d);
    card_free(c);
}

static void a_wrong_card_is_refused(void **state)
{
    (void)state;
    struct card *c;
    struct err e = {0};
    detector_close(open_named("yunet", &c));
    char good = c->file[0].sha256[0];
    c->file[0].sha256[0] = good == '0' ? '1' : '0'; /* not the file of the card */
    assert_null(detector_open(c, &e));
    assert_non_null(strstr(e.text, "SHA-256"));
    c->file[0].sha256[0] = good;
    c->engine[0] = 'x';
    assert_null(detector_open(c, &e));
    assert_non_null(strstr(e.text, "known engine"));
    c->engine[0] = 'y';
    c->input.max_side = 0;
    assert_null(detector_open(c, &e));
    assert_non_null(strstr(e.text, "max_side"));
    card_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(yunet_looks_at_any_size),
            cmocka_unit_test(ssd_looks_at_any_size),
            cmocka_unit_test(tiles_are_looked_at),
            cmocka_unit_test(regions_are_looked_at),
            cmocka_unit_test(a_wrong_card_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
