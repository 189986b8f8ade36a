#include "source/decoder.h"

#include "base/mem.h"
#include "base/mono.h"
#include "flow/frame.h"
#include "source/avlog.h"
#include "source/damage.h"
#include "source/hardware.h"
#include "source/timeline.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More packets than any decoder holds back (16 pictures in H.264 and H.265). */
#define ARRIVALS 64
/* So many from a key frame on without one picture: this hardware will give none. */
#define SILENCE    ARRIVALS
#define NOTHING    INT64_MIN
#define CLOCK_STEP (MONO_SECOND / 10) /* more than the clock is slewed between two pictures */

struct decoder {
    /* set at birth */
    const struct stream *stream;
    const char *hwaccel;
    bool intra_only; /* every picture of this codec is a key frame */
    AVFrame *picture;
    /* owned by the camera's thread */
    AVCodecContext *codec;
    struct hardware *hardware; /* NULL: libav's own decoder */
    struct err trouble;        /* why it is, where hardware was asked for */
    bool spare_filter, spare_pictures;
    int silence;     /* packets since a key frame that gave no picture; -1: no key frame yet */
    bool foreign;    /* the latest picture was the hardware's */
    int64_t time_us; /* of the picture that may be taken */
    struct damage damage;
    struct timeline timeline;
    struct timeline before; /* as it was at the last restart */
    uint64_t number;        /* of the latest packet */
    int64_t arrival_us[ARRIVALS];
    int64_t pts[ARRIVALS];
    int64_t wall_offset_us; /* wall time minus track clock */
    bool too_large;
    int width, height;
    int pixel_format;
    uint64_t frames, bad_packets;
    bool stale;      /* what is inside is forgotten with the next push */
    int64_t key_us;  /* nothing but the key frame of this time is inside, or NOTHING */
    AVFrame *latest; /* while peeking: the buffer that was asked for last */
    bool peeking;
};

/* A rough picture stands out of order, so that libav does not give it out. It lies in the buffer
 * for which the decoder asked last, after those for the pictures that it misses. */
static int on_buffer(AVCodecContext *codec, AVFrame *f, int flags)
{
    struct decoder *d = codec->opaque;
    int r = avcodec_default_get_buffer2(codec, f, flags);
    if (r < 0 || !d->peeking)
        return r;
    av_frame_unref(d->latest);
    return av_frame_ref(d->latest, f);
}

static void apply_spare(struct decoder *d)
{
    d->codec->skip_loop_filter = d->spare_filter ? AVDISCARD_ALL : AVDISCARD_DEFAULT;
    d->codec->skip_frame = d->spare_pictures ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
}

/* By the hardware, if there is any. */
static int open_codec(struct decoder *d)
{
    const AVCodec *codec = d->hardware ? hardware_codec(d->hardware)
                                       : avcodec_find_decoder(d->stream->codec->codec_id);
    avcodec_free_context(&d->codec);
    d->codec = mem_check(avcodec_alloc_context3(codec));
    int r = avcodec_parameters_to_context(d->codec, d->stream->codec);
    if (r < 0)
        return r;
    d->codec->thread_type = FF_THREAD_SLICE; /* with one thread no threads at all */
    d->codec->thread_count = 1; /* one camera, one thread; the log tells them apart by it */
    d->codec->pkt_timebase = (AVRational){d->stream->time_num, d->stream->time_den};
    d->codec->max_pixels = SOURCE_MAX_PIXELS;
    apply_spare(d);
    d->key_us = NOTHING;
    if (d->hardware)
        hardware_prepare(d->hardware, d->codec);
    if (decoder_can_peek(d)) {
        d->codec->opaque = d;
        d->codec->get_buffer2 = on_buffer;
    }
    return avcodec_open2(d->codec, codec, NULL);
}

/* ------------------------------------------------------------- hardware that fails --- */

static void note_trouble(struct decoder *d, int code, const char *what)
{
    char why[AV_ERROR_MAX_STRING_SIZE] = "";
    if (code)
        (void)av_strerror(code, why, sizeof(why));
    err_set(&d->trouble, code, "%s%s%s", what, *why ? ": " : "", why);
}

/* From here on without the hardware; what follows the packet of this number may be whole again. */
static int fall_back(struct decoder *d, uint64_t number)
{
    avcodec_free_context(&d->codec); /* which knows the hardware */
    hardware_free(d->hardware);
    d->hardware = NULL;
    d->foreign = false;
    avlog_take_damage(); /* the hardware's, not the stream's */
    damage_restart(&d->damage, number);
    return open_codec(d);
}

static int fail_hardware(struct decoder *d, int code, const char *what)
{
    note_trouble(d, code, what);
    return fall_back(d, d->number);
}

