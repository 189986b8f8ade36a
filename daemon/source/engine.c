#include "source/engine.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "source/avlog.h"
#include "source/fault.h"
#include "source/hardware.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many from a key frame on without one picture: this hardware will give none. */
#define SILENCE ENGINE_HELD

struct engine {
    /* set at birth */
    const struct stream *stream;
    const char *hwaccel;
    /* owned by the decoder's thread */
    AVCodecContext *codec;
    struct hardware *hardware; /* NULL: libav's own decoder */
    struct err trouble;        /* why it is, where hardware was asked for */
    bool changed;              /* from the one to the other, and nobody was told yet */
    bool foreign;              /* the latest picture was the hardware's */
    bool spare_filter, spare_pictures;
    int silence;     /* packets since a key frame that gave no picture; -1: no key frame yet */
    uint64_t number; /* of the latest packet */
    int64_t pts[ENGINE_HELD];
};

/* ------------------------------------------------------------- opening --- */

static void apply_spare(struct engine *e)
{
    e->codec->skip_loop_filter = e->spare_filter ? AVDISCARD_ALL : AVDISCARD_DEFAULT;
    e->codec->skip_frame = e->spare_pictures ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
}

/* By the hardware, if there is any. */
static int open_codec(struct engine *e)
{
    const AVCodec *codec = e->hardware ? hardware_codec(e->hardware)
                                       : avcodec_find_decoder(e->stream->codec->codec_id);
    avcodec_free_context(&e->codec);
    e->codec = mem_check(avcodec_alloc_context3(codec));
    int r = avcodec_parameters_to_context(e->codec, e->stream->codec);
    if (r < 0)
        return r;
    e->codec->thread_type = FF_THREAD_SLICE; /* with one thread no threads at all */
    e->codec->thread_count = 1; /* one camera, one thread; the log tells them apart by it */
    e->codec->pkt_timebase = (AVRational){e->stream->time_num, e->stream->time_den};
    e->codec->max_pixels = FRAME_MAX_PIXELS;
    apply_spare(e);
    if (e->hardware)
        hardware_prepare(e->hardware, e->codec);
    return avcodec_open2(e->codec, codec, NULL);
}

/* From here on without the hardware; 0: for what reason libav does not say. */
static int fall_back(struct engine *e, int code, const char *what)
{
    char why[AV_ERROR_MAX_STRING_SIZE] = "";
    if (code)
        (void)av_strerror(code, why, sizeof(why));
    err_set(&e->trouble, code, "%s%s%s", what, *why ? ": " : "", why);
    avcodec_free_context(&e->codec); /* which knows the hardware */
    hardware_free(e->hardware);
    e->hardware = NULL;
    e->foreign = false;
    e->changed = true;
    avlog_take_damage(); /* the hardware's, not the stream's */
    return open_codec(e);
}

/* Damaged data are the stream's fault, and everything else is not. */
static bool is_failure(const struct engine *e, int r)
{
    return e->hardware && r < 0 && r != AVERROR_INVALIDDATA && r != AVERROR(EAGAIN) &&
           r != AVERROR_EOF;
}

struct engine *engine_open(const struct stream *stream, const char *hwaccel, int *ret_code)
{
    struct engine *e = mem_new(1, sizeof(*e));
    e->stream = stream;
    e->hwaccel = hwaccel;
    e->silence = -1;
    if (hardware_wanted(hwaccel))
        e->hardware = hardware_open(hwaccel, stream->codec->codec_id, &e->trouble);
    int r = open_codec(e);
    if (e->hardware && r < 0)
        r = fall_back(e, r, "the decoder cannot be opened");
    e->changed = false; /* nothing was inside */
    if (r >= 0)
        return e;
    *ret_code = r;
    engine_close(e);
    return NULL;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    avcodec_free_context(&e->codec);
    hardware_free(e->hardware);
    free(e);
}

/* ------------------------------------------------------------- decoding --- */

