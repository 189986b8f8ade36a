#include "source/decoder.h"

#include "base/mem.h"
#include "base/mono.h"
#include "flow/frame.h"
#include "source/avlog.h"
#include "source/damage.h"
#include "source/engine.h"
#include "source/rough.h"
#include "source/timeline.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>

#define CLOCK_STEP (MONO_SECOND / 10) /* more than the clock is slewed between two pictures */

struct decoder {
    /* set at birth */
    const struct stream *stream;
    bool intra_only; /* every picture of this codec is a key frame */
    struct engine *engine;
    struct rough *rough;
    AVFrame *picture;
    /* owned by the camera's thread */
    int64_t time_us; /* of the picture that may be taken */
    struct damage damage;
    struct timeline timeline;
    struct timeline before; /* as it was at the last restart */
    uint64_t number;        /* of the latest packet */
    int64_t arrival_us[ENGINE_HELD];
    int64_t wall_offset_us; /* wall time minus track clock */
    bool too_large;
    int width, height;
    int pixel_format;
    uint64_t frames, bad_packets;
    bool stale; /* what is inside is forgotten with the next push */
};

/* ------------------------------------------------------------- opening --- */

struct decoder *decoder_open(const struct stream *stream, const char *hwaccel,
        enum source_fault *ret_fault, struct err *e)
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
    d->rough = rough_new();
    d->pixel_format = AV_PIX_FMT_NONE;
    const AVCodecDescriptor *what = avcodec_descriptor_get(codec->id);
    d->intra_only = what && (what->props & AV_CODEC_PROP_INTRA_ONLY);
    damage_init(&d->damage, stream->live && !d->intra_only);
    timeline_init(&d->timeline, stream->live, stream->mono_us, stream->fps);
    int r = 0;
    d->engine = engine_open(stream, hwaccel, &r);
    if (!d->engine) {
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
    engine_close(d->engine);
    rough_free(d->rough);
    av_frame_free(&d->picture);
    free(d);
}

/* ------------------------------------------------------------- packets --- */

static enum source_fault fault_too_large(struct decoder *d, struct err *e)
{
    d->too_large = true;
    err_set(e, -E2BIG,
            "the picture is larger than " FRAME_MAX_WORDS
            "; choose a smaller stream of this source");
    return SOURCE_TOO_LARGE;
}

static int64_t packet_dts_us(const struct decoder *d, const AVPacket *p)
{
    int64_t ts = p->dts != AV_NOPTS_VALUE ? p->dts : p->pts;
    if (ts == AV_NOPTS_VALUE)
        return DAMAGE_NO_TIME;
    return av_rescale_q(ts, (AVRational){d->stream->time_num, d->stream->time_den}, AV_TIME_BASE_Q);
}

/*
 * Where software takes the hardware's place, what follows the packet of this number may be whole
 * again. Asked after each step that can fail, and before the next packet or complaint is noted: a
 * key frame with which all begins anew must not count as one that came before.
 */
static bool heed_change(struct decoder *d, uint64_t number)
{
    if (!engine_changed(d->engine))
        return false;
    rough_inside(d->rough, ROUGH_NOTHING);
    damage_restart(&d->damage, number);
    return true;
}

/* Forgets what is inside, when that was asked for. */
static void freshen(struct decoder *d)
{
    if (!d->stale)
        return;
    d->stale = false;
    engine_restart(d->engine);
    (void)heed_change(d, d->number);
}

static int send(struct decoder *d, const struct packet *packet)
{
    uint64_t before = d->number;
    if (packet) {
        d->number++;
        d->arrival_us[d->number % ENGINE_HELD] = packet->time_us;
        damage_packet(&d->damage, d->number, packet_dts_us(d, packet->av), packet->damaged);
    }
    int r = engine_send(d->engine, packet, d->number);
    (void)heed_change(d, before); /* the other decoder begins with this one */
    return r;
}

