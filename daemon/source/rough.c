#include "source/rough.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "source/avlog.h"
#include "source/stream.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>

struct rough {
    int64_t key_us;  /* nothing but the key frame of this time is inside, or ROUGH_NOTHING */
    AVFrame *latest; /* the buffer that was asked for last */
    AVFrame *unused; /* what is given out all the same */
};

struct rough *rough_new(void)
{
    struct rough *r = mem_new(1, sizeof(*r));
    r->key_us = ROUGH_NOTHING;
    r->latest = mem_check(av_frame_alloc());
    r->unused = mem_check(av_frame_alloc());
    return r;
}

void rough_free(struct rough *r)
{
    if (!r)
        return;
    av_frame_free(&r->latest);
    av_frame_free(&r->unused);
    free(r);
}

void rough_inside(struct rough *r, int64_t key_us)
{
    r->key_us = key_us;
}

/* A rough picture stands out of order, so that libav does not give it out. It lies in the buffer
 * for which the decoder asked last, after those for the pictures that it misses. */
static int on_buffer(AVCodecContext *codec, AVFrame *f, int flags)
{
    struct rough *r = codec->opaque;
    int code = avcodec_default_get_buffer2(codec, f, flags);
    if (code < 0)
        return code;
    av_frame_unref(r->latest);
    return av_frame_ref(r->latest, f);
}

/* Decodes it and takes nothing of it. */
static bool feed(struct rough *r, AVCodecContext *codec, const AVPacket *p)
{
    bool fed = avcodec_send_packet(codec, p) >= 0;
    while (avcodec_receive_frame(codec, r->unused) >= 0)
        av_frame_unref(r->unused);
    return fed;
}

static bool feed_key(struct rough *r, AVCodecContext *codec, const struct packet *key)
{
    if (r->key_us == key->time_us)
        return true;
    avcodec_flush_buffers(codec);
    bool fed = feed(r, codec, key->av);
    r->key_us = fed ? key->time_us : ROUGH_NOTHING;
    return fed;
}

/* The decoder's buffers are its own business again afterwards. */
static bool feed_watched(struct rough *r, AVCodecContext *codec, const AVPacket *p)
{
    codec->opaque = r;
    codec->get_buffer2 = on_buffer;
    bool fed = feed(r, codec, p);
    codec->get_buffer2 = avcodec_default_get_buffer2;
    codec->opaque = NULL;
    return fed;
}

static struct frame *take_latest(struct rough *r, const AVCodecContext *codec, int64_t time_us)
{
    AVFrame *f = r->latest;
    /* It has room for whole blocks; what the codec says by now may be of another picture. */
    f->width = codec->width < f->width ? codec->width : f->width;
    f->height = codec->height < f->height ? codec->height : f->height;
    return f->buf[0] && f->width > 0 && f->height > 0 ? frame_new(f, time_us, time_us) : NULL;
}

struct frame *rough_peek(struct rough *r, AVCodecContext *codec, const struct packet *key,
        const struct packet *packet)
{
    int reorder = codec->has_b_frames; /* is learned from the order of pictures, and this is none */
    enum AVDiscard filter = codec->skip_loop_filter, skip = codec->skip_frame;
    codec->skip_frame = AVDISCARD_DEFAULT;
    bool ready = feed_key(r, codec, key);
    codec->skip_loop_filter = AVDISCARD_ALL;
    ready = ready && feed_watched(r, codec, packet->av);
    codec->skip_loop_filter = filter;
    codec->skip_frame = skip;
    codec->has_b_frames = reorder;
    struct frame *f = ready ? take_latest(r, codec, packet->time_us) : NULL;
    av_frame_unref(r->latest);
    (void)avlog_take_damage();
    return f;
}