static int send(struct engine *e, const struct packet *packet)
{
    e->codec->reordered_opaque = (int64_t)e->number;
    return avcodec_send_packet(e->codec, packet ? packet->av : NULL);
}

int engine_send(struct engine *e, const struct packet *packet, uint64_t number)
{
    e->number = number;
    if (packet)
        e->pts[number % ENGINE_HELD] = packet->av->pts;
    if (e->silence >= 0 || (packet && packet->key))
        e->silence += packet ? 1 : SILENCE / 4; /* what is drained has no excuse */
    int r = send(e, packet);
    bool silent = e->hardware && e->silence > SILENCE;
    if (!is_failure(e, r) && !silent)
        return r;
    r = silent ? fall_back(e, 0, "it gives out no pictures")
               : fall_back(e, r, "it failed on a packet");
    return r < 0 ? r : send(e, packet);
}

/* Of the packet that the picture came in. */
static uint64_t number_of(const struct engine *e, const AVFrame *picture)
{
    if (!e->hardware || !hardware_wraps(e->hardware))
        return (uint64_t)picture->reordered_opaque;
    for (uint64_t n = e->number; n > 0 && n + ENGINE_HELD > e->number; n--) {
        if (e->pts[n % ENGINE_HELD] == picture->pts)
            return n;
    }
    return e->number;
}

/* libav decodes it after all: by the device it could not, or the device said no. */
static void note_refusal(struct engine *e, const AVFrame *picture)
{
    const char *profile = avcodec_profile_name(e->codec->codec_id, e->codec->profile);
    err_set(&e->trouble, -ENOTSUP, "it does not take %s of this kind (%s, %s)",
            avcodec_get_name(e->codec->codec_id), profile ? profile : "an unknown profile",
            av_get_pix_fmt_name(picture->format));
}

int engine_receive(struct engine *e, AVFrame *picture, uint64_t *ret_number)
{
    int r = avcodec_receive_frame(e->codec, picture);
    if (is_failure(e, r)) {
        (void)fall_back(e, r, "it failed on a picture");
        return AVERROR(EAGAIN);
    }
    if (r < 0)
        return r;
    e->silence = 0;
    e->foreign = e->hardware && hardware_made(e->hardware, picture);
    if (e->hardware && !e->foreign && !e->trouble.code)
        note_refusal(e, picture);
    *ret_number = number_of(e, picture);
    return 0;
}

bool engine_fetch(struct engine *e, AVFrame *picture)
{
    int r = e->foreign ? hardware_fetch(e->hardware, picture) : 0;
    if (r >= 0)
        return true;
    av_frame_unref(picture);
    if (r != AVERROR(ENOMEM))
        (void)fall_back(e, r, "its picture cannot be fetched");
    return false;
}

void engine_restart(struct engine *e)
{
    bool anew = e->hardware && hardware_drains_once(e->hardware);
    if (anew && open_codec(e) < 0)
        (void)fall_back(e, 0, "the decoder cannot be opened again");
    else if (!anew && engine_works(e))
        avcodec_flush_buffers(e->codec);
}

/* ------------------------------------------------------------- what it is --- */

bool engine_changed(struct engine *e)
{
    bool changed = e->changed;
    e->changed = false;
    return changed;
}

void engine_spare(struct engine *e, bool filter, bool pictures)
{
    e->spare_filter = filter;
    e->spare_pictures = pictures;
    apply_spare(e);
}

bool engine_works(const struct engine *e)
{
    return avcodec_is_open(e->codec);
}

AVCodecContext *engine_software(const struct engine *e)
{
    return !e->hardware && engine_works(e) ? e->codec : NULL;
}

const char *engine_trouble(const struct engine *e)
{
    return e->trouble.text[0] ? e->trouble.text : NULL;
}

void engine_name(const struct engine *e, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%.*s", (int)(e->foreign ? strcspn(e->hwaccel, ":") : 8),
            e->foreign ? e->hwaccel : "software");
}
