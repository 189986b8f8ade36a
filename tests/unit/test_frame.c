/* needs: flow/frame base/thread base/mono */
#include "flow/frame.h"

#include "base/thread.h"

#include <dlfcn.h>
#include <libavutil/frame.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static atomic_bool short_of_memory;

/* In front of libavutil's: memory is short when the test says so. */
AVFrame *av_frame_alloc(void)
{
    static AVFrame *(*theirs)(void);
    if (!theirs)
        *(void **)&theirs = dlsym(RTLD_NEXT, "av_frame_alloc");
    return atomic_load(&short_of_memory) ? NULL : theirs();
}

static void assert_alive(int64_t expected, int64_t *ret_bytes)
{
    int64_t frames = -1, bytes = -1;
    frame_count(&frames, &bytes);
    assert_int_equal(frames, expected);
    if (expected == 0)
        assert_int_equal(bytes, 0);
    if (ret_bytes)
        *ret_bytes = bytes;
}

static AVFrame *picture_of(int width, int height)
{
    AVFrame *p = av_frame_alloc();
    assert_non_null(p);
    p->format = AV_PIX_FMT_YUV420P;
    p->width = width;
    p->height = height;
    assert_int_equal(av_frame_get_buffer(p, 0), 0);
    return p;
}

static void the_picture_moves_in(void **state)
{
    (void)state;
    assert_alive(0, NULL);
    AVFrame *p = picture_of(64, 48);
    const uint8_t *pixels = p->data[0];
    struct frame *f = frame_new(p, 123, -456);
    assert_non_null(f);
    assert_null(p->data[0]); /* blank: the decoder may fill it anew */
    assert_null(p->buf[0]);
    assert_int_equal(p->width, 0);
    av_frame_free(&p);

    assert_int_equal(frame_width(f), 64);
    assert_int_equal(frame_height(f), 48);
    assert_int_equal(frame_time_us(f), 123);
    assert_int_equal(frame_wall_us(f), -456);
    assert_ptr_equal(frame_picture(f)->data[0], pixels); /* nothing was copied */
    int64_t bytes;
    assert_alive(1, &bytes);
    assert_true(bytes >= 64 * 48 * 3 / 2);
    frame_unref(f);
    assert_alive(0, NULL);
    frame_unref(NULL);
}

static void the_last_one_frees_it(void **state)
{
    (void)state;
    AVFrame *p = picture_of(16, 16);
    struct frame *f = frame_new(p, 0, 0);
    av_frame_free(&p);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(frame_ref(f), f);
    for (int i = 0; i < 3; i++) {
        frame_unref(f);
        assert_alive(1, NULL);
        assert_int_equal(frame_width(f), 16);
    }
    frame_unref(f);
    assert_alive(0, NULL);
}

static void the_bytes_of_all_are_counted(void **state)
{
    (void)state;
    struct frame *f[8];
    int64_t before = 0, sum;
    for (int i = 0; i < 8; i++) {
        AVFrame *p = picture_of(32 << i, 32);
        f[i] = frame_new(p, i, i);
        av_frame_free(&p);
        assert_alive(i + 1, &sum);
        assert_true(sum - before >= (int64_t)(32 << i) * 32 * 3 / 2);
        before = sum;
    }
    for (int i = 0; i < 8; i++)
        frame_unref(f[i]);
    assert_alive(0, NULL);
}

static void without_memory_the_picture_stays(void **state)
{
    (void)state;
    AVFrame *p = picture_of(32, 32);
    const uint8_t *pixels = p->data[0];
    atomic_store(&short_of_memory, true);
    assert_null(frame_new(p, 1, 2));
    static const uint8_t bgr[3];
    assert_null(frame_from_bgr(bgr, 1, 1));
    atomic_store(&short_of_memory, false);
    assert_ptr_equal(p->data[0], pixels);
    assert_int_equal(p->width, 32);
    assert_alive(0, NULL);
    struct frame *f = frame_new(p, 1, 2); /* and can be tried again */
    assert_non_null(f);
    frame_unref(f);
    av_frame_free(&p);
}

