#include "source/decoder.h"

#include "base/mem.h"
#include "base/mono.h"
#include "flow/frame.h"
#include "source/avlog.h"
#include "source/damage.h"
#include "source/timeline.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>

/* More packets than any decoder holds back (16 pictures in H.264 and H.265). */
#define ARRIVALS   64
#define CLOCK_STEP (MONO_SECOND / 10) /* more than the clock is slewed between two pictures */

struct decoder {
    /* set at birth */
    const struct stream *stream;
    bool intra_only; /* every picture of this codec is a key frame */
    AVCodecContext *codec;
    AVFrame *picture;
    /* owned by the camera's thread */
    struct damage damage;
    struct timeline timeline;
    struct timeline before; /* as it was at the last restart */
    uint64_t number;        /* of the latest packet */
    int64_t arrival_us[ARRIVALS];
    int64_t wall_offset_us; /* wall time minus track clock */
    bool too_large;
    int width, height;
    int pixel_format;
    uint64_t frames, bad_packets;
};

static int open_codec(struct decoder *d, const AVCodec *codec)
{
    d->codec = mem_check(avcodec_alloc_context3(codec));
    int r = avcodec_parameters_to_context(d->codec, d->stream->codec);
    if (r < 0)
        return r;
    d->codec->thread_count = 1; /* one camera, one thread; the log tells them apart by it */
    d->codec->pkt_timebase = (AVRational){d->stream->time_num, d->stream->time_den};
    d->codec->max_pixels = SOURCE_MAX_PIXELS;
    return avcodec_open2(d->codec, codec, NULL);
}

struct decoder *decoder_open(
        const struct stream *stream, enum source_fault *ret_fault, struct err *e)
{
    const AVCodec *codec = avcodec_find_decoder(stream->codec->codec_id);
    if (!codec) {
        *ret_fault = SOURCE_NO_VIDEO;
        err_set(e, -ENOSYS,
                "FFmpeg has no decoder for %s here; set the camera to H.264, H.265 or MJPEG",
                avcodec_get_name(stream->codec->codec_id));
        return NULL;
    }
    struct decoder *d = mem_new(1, sizeof(*d));
    d->stream = stream;
    d->wall_offset_us = stream->wall_us - stream->mono_us;
    d->picture = mem_check(av_frame_alloc());
    d->pixel_format = AV_PIX_FMT_NONE;
    const AVCodecDescriptor *what = avcodec_descriptor_get(codec->id);
    d->intra_only = what && (what->props & AV_CODEC_PROP_INTRA_ONLY);
    damage_init(&d->damage, stream->live && !d->intra_only);
    timeline_init(&d->timeline, stream->live, stream->mono_us, stream->fps);
    int r = open_codec(d, codec);
    if (r < 0) {
        *ret_fault = SOURCE_BROKEN;
        err_set(e, r, "the decoder for %s does not start with what the camera says of its stream",
                codec->name);
        decoder_close(d);
        return NULL;
    }
    return d;
}

void decoder_close(struct decoder *d)
{
    if (!d)
        return;
    avcodec_free_context(&d->codec);
    av_frame_free(&d->picture);
    free(d);
}

static enum source_fault fault_too_large(struct decoder *d, struct err *e)
{
    d->too_large = true;
    err_set(e, -E2BIG,
            "the picture is larger than %d pixels on a side or %d megapixels; choose a smaller "
            "stream of this source",
            SOURCE_MAX_SIDE, SOURCE_MAX_PIXELS / 1000000);
    return SOURCE_TOO_LARGE;
}

static int64_t packet_dts_us(const struct decoder *d, const AVPacket *p)
{
    int64_t ts = p->dts != AV_NOPTS_VALUE ? p->dts : p->pts;
    if (ts == AV_NOPTS_VALUE)
        return DAMAGE_NO_TIME;
    return av_rescale_q(ts, (AVRational){d->stream->time_num, d->stream->time_den}, AV_TIME_BASE_Q);
}

