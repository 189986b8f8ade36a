/* needs: source/decoder source/engine source/hardware source/avlog source/damage source/rough source/timeline flow/frame base/err base/log base/mem base/mono base/redact base/thread base/url */
/*
 * A camera's stream, changed on its way: which codec, then what is done to its packets one after
 * another - bits, lengths, order, parameter sets, what was never video. Whatever arrives, frames
 * have a size within the bounds or none come, and the decoder can be peeked into, begun anew and
 * closed.
 */
#include "base/log.h"
#include "flow/frame.h"
#include "fuzz.h"
#include "source/decoder.h"
#include "source/source.h"

#include <libavcodec/avcodec.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>

#define W        96
#define H        64
#define PICTURES 16
#define STREAMS  3

/* x265's encoder, which makes the stream, forgets some lines once. */
const char *__lsan_default_suppressions(void);
__attribute__((used)) const char *__lsan_default_suppressions(void)
{
    return "leak:libx265";
}

static struct whole {
    AVCodecParameters *params;
    int n;
    AVPacket *packets[PICTURES + 4];
} whole[STREAMS];

static void paint(AVFrame *f, int number)
{
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++)
            f->data[0][y * f->linesize[0] + x] = (uint8_t)(x * 3 + y * (number % 5 + 1));
    }
    for (int k = 1; k < 3; k++) {
        for (int y = 0; y < H / 2; y++)
            memset(f->data[k] + (ptrdiff_t)y * f->linesize[k], 100 + k * 20 + number, W / 2);
    }
}

static void collect(AVCodecContext *enc, struct whole *w)
{
    AVPacket *p = av_packet_alloc();
    while (w->n < PICTURES && avcodec_receive_packet(enc, p) == 0) {
        w->packets[w->n++] = av_packet_clone(p);
        av_packet_unref(p);
    }
    av_packet_free(&p);
}

/* An encoder that is not there leaves its stream empty, and the target does nothing with it. */
static void film(const char *encoder, enum AVPixelFormat format, struct whole *w)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(encoder);
    if (!codec)
        return;
    AVCodecContext *enc = avcodec_alloc_context3(codec);
    enc->width = W;
    enc->height = H;
    enc->pix_fmt = format;
    enc->time_base = (AVRational){1, 25};
    enc->gop_size = 8;
    enc->thread_count = 1;
    (void)av_opt_set(enc->priv_data, "preset", "ultrafast", 0);
    (void)av_opt_set(enc->priv_data, "x264-params", "log-level=none:threads=1", 0);
    (void)av_opt_set(enc->priv_data, "x265-params", "log-level=none:pools=none:frame-threads=1", 0);
    HOLDS(avcodec_open2(enc, codec, NULL) == 0);
    AVFrame *f = av_frame_alloc();
    f->format = format;
    f->width = W;
    f->height = H;
    HOLDS(av_frame_get_buffer(f, 0) == 0);
    for (int i = 0; i < PICTURES; i++) {
        HOLDS(av_frame_make_writable(f) == 0);
        paint(f, i);
        f->pts = i;
        HOLDS(avcodec_send_frame(enc, f) == 0);
        collect(enc, w);
    }
    (void)avcodec_send_frame(enc, NULL);
    collect(enc, w);
    w->params = avcodec_parameters_alloc();
    HOLDS(avcodec_parameters_from_context(w->params, enc) >= 0);
    av_frame_free(&f);
    avcodec_free_context(&enc);
}

static void begin(void)
{
    log_open(LEVEL_NONE);
    source_log_init();
    film("libx264", AV_PIX_FMT_YUV420P, &whole[0]);
    film("libx265", AV_PIX_FMT_YUV420P, &whole[1]);
    film("mjpeg", AV_PIX_FMT_YUVJ420P, &whole[2]);
}

