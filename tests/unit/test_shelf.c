/* needs: app/sandbox/shelf flow/pack flow/frame flow/slot flow/scale base/mem base/log base/redact base/mono base/url base/thread base/err */
#include "app/sandbox/shelf.h"

#include "flow/frame.h"
#include "flow/scale.h"

#include <errno.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/pixfmt.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
    struct shelf *shelf;
    struct rack rack;
};

static void begin(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    r->shelf = shelf_new();
    assert_non_null(r->shelf);
    assert_int_equal(rack_map(&r->rack, shelf_fd(r->shelf)), 0);
}

static void end(struct rig *r)
{
    shelf_free(r->shelf);
}

/* A picture of which each byte tells its place. */
static struct frame *picture(enum AVPixelFormat format, int width, int height)
{
    AVFrame *p = av_frame_alloc();
    p->format = format;
    p->width = width;
    p->height = height;
    p->color_range = AVCOL_RANGE_JPEG;
    p->colorspace = AVCOL_SPC_BT709;
    assert_int_equal(av_frame_get_buffer(p, 0), 0);
    for (int i = 0; i < 4 && p->buf[i]; i++) {
        for (size_t k = 0; k < p->buf[i]->size; k++)
            p->buf[i]->data[k] = (uint8_t)(k * 7 + (size_t)i);
    }
    struct frame *f = frame_new(p, 11, 22);
    av_frame_free(&p);
    struct change_map map = {.cols = 2, .rows = 1, .block = 160, .at_us = {5, 6}};
    frame_note_change(f, 9, &map);
    return f;
}

/* Onto the shelf and from it. */
static struct frame *carry(struct rig *r, const struct frame *f, struct wire_picture *ret)
{
    memset(ret, 0, sizeof(*ret));
    int place = rack_place(&r->rack, 0);
    if (place < 0 || !rack_put(&r->rack, place, f, ret))
        return NULL;
    return shelf_frame(r->shelf, ret);
}

static void a_picture_arrives_as_it_was(void **state)
{
    (void)state;
    static const enum AVPixelFormat formats[] = {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ422P,
            AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_GRAY8, AV_PIX_FMT_BGR24,
            AV_PIX_FMT_YUYV422};
    struct rig r;
    begin(&r);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        for (int width = 318; width <= 321; width++) {
            struct frame *f = picture(formats[i], width, 97);
            struct wire_picture p;
            struct frame *g = carry(&r, f, &p);
            assert_non_null(g);
            const AVFrame *a = frame_picture(f), *b = frame_picture(g);
            int n = av_image_get_buffer_size(formats[i], width, 97, 1);
            uint8_t *x = malloc((size_t)n), *y = malloc((size_t)n);
            assert_int_equal(av_image_copy_to_buffer(x, n, (const uint8_t *const *)a->data,
                                     a->linesize, formats[i], width, 97, 1),
                    n);
            assert_int_equal(av_image_copy_to_buffer(y, n, (const uint8_t *const *)b->data,
                                     b->linesize, formats[i], width, 97, 1),
                    n);
            assert_memory_equal(x, y, (size_t)n);
            assert_int_equal(b->color_range, AVCOL_RANGE_JPEG);
            assert_int_equal(b->colorspace, AVCOL_SPC_BT709);
            assert_int_equal(frame_time_us(g), 11);
            assert_int_equal(frame_wall_us(g), 22);
            assert_int_equal(frame_still_us(g), 9);
            assert_int_equal(frame_changes(g)->cols, 2);
            assert_int_equal(frame_changes(g)->at_us[1], 6);
            free(x);
            free(y);
            frame_unref(f);
            frame_unref(g);
        }
    }
    end(&r);
}

static void lend_all(struct rig *r, const struct frame *f, struct frame *ret[WIRE_BUFFERS])
{
    struct wire_picture p;
    for (int i = 0; i < WIRE_BUFFERS; i++) {
        ret[i] = carry(r, f, &p);
        assert_non_null(ret[i]);
        assert_int_equal(p.place, i); /* the first that is free */
    }
}

static void return_all_but(int place, struct frame *out[WIRE_BUFFERS])
{
    for (int i = 0; i < WIRE_BUFFERS; i++) {
        if (i != place)
            frame_unref(out[i]);
    }
}

