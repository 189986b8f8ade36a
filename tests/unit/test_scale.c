/* needs: flow/scale flow/frame base/mem */
#include "flow/frame.h"
#include "flow/scale.h"

#include <errno.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/pixdesc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct frame *noise(int w, int h, unsigned seed)
{
    uint8_t *bgr = malloc((size_t)w * (size_t)h * 3);
    assert_non_null(bgr);
    for (size_t i = 0; i < (size_t)w * (size_t)h * 3; i++)
        bgr[i] = (uint8_t)(rand_r(&seed) >> 4);
    struct frame *f = frame_from_bgr(bgr, w, h);
    free(bgr);
    assert_non_null(f);
    return f;
}

static const uint8_t *pixel(const struct frame *f, int x, int y)
{
    const AVFrame *p = frame_picture(f);
    return p->data[0] + (ptrdiff_t)y * p->linesize[0] + (ptrdiff_t)3 * x;
}

/* A picture of one colour, given as luma and chroma of 8 bits, in any format with planes. */
static struct frame *flat(enum AVPixelFormat format, int w, int h, int y, int u, int v)
{
    AVFrame *p = av_frame_alloc();
    p->format = format;
    p->width = w;
    p->height = h;
    assert_int_equal(av_frame_get_buffer(p, 0), 0);
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    int value[3] = {y, u, v};
    for (int c = 0; c < d->nb_components && c < 3; c++) {
        int rows = c ? -((-h) >> d->log2_chroma_h) : h;
        int columns = c ? -((-w) >> d->log2_chroma_w) : w;
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                uint16_t wide = (uint16_t)(value[c] << (d->comp[c].depth - 8 + d->comp[c].shift));
                memcpy(&p->data[d->comp[c].plane][i * p->linesize[d->comp[c].plane] +
                                                  j * d->comp[c].step + d->comp[c].offset],
                        &wide, d->comp[c].depth > 8 ? 2 : 1);
            }
        }
    }
    struct frame *f = frame_new(p, 0, 0);
    av_frame_free(&p);
    return f;
}

static void crop_of_bgr_is_exact_and_edges_are_as_asked(void **state)
{
    struct scaler *s = *state;
    const int w = 67, h = 45;
    struct frame *f = noise(w, h, 1);
    unsigned seed = 7;
    for (int round = 0; round < 300; round++) {
        int x = rand_r(&seed) % 120 - 40, y = rand_r(&seed) % 90 - 30;
        int cw = rand_r(&seed) % 80 + 1, ch = rand_r(&seed) % 60 + 1;
        bool edge = round % 2, apart = x >= w || y >= h || x + cw <= 0 || y + ch <= 0;
        uint8_t *out = malloc((size_t)cw * (size_t)ch * 3);
        int rc = scale_crop(s, f, x, y, cw, ch, edge ? SCALE_EDGE : SCALE_BLACK, out);
        assert_int_equal(rc, apart && edge ? -EINVAL : 0);
        for (int i = 0; rc == 0 && i < cw * ch; i++) {
            int px = x + i % cw, py = y + i / cw;
            static const uint8_t black[3];
            bool in = px >= 0 && px < w && py >= 0 && py < h;
            int ex = px < 0 ? 0 : px >= w ? w - 1 : px, ey = py < 0 ? 0 : py >= h ? h - 1 : py;
            assert_memory_equal(out + (ptrdiff_t)3 * i, in || edge ? pixel(f, ex, ey) : black, 3);
        }
        free(out);
    }
    frame_unref(f);
}