static void judge(struct frame *f)
{
    HOLDS(frame_width(f) > 0 && frame_width(f) <= FRAME_MAX_SIDE);
    HOLDS(frame_height(f) > 0 && frame_height(f) <= FRAME_MAX_SIDE);
    struct luma l;
    if (frame_luma(f, &l)) { /* each corner can be read */
        size_t last = (size_t)(l.height - 1) * (size_t)abs(l.stride) +
                      (size_t)(l.width - 1) * (size_t)l.step;
        volatile uint8_t seen = l.data[0];
        seen = l.stride > 0 ? l.data[last] : seen;
    }
    frame_unref(f);
}

enum {
    KEEP,
    FLIP,
    CUT,
    INSERT,
    TWICE,
    SKIP,
    STRANGE,
    RESTART,
    PEEK,
    SPARE,
    STAMP,
    ACTIONS
};

/* What becomes of one packet. */
static void change(struct input *in, int what, AVPacket *p)
{
    size_t at = p->size ? take_short(in) % (size_t)p->size : 0;
    switch (what) {
    case FLIP:
        for (int k = 1 + take_byte(in) % 8; k > 0 && p->size; k--)
            p->data[take_short(in) % (size_t)p->size] ^= take_byte(in);
        break;
    case CUT: p->size = (int)at; break;
    case INSERT:
        for (int k = take_byte(in) % 32; k > 0 && at < (size_t)p->size; k--)
            p->data[at++] = take_byte(in);
        break;
    case STRANGE: /* nothing of it is left: NAL units of the fuzzer's own */
        at = take_byte(in);
        at = at < (size_t)p->size ? at : (size_t)p->size;
        take(in, p->data, at);
        p->size = (int)at;
        break;
    case STAMP: p->pts = p->dts = take_int(in); break;
    default: break;
    }
    memset(p->data + p->size, 0, p->size ? 1 : 0);
}

static bool push(struct decoder *d, AVPacket *av, int64_t *now)
{
    struct err e = {0};
    struct packet p = {.av = av,
            .time_us = *now += 40000,
            .size = av->size,
            .key = av->flags & AV_PKT_FLAG_KEY,
            .stamp_us = INT64_MIN};
    enum source_fault fault = decoder_push(d, &p, &e);
    struct frame *f;
    while ((f = decoder_pull(d)))
        judge(f);
    return fault == SOURCE_OK;
}

static void play(struct input *in, const struct whole *w, bool live)
{
    struct stream stream = {
            .codec = w->params, .time_num = 1, .time_den = 25, .fps = 25, .live = live};
    enum source_fault fault = SOURCE_OK;
    struct err e = {0};
    struct decoder *d = decoder_open(&stream, NULL, &fault, &e);
    int64_t now = 1000000;
    if (!d)
        return;
    bool goes = true;
    for (int i = 0, at = 0; i < 3 * PICTURES && goes && (in->left > 0 || at < w->n); i++) {
        int what = in->left ? take_byte(in) % ACTIONS : KEEP;
        AVPacket *p = av_packet_clone(w->packets[at % w->n]);
        HOLDS(p && av_packet_make_writable(p) == 0);
        change(in, what, p);
        if (what == RESTART)
            decoder_restart(d, take_byte(in) & 1);
        if (what == SPARE)
            decoder_spare(d, take_byte(in) & 1, take_byte(in) & 1);
        if (what == PEEK) {
            struct packet key = {.av = w->packets[0], .size = w->packets[0]->size, .key = true};
            struct packet one = {.av = p, .size = p->size, .time_us = now};
            struct frame *f = decoder_peek(d, &key, &one);
            if (f)
                judge(f);
        } else if (what != SKIP) {
            goes = push(d, p, &now);
        }
        at += what != TWICE;
        av_packet_free(&p);
    }
    (void)decoder_push(d, NULL, &e);
    struct frame *f;
    while ((f = decoder_pull(d)))
        judge(f);
    struct stream_info info = {0};
    decoder_info(d, &info);
    decoder_close(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    if (!whole[2].params)
        begin();
    uint8_t what = take_byte(&in);
    const struct whole *w = &whole[what % STREAMS];
    if (w->n > 0)
        play(&in, w, what & 0x80);
    return 0;
}