static void a_place_comes_back_with_the_last_reference(void **state)
{
    (void)state;
    struct rig r;
    struct frame *f = picture(AV_PIX_FMT_YUV420P, 320, 180), *out[WIRE_BUFFERS];
    begin(&r);
    lend_all(&r, f, out);
    assert_int_equal(rack_place(&r.rack, 0), -1);
    frame_ref(out[2]);
    frame_unref(out[2]);
    assert_int_equal(rack_place(&r.rack, 1), -1);
    frame_unref(out[2]);
    assert_int_equal(rack_place(&r.rack, 0), 2);
    return_all_but(2, out);
    frame_unref(f);
    end(&r);
}

/* What finds no memory is lost; its place is there for the next. */
static void a_place_is_not_lost_with_its_picture(void **state)
{
    (void)state;
    struct rig r;
    struct wire_picture p = {0};
    struct frame *f = picture(AV_PIX_FMT_YUV420P, 320, 180);
    begin(&r);
    for (int i = 0; i < WIRE_BUFFERS + 1; i++) {
        assert_int_equal(rack_place(&r.rack, 0), 0);
        assert_true(rack_put(&r.rack, 0, f, &p));
        av_max_alloc(33);
        struct frame *g = shelf_frame(r.shelf, &p);
        av_max_alloc(INT32_MAX);
        assert_null(g);
        assert_int_equal(errno, ENOMEM);
    }
    struct frame *g = carry(&r, f, &p);
    assert_non_null(g);
    frame_unref(g);
    frame_unref(f);
    end(&r);
}

static void a_picture_outlives_its_shelf(void **state)
{
    (void)state;
    struct rig r;
    struct wire_picture p;
    struct frame *f = picture(AV_PIX_FMT_GRAY8, 64, 64);
    begin(&r);
    struct frame *g = carry(&r, f, &p);
    end(&r);
    assert_memory_equal(frame_picture(g)->data[0], frame_picture(f)->data[0], 64);
    frame_unref(f);
    frame_unref(g);
}

static void what_is_described_must_be_possible(void **state)
{
    (void)state;
    struct rig r;
    struct wire_picture p;
    struct frame *f = picture(AV_PIX_FMT_YUV420P, 320, 180);
    begin(&r);
    frame_unref(carry(&r, f, &p));
    const struct {
        int32_t format, width, height;
    } lies[] = {{AV_PIX_FMT_YUV420P, 0, 180}, {AV_PIX_FMT_YUV420P, -1, 180},
            {AV_PIX_FMT_YUV420P, INT32_MAX, INT32_MAX}, {AV_PIX_FMT_YUV420P, 16384, 16384},
            {AV_PIX_FMT_RGBA64LE, 8192, 8192}, {AV_PIX_FMT_NONE, 320, 180}, {INT32_MAX, 320, 180},
            {INT32_MIN, 320, 180}, {AV_PIX_FMT_VAAPI, 320, 180}, {AV_PIX_FMT_PAL8, 320, 180},
            {AV_PIX_FMT_MONOBLACK, 320, 180}, {AV_PIX_FMT_XYZ12LE, 320, 180},
            {AV_PIX_FMT_XYZ12BE, 320, 180}, {AV_PIX_FMT_BAYER_RGGB8, 320, 180},
            {AV_PIX_FMT_GRAYF32LE, 320, 180}};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct wire_picture lie = p;
        lie.packed.format = lies[i].format;
        lie.packed.width = lies[i].width;
        lie.packed.height = lies[i].height;
        assert_null(shelf_frame(r.shelf, &lie));
        assert_int_equal(errno, EPROTO);
    }
    /* A lie is not lent, so nothing has come back for it. */
    assert_int_equal(atomic_load(&r.rack.board->back[0]), 1);

    struct frame *g = shelf_frame(r.shelf, &p);
    assert_non_null(g);
    assert_null(shelf_frame(r.shelf, &p)); /* it is still lent out */
    assert_int_equal(errno, EPROTO);
    frame_unref(g);
    frame_unref(f);
    end(&r);
}

static void *wait_for_a_place(void *rig)
{
    struct rig *r = rig;
    return rack_place(&r->rack, 60000) == 3 ? rig : NULL;
}

static void who_waits_is_woken_by_what_comes_back(void **state)
{
    (void)state;
    struct rig r;
    struct frame *f = picture(AV_PIX_FMT_GRAY8, 64, 64), *out[WIRE_BUFFERS];
    begin(&r);
    for (int round = 0; round < 50; round++) {
        lend_all(&r, f, out);
        pthread_t thread;
        void *found;
        assert_int_equal(pthread_create(&thread, NULL, wait_for_a_place, &r), 0);
        frame_unref(out[3]);
        assert_int_equal(pthread_join(thread, &found), 0);
        assert_ptr_equal(found, &r);
        return_all_but(3, out);
    }
    frame_unref(f);
    end(&r);
}