/* The rectangle of a YUV picture has the colours that the whole picture has there. */
static void crop_is_the_same_part_in_every_format(void **state)
{
    struct scaler *s = *state;
    static const enum AVPixelFormat formats[] = {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P,
            AV_PIX_FMT_NV12, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV411P,
            AV_PIX_FMT_GRAY8, AV_PIX_FMT_BGRA, AV_PIX_FMT_YUYV422, AV_PIX_FMT_YUV420P10LE,
            AV_PIX_FMT_P010LE};
    const int w = 200, h = 150;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        AVFrame *p = av_frame_alloc();
        p->format = formats[i];
        p->width = w;
        p->height = h;
        assert_int_equal(av_frame_get_buffer(p, 0), 0);
        const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(formats[i]);
        int high = d->comp[0].depth > 8 && !d->comp[0].shift; /* the upper byte holds two bits */
        for (int plane = 0; plane < 4 && p->data[plane]; plane++) { /* a slope */
            int rows = plane == 1 || plane == 2 ? -((-h) >> d->log2_chroma_h) : h;
            int bytes = av_image_get_linesize(formats[i], w, plane);
            for (int y = 0; y < rows; y++) {
                for (int x = 0; x < bytes; x++)
                    p->data[plane][y * p->linesize[plane] + x] =
                            (uint8_t)(high && x % 2 ? 1 : 40 + 100 * y / rows);
            }
        }
        struct frame *f = frame_new(p, 0, 0);
        av_frame_free(&p);
        uint8_t *all = malloc(3 * w * h), *part = malloc(3 * 50 * 40);
        assert_int_equal(scale_crop(s, f, 0, 0, w, h, SCALE_BLACK, all), 0);
        assert_int_equal(scale_crop(s, f, 81, 67, 50, 40, SCALE_BLACK, part), 0);
        for (int y = 0; y < 40; y++) {
            for (int x = 0; x < 150; x++)
                assert_in_range(part[150 * y + x] + 4 - all[3 * w * (67 + y) + 3 * 81 + x], 0, 8);
        }
        free(all);
        free(part);
        frame_unref(f);
    }
}

/* White is white and red is red, in limited and in full range, by the frame's own matrix. */
static void range_and_matrix_are_the_frames(void **state)
{
    struct scaler *s = *state;
    uint8_t out[16 * 16 * 3];
    static const struct {
        enum AVPixelFormat format;
        enum AVColorSpace space;
        int yuv[3], bgr[3];
    } cases[] = {
            {AV_PIX_FMT_YUV420P, AVCOL_SPC_SMPTE170M, {235, 128, 128}, {255, 255, 255}},
            {AV_PIX_FMT_YUV420P, AVCOL_SPC_SMPTE170M, {16, 128, 128}, {0, 0, 0}},
            {AV_PIX_FMT_YUVJ420P, AVCOL_SPC_SMPTE170M, {255, 128, 128}, {255, 255, 255}},
            {AV_PIX_FMT_YUVJ420P, AVCOL_SPC_SMPTE170M, {16, 128, 128}, {16, 16, 16}},
            {AV_PIX_FMT_NV12, AVCOL_SPC_SMPTE170M, {81, 90, 240}, {0, 0, 255}},
            {AV_PIX_FMT_P010LE, AVCOL_SPC_SMPTE170M, {81, 90, 240}, {0, 0, 255}},
            {AV_PIX_FMT_P010LE, AVCOL_SPC_BT709, {235, 128, 128}, {255, 255, 255}},
            {AV_PIX_FMT_YUV420P, AVCOL_SPC_BT709, {63, 102, 240}, {0, 0, 255}},
            {AV_PIX_FMT_YUV420P, AVCOL_SPC_UNSPECIFIED, {81, 90, 240}, {0, 0, 255}},
            {AV_PIX_FMT_YUVJ422P, AVCOL_SPC_SMPTE170M, {76, 85, 255}, {0, 0, 255}},
            {AV_PIX_FMT_GRAY8, AVCOL_SPC_UNSPECIFIED, {200, 0, 0}, {200, 200, 200}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int *c = cases[i].yuv;
        struct frame *f = flat(cases[i].format, 64, 64, c[0], c[1], c[2]);
        ((AVFrame *)(uintptr_t)frame_picture(f))->colorspace = cases[i].space;
        assert_int_equal(scale_crop(s, f, 20, 20, 16, 16, SCALE_BLACK, out), 0);
        for (int k = 0; k < 3; k++) {
            if (abs(out[3 * 100 + k] - cases[i].bgr[k]) > 4)
                fail_msg(
                        "case %zu channel %d: %d, not %d", i, k, out[3 * 100 + k], cases[i].bgr[k]);
        }
        frame_unref(f);
    }
}

static void letterbox_keeps_proportions_and_never_enlarges(void **state)
{
    struct scaler *s = *state;
    static const struct {
        int w, h, to_w, to_h, used_w, used_h;
    } cases[] = {{480, 270, 480, 288, 480, 270}, {1920, 1080, 640, 384, 640, 360},
            {200, 150, 640, 640, 200, 150}, {100, 1000, 64, 640, 64, 640}, {1, 1, 32, 32, 1, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int w = cases[i].to_w, h = cases[i].to_h;
        struct frame *f = flat(AV_PIX_FMT_YUV420P, cases[i].w, cases[i].h, 235, 128, 128);
        uint8_t *out = malloc((size_t)w * (size_t)h * 3 + 1);
        memset(out, 77, (size_t)w * (size_t)h * 3 + 1);
        float scale = 0;
        assert_int_equal(scale_letterbox(s, f, w, h, out, &scale), 0);
        assert_true(scale <= 1 && scale > 0);
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                bool inside = x < cases[i].used_w && y < cases[i].used_h;
                assert_in_range(out[3 * (y * w + x)], inside ? 250 : 0, inside ? 255 : 0);
            }
        }
        assert_int_equal(out[(size_t)w * (size_t)h * 3], 77); /* nothing behind the end */
        free(out);
        frame_unref(f);
    }
}