/* Damaged data are the stream's fault, and everything else is not. */
static bool is_failure(const struct decoder *d, int r)
{
    return d->hardware && r < 0 && r != AVERROR_INVALIDDATA && r != AVERROR(EAGAIN) &&
           r != AVERROR_EOF;
}

static int open_by_hardware(struct decoder *d)
{
    if (hardware_wanted(d->hwaccel))
        d->hardware = hardware_open(d->hwaccel, d->stream->codec->codec_id, &d->trouble);
    int r = open_codec(d);
    return d->hardware && r < 0 ? fail_hardware(d, r, "the decoder cannot be opened") : r;
}

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
    d->hwaccel = hwaccel;
    d->silence = -1;
    d->wall_offset_us = stream->wall_us - stream->mono_us;
    d->picture = mem_check(av_frame_alloc());
    d->latest = mem_check(av_frame_alloc());
    d->key_us = NOTHING;
    d->pixel_format = AV_PIX_FMT_NONE;
    const AVCodecDescriptor *what = avcodec_descriptor_get(codec->id);
    d->intra_only = what && (what->props & AV_CODEC_PROP_INTRA_ONLY);
    damage_init(&d->damage, stream->live && !d->intra_only);
    timeline_init(&d->timeline, stream->live, stream->mono_us, stream->fps);
    int r = open_by_hardware(d);
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
    hardware_free(d->hardware);
    av_frame_free(&d->picture);
    av_frame_free(&d->latest);
    free(d);
}

/* ------------------------------------------------------------- packets --- */

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

static int send(struct decoder *d, const struct packet *packet)
{
    d->codec->reordered_opaque = (int64_t)d->number;
    return avcodec_send_packet(d->codec, packet ? packet->av : NULL);
}

/* Hardware that fails on a key frame costs nothing: the other decoder begins with it. */
static int send_somehow(struct decoder *d, const struct packet *packet)
{
    if (d->silence >= 0 || (packet && packet->key))
        d->silence += packet ? 1 : SILENCE / 4; /* what is drained has no excuse */
    int r = send(d, packet);
    bool silent = d->hardware && d->silence > SILENCE;
    if (!is_failure(d, r) && !silent)
        return r;
    note_trouble(d, silent ? 0 : r, silent ? "it gives out no pictures" : "it failed on a packet");
    r = fall_back(d, packet ? d->number - 1 : d->number);
    return r < 0 ? r : send(d, packet);
}

/* Forgets what is inside, when that was asked for. */
static void freshen(struct decoder *d)
{
    if (!d->stale)
        return;
    d->stale = false;
    bool anew = d->hardware && hardware_drains_once(d->hardware);
    if (anew && open_codec(d) < 0)
        (void)fail_hardware(d, 0, "the decoder cannot be opened again");
    else if (!anew && avcodec_is_open(d->codec))
        avcodec_flush_buffers(d->codec);
}

enum source_fault decoder_push(struct decoder *d, const struct packet *packet, struct err *e)
{
    if (d->too_large)
        return fault_too_large(d, e);
    bool first = d->stale && packet && packet->key;
    freshen(d);
    d->key_us = first ? packet->time_us : NOTHING;
    if (packet) {
        d->number++;
        d->arrival_us[d->number % ARRIVALS] = packet->time_us;
        d->pts[d->number % ARRIVALS] = packet->av->pts;
        damage_packet(&d->damage, d->number, packet_dts_us(d, packet->av), packet->damaged);
    }
    int r = send_somehow(d, packet);
    bool complained = avlog_take_damage();
    if (r < 0 && r != AVERROR_EOF) {
        d->bad_packets++;
        complained = true;
    }
    if (complained)
        damage_error(&d->damage, d->number);
    if (avlog_take_too_large())
        return fault_too_large(d, e);
    if (avcodec_is_open(d->codec))
        return SOURCE_OK;
    err_set(e, r, "%s; and no other decoder starts", d->trouble.text);
    return SOURCE_BROKEN;
}

/* ------------------------------------------------------------- pictures --- */

/* libav decodes it after all: by the device it could not, or the device said no. */
static void note_refusal(struct decoder *d)
{
    const char *profile = avcodec_profile_name(d->codec->codec_id, d->codec->profile);
    err_set(&d->trouble, -ENOTSUP, "it does not take %s of this kind (%s, %s)",
            avcodec_get_name(d->codec->codec_id), profile ? profile : "an unknown profile",
            av_get_pix_fmt_name(d->picture->format));
}