/* The slot's face lies on the board; what is on its way to the slot makes it full as well. */
static void a_slot_is_full_from_the_moment_of_sending(void **state)
{
    (void)state;
    struct rig r;
    struct wire_picture p;
    struct frame *f = picture(AV_PIX_FMT_GRAY8, 64, 64);
    begin(&r);
    const struct slot_face *face = &r.rack.board->face;
    struct slot_face *shown = &shelf_board(r.shelf)->face;
    assert_false(slot_face_full(face));
    frame_unref(carry(&r, f, &p));
    assert_true(slot_face_full(face));
    atomic_store(&shown->full, true);
    atomic_fetch_add(&shown->seen, 1);
    assert_true(slot_face_full(face));
    atomic_store(&shown->full, false);
    assert_false(slot_face_full(face));
    frame_unref(f);
    end(&r);
}

/* Whatever the process writes on the board, the daemon goes by its own counts. */
static void a_board_that_is_scribbled_on_fools_nobody_else(void **state)
{
    (void)state;
    struct rig r;
    struct wire_picture p;
    struct frame *f = picture(AV_PIX_FMT_GRAY8, 64, 64);
    begin(&r);
    struct frame *g = carry(&r, f, &p);
    memset(r.rack.board, 0xff, sizeof(*r.rack.board));
    assert_null(shelf_frame(r.shelf, &p)); /* still lent out */
    assert_int_equal(errno, EPROTO);
    frame_unref(g);
    assert_int_equal(atomic_load(&r.rack.board->back[0]), 1);
    g = shelf_frame(r.shelf, &p);
    assert_non_null(g);
    frame_unref(g);
    frame_unref(f);
    end(&r);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* libswscale reads whole vectors, and so some bytes behind a picture's last one: behind the last
 * place of all there is nothing. */
static void a_picture_may_be_read_beyond_its_end(void **state)
{
    (void)state;
    const struct packed lies[] = {{.format = AV_PIX_FMT_ABGR, .width = 2048, .height = 13952},
            {.format = AV_PIX_FMT_0BGR, .width = 2048, .height = 13952}};
    uint8_t bgr[60 * 60 * 3];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *memory = mmap(NULL, PACK_SIZE + page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + PACK_SIZE, page, PROT_NONE), 0);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct frame *f = pack_open(&lies[i], memory, nothing, NULL);
        if (f) { /* as a worker does it */
            struct scaler *s = scaler_new();
            (void)scale_crop(s, f, 2048 - 60, 13952 - 60, 60, 60, SCALE_EDGE, bgr);
            scaler_free(s);
        }
        frame_unref(f);
    }
    munmap(memory, PACK_SIZE + page);
}

/* Who shortened it would have the reader killed by SIGBUS. */
static void nobody_can_take_the_memory_away(void **state)
{
    (void)state;
    struct rig r;
    struct stat st;
    begin(&r);
    assert_int_equal(fstat(shelf_fd(r.shelf), &st), 0);
    assert_int_equal(ftruncate(shelf_fd(r.shelf), 0), -1);
    assert_int_equal(ftruncate(shelf_fd(r.shelf), st.st_size * 2), -1);
    assert_int_equal(st.st_blocks, 0); /* and nothing of it is there before it is written to */
    struct wire_picture p;
    struct frame *f = picture(AV_PIX_FMT_YUV420P, 640, 360);
    frame_unref(carry(&r, f, &p));
    assert_int_equal(fstat(shelf_fd(r.shelf), &st), 0);
    assert_in_range(st.st_blocks * 512, 640 * 360 * 3 / 2, 640 * 360 * 3 / 2 + 2 * 4096);
    frame_unref(f);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_picture_arrives_as_it_was),
            cmocka_unit_test(a_place_comes_back_with_the_last_reference),
            cmocka_unit_test(a_place_is_not_lost_with_its_picture),
            cmocka_unit_test(a_picture_outlives_its_shelf),
            cmocka_unit_test(who_waits_is_woken_by_what_comes_back),
            cmocka_unit_test(a_slot_is_full_from_the_moment_of_sending),
            cmocka_unit_test(a_board_that_is_scribbled_on_fools_nobody_else),
            cmocka_unit_test(what_is_described_must_be_possible),
            cmocka_unit_test(a_picture_may_be_read_beyond_its_end),
            cmocka_unit_test(nobody_can_take_the_memory_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