/*
 * A part has the colours of the whole picture scaled alike, in every format; beyond its edge is
 * another colour, of which nothing comes in.
 */
static void a_part_is_scaled_alone(void **state)
{
    struct scaler *s = *state;
    static const enum AVPixelFormat formats[] = {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P,
            AV_PIX_FMT_NV12, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV411P,
            AV_PIX_FMT_GRAY8};
    const int w = 333, h = 247, x = 96, y = 52, pw = 160, ph = 121;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        AVFrame *p = av_frame_alloc();
        p->format = formats[i];
        p->width = w;
        p->height = h;
        assert_int_equal(av_frame_get_buffer(p, 0), 0);
        const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(formats[i]);
        for (int c = 0; c < d->nb_components; c++) { /* dark around; within, a slope of grey */
            int sx = c ? d->log2_chroma_w : 0, sy = c ? d->log2_chroma_h : 0;
            for (int v = 0; v < -((-h) >> sy); v++) {
                for (int u = 0; u < -((-w) >> sx); u++) {
                    bool in = u >= x >> sx && u < -(-(x + pw) >> sx) && v >= y >> sy &&
                              v < -(-(y + ph) >> sy);
                    int grey = c ? 128 : 100 + (u - x + v - y) / 4;
                    p->data[d->comp[c].plane][v * p->linesize[d->comp[c].plane] +
                                              u * d->comp[c].step + d->comp[c].offset] =
                            (uint8_t)(in  ? grey
                                      : c ? 200
                                          : 16);
                }
            }
        }
        struct frame *f = frame_new(p, 0, 0);
        av_frame_free(&p);
        uint8_t out[64 * 96 * 3];
        float scale = 0;
        assert_int_equal(scale_part(s, f, x, y, pw, ph, 96, 64, out, &scale), 0);
        assert_float_equal(scale, 64 / 121.0, 1e-6);
        int full = formats[i] == AV_PIX_FMT_YUVJ420P || formats[i] == AV_PIX_FMT_YUVJ422P ||
                   formats[i] == AV_PIX_FMT_GRAY8;
        for (int v = 0; v < 64; v++) {
            for (int u = 0; u < 96; u++) {
                double grey = 100 + (u + v + 1) / (double)scale / 4;
                grey = full ? grey : (grey - 16) * 255 / 219;
                bool in = u < 85; /* 160 times the scale; behind it is black */
                for (int c = 0; c < 3; c++)
                    assert_in_range(
                            out[3 * (96 * v + u) + c], in ? grey - 7 : 0, in ? grey + 7 : 0);
            }
        }
        static const int bad[][4] = {{1, 0, 8, 8}, {0, 2, 8, 8}, {-32, 0, 8, 8}, {0, -4, 8, 8},
                {320, 0, 14, 8}, {0, 244, 8, 4}, {0, 0, 0, 8}, {0, 0, 8, INT32_MAX},
                {352, 0, 8, 8}};
        for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
            assert_int_equal(scale_part(s, f, bad[k][0], bad[k][1], bad[k][2], bad[k][3], 96, 64,
                                     out, &scale),
                    -EINVAL);
        frame_unref(f);
    }
}