/* As hardware brings them; what still lies in a card has no brightness that can be read. */
static void brightness_lies_in_the_first_plane(void **state)
{
    (void)state;
    static const enum AVPixelFormat formats[] = {
            AV_PIX_FMT_YUV420P, AV_PIX_FMT_NV12, AV_PIX_FMT_P010LE};
    for (int i = 0; i < 3; i++) {
        AVFrame *p = av_frame_alloc();
        p->format = formats[i];
        p->width = 32;
        p->height = 16;
        assert_int_equal(av_frame_get_buffer(p, 0), 0);
        bool wide = formats[i] == AV_PIX_FMT_P010LE;
        for (int x = 0; x < 32; x++) {
            uint16_t ten = (uint16_t)((4 * (100 + x) + 3) << 6);
            if (wide)
                memcpy(p->data[0] + 5 * p->linesize[0] + 2 * x, &ten, 2);
            else
                p->data[0][5 * p->linesize[0] + x] = (uint8_t)(100 + x);
        }
        struct frame *f = frame_new(p, 0, 0);
        av_frame_free(&p);
        struct luma l;
        assert_true(frame_luma(f, &l));
        assert_true(l.wide == wide && l.width == 32 && l.height == 16);
        for (int x = 0; x < 32; x++) {
            uint16_t v = 0;
            memcpy(&v, l.data + 5 * l.stride + x * l.step, l.wide ? 2 : 1);
            assert_int_equal(v >> l.shift, 100 + x);
        }
        frame_unref(f);
    }
    AVFrame *p = picture_of(16, 16);
    p->format = AV_PIX_FMT_VAAPI;
    struct frame *f = frame_new(p, 0, 0);
    av_frame_free(&p);
    struct luma l;
    assert_false(frame_luma(f, &l));
    frame_unref(f);
}

static void bytes_are_copied_row_by_row(void **state)
{
    (void)state;
    enum {
        W = 37,
        H = 5
    }; /* rows that end where no line of memory does */
    uint8_t bgr[H * W * 3];
    for (size_t i = 0; i < sizeof(bgr); i++)
        bgr[i] = (uint8_t)(i * 7);
    struct frame *f = frame_from_bgr(bgr, W, H);
    assert_non_null(f);
    uint8_t kept[sizeof(bgr)];
    memcpy(kept, bgr, sizeof(bgr));
    memset(bgr, 0, sizeof(bgr)); /* the caller's again */
    assert_int_equal(frame_width(f), W);
    assert_int_equal(frame_height(f), H);
    const AVFrame *p = frame_picture(f);
    assert_int_equal(p->format, AV_PIX_FMT_BGR24);
    for (int y = 0; y < H; y++)
        assert_memory_equal(p->data[0] + y * p->linesize[0], kept + y * W * 3, W * 3);
    frame_unref(f);
    assert_null(frame_from_bgr(kept, 0, 5));
    assert_null(frame_from_bgr(kept, 5, -1));
    assert_alive(0, NULL);
}

static void *hold_and_let_go(void *arg)
{
    struct frame *f = arg;
    for (int i = 0; i < 20000; i++)
        frame_unref(frame_ref(f));
    frame_unref(f);
    return NULL;
}

static void any_thread_may_be_the_last(void **state)
{
    (void)state;
    AVFrame *p = picture_of(16, 16);
    struct frame *f = frame_new(p, 0, 0);
    av_frame_free(&p);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(thread_start(&t[i], "holder", hold_and_let_go, frame_ref(f)), 0);
    frame_unref(f);
    for (int i = 0; i < 4; i++)
        assert_int_equal(thread_join(t[i], 60000), 0);
    assert_alive(0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_picture_moves_in),
            cmocka_unit_test(the_last_one_frees_it),
            cmocka_unit_test(the_bytes_of_all_are_counted),
            cmocka_unit_test(without_memory_the_picture_stays),
            cmocka_unit_test(brightness_lies_in_the_first_plane),
            cmocka_unit_test(bytes_are_copied_row_by_row),
            cmocka_unit_test(any_thread_may_be_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