enum source_fault decoder_push(struct decoder *d, const struct packet *packet, struct err *e)
{
    if (d->too_large)
        return fault_too_large(d, e);
    if (packet) {
        d->number++;
        d->arrival_us[d->number % ARRIVALS] = packet->time_us;
        d->codec->reordered_opaque = (int64_t)d->number;
        damage_packet(&d->damage, d->number, packet_dts_us(d, packet->av), packet->damaged);
    }
    int r = avcodec_send_packet(d->codec, packet ? packet->av : NULL);
    bool complained = avlog_take_damage();
    if (r < 0 && r != AVERROR_EOF) {
        d->bad_packets++;
        complained = true;
    }
    if (complained)
        damage_error(&d->damage, d->number);
    if (avlog_take_too_large())
        return fault_too_large(d, e);
    return SOURCE_OK;
}

/* Takes the decoded picture's measure; false: beyond what is allowed. */
static bool note_picture(struct decoder *d)
{
    const AVFrame *p = d->picture;
    d->frames++;
    d->width = p->width;
    d->height = p->height;
    d->pixel_format = p->format;
    d->too_large = p->width > SOURCE_MAX_SIDE || p->height > SOURCE_MAX_SIDE;
    return !d->too_large;
}

/*
 * A file is anchored when it is opened. A live stream stands for months, and the clock may have
 * been wrong when it began: after a step of the wall clock it follows, and who is in the picture
 * keeps the offset with which he came (emit/emitter.h).
 */
static int64_t wall_of(struct decoder *d, int64_t time_us)
{
    int64_t offset = mono_wall_us() - mono_us();
    if (d->stream->live && llabs(offset - d->wall_offset_us) > CLOCK_STEP)
        d->wall_offset_us = offset;
    return time_us + d->wall_offset_us;
}

/* Every decoded picture takes its place in time, also those that are withheld. */
static int64_t picture_time(struct decoder *d, uint64_t number)
{
    int64_t stamp = d->picture->best_effort_timestamp;
    AVRational unit = {d->stream->time_num, d->stream->time_den};
    stamp = stamp == AV_NOPTS_VALUE ? TIMELINE_NONE : av_rescale_q(stamp, unit, AV_TIME_BASE_Q);
    return timeline_next(&d->timeline, stamp, d->arrival_us[number % ARRIVALS]);
}

struct frame *decoder_pull(struct decoder *d)
{
    for (;;) {
        int r = d->too_large ? AVERROR(EAGAIN) : avcodec_receive_frame(d->codec, d->picture);
        if (avlog_take_damage())
            damage_error(&d->damage, d->number);
        if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
            return NULL;
        if (r < 0) {
            d->bad_packets++;
            damage_error(&d->damage, d->number);
            return NULL;
        }
        const AVFrame *p = d->picture;
        uint64_t number = (uint64_t)p->reordered_opaque;
        bool key = p->key_frame || d->intra_only;
        bool flagged = (p->flags & AV_FRAME_FLAG_CORRUPT) || p->decode_error_flags;
        bool pass = note_picture(d) && damage_frame(&d->damage, number, key, flagged);
        int64_t time = picture_time(d, number);
        int64_t wall = wall_of(d, time);
        struct frame *f = pass ? frame_new(d->picture, time, wall) : NULL;
        av_frame_unref(d->picture);
        if (f)
            return f;
    }
}

void decoder_restart(struct decoder *d, bool rewind)
{
    avcodec_flush_buffers(d->codec);
    damage_restart(&d->damage, d->number);
    if (rewind)
        d->timeline = d->before;
    d->before = d->timeline;
}

void decoder_spare(struct decoder *d, bool spare)
{
    d->codec->skip_loop_filter = spare ? AVDISCARD_ALL : AVDISCARD_DEFAULT;
    d->codec->skip_frame = spare ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
}

void decoder_info(const struct decoder *d, struct stream_info *info)
{
    const char *format = av_get_pix_fmt_name(d->pixel_format);
    (void)snprintf(info->pixel_format, sizeof(info->pixel_format), "%s", format ? format : "");
    info->width = d->width;
    info->height = d->height;
    info->frames = d->frames;
    info->withheld = d->damage.withheld;
    info->damages = d->damage.events;
    info->bad_packets = d->bad_packets;
}
