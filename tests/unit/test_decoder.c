/* needs: source/decoder source/engine source/hardware source/avlog source/damage source/rough source/timeline flow/frame base/err base/log base/mem base/mono base/redact base/thread base/url */
#include "source/decoder.h"

#include "base/mem.h"
#include "base/mono.h"
#include "flow/frame.h"
#include "kit_random.h"

#include <libavcodec/avcodec.h>
#include <libavutil/adler32.h>
#include <libavutil/opt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define W        320
#define H        192
#define GOP      50
#define PICTURES 150
#define STEP     (MONO_SECOND / 25)
#define COMES    110 /* from this picture on somebody walks through */

/* ------------------------------------------------------------- a camera --- */

static AVCodecParameters *params;
static struct packet packets[PICTURES];
static struct stream stream;

static unsigned below(unsigned n)
{
    return (unsigned)(draw() * (float)n) % n;
}

/* A textured wall, a sensor's noise, and the one who walks. */
static void paint(AVFrame *f, int number)
{
    int at = number < COMES ? -100 : (number - COMES) * 6;
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            bool body = x >= at && x < at + 40 && y >= 60;
            int level = body ? 50 + (x - at) * (y % 16) / 8 : 90 + (x / 16 + y / 16) % 4 * 20;
            f->data[0][y * f->linesize[0] + x] = (uint8_t)(level + (int)below(5) - 2);
        }
    }
    for (int k = 1; k < 3; k++) {
        for (int y = 0; y < H / 2; y++)
            memset(f->data[k] + (ptrdiff_t)y * f->linesize[k], 128, W / 2);
    }
}

static void take_packets(AVCodecContext *enc, int *n)
{
    AVPacket *p = av_packet_alloc();
    while (avcodec_receive_packet(enc, p) == 0) {
        packets[*n] = (struct packet){.av = av_packet_clone(p),
                .time_us = (*n + 1) * STEP,
                .size = p->size,
                .key = p->flags & AV_PKT_FLAG_KEY};
        (*n)++;
        av_packet_unref(p);
    }
    av_packet_free(&p);
}

static int begin(void **state)
{
    (void)state;
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    if (!codec)
        return 0; /* each test skips */
    AVCodecContext *enc = avcodec_alloc_context3(codec);
    enc->width = W;
    enc->height = H;
    enc->pix_fmt = AV_PIX_FMT_YUV420P;
    enc->time_base = (AVRational){1, 25};
    enc->bit_rate = enc->rc_max_rate = 800000;
    enc->rc_buffer_size = 800000;
    enc->gop_size = GOP;
    enc->max_b_frames = 0;
    enc->thread_count = 1;
    av_opt_set(enc->priv_data, "preset", "ultrafast", 0);
    av_opt_set(enc->priv_data, "x264-params", "scenecut=0:log-level=error", 0);
    assert_int_equal(avcodec_open2(enc, codec, NULL), 0);
    AVFrame *f = av_frame_alloc();
    f->format = enc->pix_fmt;
    f->width = W;
    f->height = H;
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    int n = 0;
    seed = 4;
    for (int i = 0; i < PICTURES; i++) {
        assert_int_equal(av_frame_make_writable(f), 0);
        paint(f, i);
        f->pts = i;
        assert_int_equal(avcodec_send_frame(enc, f), 0);
        take_packets(enc, &n);
    }
    assert_int_equal(avcodec_send_frame(enc, NULL), 0);
    take_packets(enc, &n);
    assert_int_equal(n, PICTURES);
    params = avcodec_parameters_alloc();
    assert_true(avcodec_parameters_from_context(params, enc) >= 0);
    stream = (struct stream){
            .codec = params, .time_num = 1, .time_den = 25, .fps = 25, .live = true};
    av_frame_free(&f);
    avcodec_free_context(&enc);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < PICTURES; i++)
        av_packet_free(&packets[i].av);
    avcodec_parameters_free(&params);
    return 0;
}

/* ------------------------------------------------------------- what is seen --- */

static struct decoder *open_decoder(void)
{
    if (!params)
        skip(); /* this libavcodec has no encoder of H.264 */
    enum source_fault fault;
    struct err e = {0};
    struct decoder *d = decoder_open(&stream, "none", &fault, &e);
    assert_non_null(d);
    return d;
}

/* The mean brightness of cells of 16 pixels. */
static void cells_of(const struct frame *f, float *ret)
{
    struct luma l;
    assert_true(frame_luma(f, &l));
    assert_true(l.width == W && l.height == H);
    for (int c = 0; c < W / 16 * (H / 16); c++) {
        int sum = 0;
        for (int i = 0; i < 256; i++)
            sum += l.data[(c / (W / 16) * 16 + i / 16) * l.stride + c % (W / 16) * 16 + i % 16];
        ret[c] = (float)sum / 256;
    }
}