enum source_fault decoder_push(struct decoder *d, const struct packet *packet, struct err *e)
{
    if (d->too_large)
        return fault_too_large(d, e);
    bool first = d->stale && packet && packet->key;
    freshen(d);
    rough_inside(d->rough, first ? packet->time_us : ROUGH_NOTHING);
    int r = send(d, packet);
    bool complained = avlog_take_damage();
    if (r < 0 && r != AVERROR_EOF) {
        d->bad_packets++;
        complained = true;
    }
    if (complained)
        damage_error(&d->damage, d->number);
    if (avlog_take_too_large())
        return fault_too_large(d, e);
    if (engine_works(d->engine))
        return SOURCE_OK;
    err_set(e, r, "%s; and no other decoder starts", engine_trouble(d->engine));
    return SOURCE_BROKEN;
}

/* ------------------------------------------------------------- pictures --- */

/* Takes the decoded picture's measure; false: beyond what is allowed. */
static bool note_picture(struct decoder *d)
{
    const AVFrame *p = d->picture;
    d->frames++;
    d->width = p->width;
    d->height = p->height;
    d->pixel_format = p->format;
    d->too_large = p->width > FRAME_MAX_SIDE || p->height > FRAME_MAX_SIDE;
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
    return timeline_next(&d->timeline, stamp, d->arrival_us[number % ENGINE_HELD]);
}

bool decoder_next(struct decoder *d, int64_t *ret_time_us)
{
    for (;;) {
        uint64_t number;
        av_frame_unref(d->picture);
        int r = d->too_large || d->stale ? AVERROR(EAGAIN)
                                         : engine_receive(d->engine, d->picture, &number);
        if (heed_change(d, d->number))
            return false;
        if (avlog_take_damage())
            damage_error(&d->damage, d->number);
        if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
            return false;
        if (r < 0) {
            d->bad_packets++;
            damage_error(&d->damage, d->number);
            return false;
        }
        const AVFrame *p = d->picture;
        bool key = p->key_frame || d->intra_only;
        bool flagged = (p->flags & AV_FRAME_FLAG_CORRUPT) || p->decode_error_flags;
        bool pass = note_picture(d) && damage_frame(&d->damage, number, key, flagged);
        d->time_us = picture_time(d, number);
        *ret_time_us = d->time_us;
        if (pass)
            return true;
    }
}

struct frame *decoder_take(struct decoder *d)
{
    if (!engine_fetch(d->engine, d->picture)) {
        (void)heed_change(d, d->number);
        return NULL;
    }
    d->pixel_format = d->picture->format;
    return frame_new(d->picture, d->time_us, wall_of(d, d->time_us));
}

struct frame *decoder_pull(struct decoder *d)
{
    int64_t time_us;
    while (decoder_next(d, &time_us)) {
        struct frame *f = decoder_take(d);
        if (f)
            return f;
    }
    return NULL;
}

/* ------------------------------------------------------------- settings --- */

void decoder_restart(struct decoder *d, bool rewind)
{
    av_frame_unref(d->picture);
    d->stale = true;
    damage_restart(&d->damage, d->number);
    if (rewind)
        d->timeline = d->before;
    d->before = d->timeline;
}

bool decoder_can_peek(const struct decoder *d)
{
    return d->stream->codec->codec_id == AV_CODEC_ID_H264 && engine_software(d->engine);
}

struct frame *decoder_peek(struct decoder *d, const struct packet *key, const struct packet *packet)
{
    if (!decoder_can_peek(d))
        return NULL;
    d->stale = true;
    return rough_peek(d->rough, engine_software(d->engine), key, packet);
}

void decoder_spare(struct decoder *d, bool filter, bool pictures)
{
    engine_spare(d->engine, filter, pictures);
}

const char *decoder_trouble(const struct decoder *d)
{
    return engine_trouble(d->engine);
}

void decoder_info(const struct decoder *d, struct stream_info *info)
{
    const char *format = av_get_pix_fmt_name(d->pixel_format);
    (void)snprintf(info->pixel_format, sizeof(info->pixel_format), "%s", format ? format : "");
    engine_name(d->engine, info->decoder, sizeof(info->decoder));
    info->width = d->width;
    info->height = d->height;
    info->frames = d->frames;
    info->withheld = d->damage.withheld;
    info->damages = d->damage.events;
    info->bad_packets = d->bad_packets;
}