/* Takes the decoded picture's measure; false: beyond what is allowed. */
static bool note_picture(struct decoder *d)
{
    const AVFrame *p = d->picture;
    d->frames++;
    d->silence = 0;
    d->foreign = d->hardware && hardware_made(d->hardware, p);
    if (d->hardware && !d->foreign && !d->trouble.code)
        note_refusal(d);
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

/* Of the packet that the picture came in. */
static uint64_t number_of(const struct decoder *d)
{
    uint64_t number = (uint64_t)d->picture->reordered_opaque;
    if (!d->hardware || !hardware_wraps(d->hardware))
        return number;
    for (uint64_t n = d->number; n > 0 && n + ARRIVALS > d->number; n--) {
        if (d->pts[n % ARRIVALS] == d->picture->pts)
            return n;
    }
    return d->number;
}

bool decoder_next(struct decoder *d, int64_t *ret_time_us)
{
    for (;;) {
        av_frame_unref(d->picture);
        int r = d->too_large || d->stale ? AVERROR(EAGAIN)
                                         : avcodec_receive_frame(d->codec, d->picture);
        if (is_failure(d, r)) {
            (void)fail_hardware(d, r, "it failed on a picture");
            return false;
        }
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
        uint64_t number = number_of(d);
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
    int64_t wall = wall_of(d, d->time_us);
    int r = d->foreign ? hardware_fetch(d->hardware, d->picture) : 0;
    if (r < 0 && r != AVERROR(ENOMEM)) {
        av_frame_unref(d->picture);
        (void)fail_hardware(d, r, "its picture cannot be fetched");
        return NULL;
    }
    d->pixel_format = d->picture->format;
    return r < 0 ? NULL : frame_new(d->picture, d->time_us, wall);
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
    return d->stream->codec->codec_id == AV_CODEC_ID_H264 && !d->hardware;
}

/* Decodes it and takes nothing of it. */
static bool feed(struct decoder *d, const AVPacket *p)
{
    bool fed = avcodec_send_packet(d->codec, p) >= 0;
    while (avcodec_receive_frame(d->codec, d->picture) >= 0)
        av_frame_unref(d->picture);
    return fed;
}

static struct frame *take_latest(struct decoder *d, int64_t time_us)
{
    AVFrame *f = d->latest;
    /* It has room for whole blocks; what the codec says by now may be of another picture. */
    f->width = d->codec->width < f->width ? d->codec->width : f->width;
    f->height = d->codec->height < f->height ? d->codec->height : f->height;
    return f->buf[0] && f->width > 0 && f->height > 0 ? frame_new(f, time_us, time_us) : NULL;
}

struct frame *decoder_peek(struct decoder *d, const struct packet *key, const struct packet *packet)
{
    AVCodecContext *codec = d->codec;
    int reorder = codec->has_b_frames; /* is learned from the order of pictures, and this is none */
    enum AVDiscard filter = codec->skip_loop_filter, skip = codec->skip_frame;
    bool ready = d->key_us == key->time_us;
    if (!decoder_can_peek(d))
        return NULL;
    d->stale = true;
    codec->skip_frame = AVDISCARD_DEFAULT;
    if (!ready) {
        avcodec_flush_buffers(codec);
        ready = feed(d, key->av);
        d->key_us = ready ? key->time_us : NOTHING;
    }
    codec->skip_loop_filter = AVDISCARD_ALL;
    d->peeking = true;
    ready = ready && feed(d, packet->av);
    d->peeking = false;
    codec->skip_loop_filter = filter;
    codec->skip_frame = skip;
    codec->has_b_frames = reorder;
    struct frame *f = ready ? take_latest(d, packet->time_us) : NULL;
    av_frame_unref(d->latest);
    (void)avlog_take_damage();
    return f;
}

void decoder_spare(struct decoder *d, bool filter, bool pictures)
{
    d->spare_filter = filter;
    d->spare_pictures = pictures;
    apply_spare(d);
}

const char *decoder_trouble(const struct decoder *d)
{
    return d->trouble.text[0] ? d->trouble.text : NULL;
}

void decoder_info(const struct decoder *d, struct stream_info *info)
{
    const char *format = av_get_pix_fmt_name(d->pixel_format);
    (void)snprintf(info->pixel_format, sizeof(info->pixel_format), "%s", format ? format : "");
    (void)snprintf(info->decoder, sizeof(info->decoder), "%.*s",
            (int)(d->foreign ? strcspn(d->hwaccel, ":") : 8), d->foreign ? d->hwaccel : "software");
    info->width = d->width;
    info->height = d->height;
    info->frames = d->frames;
    info->withheld = d->damage.withheld;
    info->damages = d->damage.events;
    info->bad_packets = d->bad_packets;
}