/* Cells in which they differ by more than so much. */
static int differing(const struct frame *a, const struct frame *b, float by)
{
    float x[W / 16 * (H / 16)], y[W / 16 * (H / 16)];
    int n = 0;
    cells_of(a, x);
    cells_of(b, y);
    for (int c = 0; c < W / 16 * (H / 16); c++)
        n += x[c] - y[c] > by || y[c] - x[c] > by;
    return n;
}

static struct frame *decode(struct decoder *d, int i)
{
    struct err e = {0};
    assert_int_equal(decoder_push(d, &packets[i], &e), SOURCE_OK);
    struct frame *f = decoder_pull(d);
    assert_null(decoder_pull(d));
    return f;
}

static uint32_t hash_of(const struct frame *f)
{
    struct luma l;
    uint32_t hash = 1;
    assert_true(frame_luma(f, &l));
    for (int y = 0; y < H; y++)
        hash = (uint32_t)av_adler32_update(hash, l.data + (ptrdiff_t)y * l.stride, W);
    return hash;
}

/* Each packet upon the key frame before it, whichever were peeked at before. */
static void a_peek_tells_whether_something_moves(void **state)
{
    (void)state;
    for (int each = 1; each <= 20; each++) {
        struct decoder *d = open_decoder();
        assert_true(decoder_can_peek(d));
        for (int key = 0; key < PICTURES; key += GOP) {
            decoder_restart(d, false);
            struct frame *base = decode(d, key);
            assert_non_null(base);
            int told = 0;
            for (int i = key + each; i < key + GOP; i += each) {
                struct frame *f = decoder_peek(d, &packets[key], &packets[i]);
                assert_non_null(f);
                assert_int_equal(frame_time_us(f), packets[i].time_us);
                if (i < COMES)
                    assert_int_equal(differing(base, f, 4), 0);
                told += differing(base, f, 4) >= 2;
                frame_unref(f);
            }
            assert_int_equal(told > 0, key + GOP > COMES);
            frame_unref(base);
        }
        decoder_close(d);
    }
}

/* What is decoded after a restart does not know of peeks. */
static void peeks_leave_nothing_behind(void **state)
{
    (void)state;
    struct decoder *plain = open_decoder(), *d = open_decoder();
    for (int i = 0; i < PICTURES; i++) {
        if (i % GOP == 0) {
            for (int k = 5; i >= GOP && k < GOP; k += 9) {
                struct frame *rough = decoder_peek(d, &packets[i - GOP], &packets[i - GOP + k]);
                assert_non_null(rough);
                assert_null(decoder_pull(d));
                frame_unref(rough);
            }
            decoder_restart(d, false);
            decoder_restart(plain, false);
        }
        struct frame *a = decode(plain, i), *b = decode(d, i);
        assert_true(a && b && hash_of(a) == hash_of(b)); /* at once, not a picture later */
        assert_int_equal(frame_time_us(a), frame_time_us(b));
        frame_unref(a);
        frame_unref(b);
    }
    struct stream_info info = {0};
    decoder_info(d, &info);
    assert_true(info.frames == PICTURES && info.withheld == 0 && info.bad_packets == 0);
    decoder_close(plain);
    decoder_close(d);
}

static void rubbish_gives_nothing_or_rubbish(void **state)
{
    (void)state;
    struct decoder *d = open_decoder();
    seed = 9;
    for (int round = 0; round < 300; round++) {
        int i = 1 + (int)below(GOP - 1);
        AVPacket *bad = av_packet_clone(packets[i].av);
        assert_int_equal(av_packet_make_writable(bad), 0);
        for (int k = 0; k < 20; k++)
            bad->data[below((unsigned)bad->size)] = (uint8_t)below(256);
        struct packet p = packets[i];
        p.av = bad;
        frame_unref(decoder_peek(d, &packets[0], &p));
        frame_unref(decoder_peek(d, round % 7 ? &packets[0] : &p, &packets[i]));
        av_packet_free(&bad);
    }
    decoder_restart(d, false);
    struct frame *f = decode(d, 0);
    assert_non_null(f);
    frame_unref(f);
    decoder_close(d);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_peek_tells_whether_something_moves),
            cmocka_unit_test(peeks_leave_nothing_behind),
            cmocka_unit_test(rubbish_gives_nothing_or_rubbish),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