static void absurd_sizes_are_errors(void **state)
{
    struct scaler *s = *state;
    struct frame *f = noise(40, 30, 3);
    uint8_t out[3];
    float scale;
    static const int bad[] = {0, -1, INT32_MIN, INT32_MAX, SCALE_SIDE_MAX + 1};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(scale_letterbox(s, f, bad[i], 32, out, &scale), -EINVAL);
        assert_int_equal(scale_letterbox(s, f, 32, bad[i], out, &scale), -EINVAL);
        assert_int_equal(scale_squeeze(s, f, bad[i], bad[i], out), -EINVAL);
        assert_int_equal(scale_crop(s, f, 0, 0, bad[i], 5, SCALE_BLACK, out), -EINVAL);
    }
    assert_int_equal(scale_crop(s, f, INT32_MIN, 0, 1, 1, SCALE_BLACK, out), -EINVAL);
    assert_int_equal(scale_crop(s, f, 0, INT32_MAX, 1, 1, SCALE_EDGE, out), -EINVAL);
    frame_unref(f);

    AVFrame *p = av_frame_alloc(); /* a picture that says it is huge, and one without pixels */
    p->format = AV_PIX_FMT_YUV420P;
    p->width = 1 << 20;
    p->height = 8;
    f = frame_new(p, 0, 0);
    assert_int_equal(scale_letterbox(s, f, 32, 32, out, &scale), -EINVAL);
    frame_unref(f);
    p->format = AV_PIX_FMT_VAAPI;
    p->width = p->height = 64;
    f = frame_new(p, 0, 0);
    assert_int_equal(scale_crop(s, f, 0, 0, 1, 1, SCALE_EDGE, out), -EINVAL);
    frame_unref(f);
    av_frame_free(&p);
}

/* More sizes than a scaler keeps converters for, in turn: each comes out as from a new scaler. */
static void many_sizes_do_not_mix(void **state)
{
    struct scaler *s = *state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++) {
            struct frame *f = flat(AV_PIX_FMT_YUV420P, 100 + 16 * i, 80, 100 + 5 * i, 128, 128);
            uint8_t out[3 * 32 * 32];
            assert_int_equal(scale_squeeze(s, f, 32, 32, out), 0);
            assert_in_range(
                    out[3 * 500], (84 + 5 * i) * 255 / 219 - 2, (84 + 5 * i) * 255 / 219 + 2);
            frame_unref(f);
        }
    }
}

static int setup(void **state)
{
    av_log_set_level(AV_LOG_QUIET);
    *state = scaler_new();
    return 0;
}

static int teardown(void **state)
{
    scaler_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(crop_of_bgr_is_exact_and_edges_are_as_asked),
            cmocka_unit_test(crop_is_the_same_part_in_every_format),
            cmocka_unit_test(range_and_matrix_are_the_frames),
            cmocka_unit_test(letterbox_keeps_proportions_and_never_enlarges),
            cmocka_unit_test(a_part_is_scaled_alone),
            cmocka_unit_test(absurd_sizes_are_errors),
            cmocka_unit_test(many_sizes_do_not_mix),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
