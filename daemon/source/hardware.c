#include "source/hardware.h"

#include "base/mem.h"
#include "source/avlog.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 32
#define LIST           256

struct hardware {
    const AVCodec *codec;
    enum AVPixelFormat format; /* of pictures that lie in the card; NONE: the decoder brings them */
    AVBufferRef *device;       /* NULL: the decoder finds its own */
};

/* ------------------------------------------------------------- names --- */

/* "vaapi:/dev/dri/renderD129": the name, and the device or NULL. */
static const char *split(const char *wish, char ret_name[NAME_MAX_BYTES])
{
    size_t n = strcspn(wish, ":");
    (void)snprintf(ret_name, NAME_MAX_BYTES, "%.*s", (int)n, wish);
    return wish[n] ? wish + n + 1 : NULL;
}

/* The common part of the names of decoders like "h264_v4l2m2m"; NULL: it is no such decoder. */
static const char *family_of(const AVCodec *c)
{
    const char *last = strrchr(c->name, '_');
    bool foreign = c->capabilities & (AV_CODEC_CAP_HARDWARE | AV_CODEC_CAP_HYBRID);
    return av_codec_is_decoder(c) && foreign && c->wrapper_name && last ? last + 1 : NULL;
}

static bool is_called(const AVCodec *c, const char *name)
{
    const char *family = family_of(c);
    return family && (strcmp(family, name) == 0 || strcmp(c->name, name) == 0);
}

/* A decoder of this name, for this codec or, with AV_CODEC_ID_NONE, for any. */
static const AVCodec *find_wrapper(const char *name, enum AVCodecID id)
{
    void *at = NULL;
    for (const AVCodec *c; (c = av_codec_iterate(&at));) {
        if ((id == AV_CODEC_ID_NONE || c->id == id) && is_called(c, name))
            return c;
    }
    return NULL;
}

static void add_name(char *list, const char *name)
{
    size_t n = strlen(list);
    (void)snprintf(list + n, LIST - n, "%s%s", n ? ", " : "", name);
}

static void list_names(char list[LIST])
{
    char seen[LIST] = " ";
    list[0] = '\0';
    for (enum AVHWDeviceType t = AV_HWDEVICE_TYPE_NONE;
            (t = av_hwdevice_iterate_types(t)) != AV_HWDEVICE_TYPE_NONE;)
        add_name(list, av_hwdevice_get_type_name(t));
    void *at = NULL;
    for (const AVCodec *c; (c = av_codec_iterate(&at));) {
        const char *family = family_of(c);
        char word[NAME_MAX_BYTES + 2];
        (void)snprintf(word, sizeof(word), " %s ", family ? family : "");
        if (!family || strstr(seen, word) ||
                av_hwdevice_find_type_by_name(family) != AV_HWDEVICE_TYPE_NONE)
            continue;
        add_name(list, family);
        (void)snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s ", family);
    }
}

bool hardware_wanted(const char *wish)
{
    return wish && *wish && strcmp(wish, "none") != 0;
}

int hardware_check(const char *wish, struct err *e)
{
    if (!hardware_wanted(wish))
        return 0;
    char name[NAME_MAX_BYTES], list[LIST];
    const char *device = split(wish, name);
    const AVCodec *wrapper = find_wrapper(name, AV_CODEC_ID_NONE);
    if (!wrapper && av_hwdevice_find_type_by_name(name) == AV_HWDEVICE_TYPE_NONE) {
        list_names(list);
        return err_set(
                e, -EINVAL, "'%.40s' is no hardware that FFmpeg here knows: none, %s", name, list);
    }
    if (device && !*device)
        return err_set(e, -EINVAL, "the device after '%.40s:' is missing", name);
    if (device && wrapper && !avcodec_get_hw_config(wrapper, 0))
        return err_set(e, -EINVAL, "%.40s takes no device: it looks for its own", name);
    return 0;
}

/* ------------------------------------------------------------- opening --- */

/* libav's usual decoders of a codec are several: some that a device can help, some not. */
static bool find_helped(struct hardware *h, enum AVHWDeviceType type, enum AVCodecID id)
{
    void *at = NULL;
    for (const AVCodec *c; type != AV_HWDEVICE_TYPE_NONE && (c = av_codec_iterate(&at));) {
        const AVCodecHWConfig *config = NULL;
        if (!av_codec_is_decoder(c) || c->id != id || family_of(c))
            continue;
        for (int i = 0; (config = avcodec_get_hw_config(c, i)); i++) {
            if (config->device_type == type &&
                    (config->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX)) {
                h->codec = c;
                h->format = config->pix_fmt;
                return true;
            }
        }
    }
    return false;
}

static int open_device(
        struct hardware *h, enum AVHWDeviceType type, const char *device, struct err *e)
{
    AVDictionary *options = NULL;
    /* One context for all cameras: each of its own takes a hundred megabytes of the card. */
    if (type == AV_HWDEVICE_TYPE_CUDA)
        av_dict_set(&options, "primary_ctx", "1", 0);
    avlog_forget();
    int r = av_hwdevice_ctx_create(&h->device, type, device, options, 0);
    av_dict_free(&options);
    if (r >= 0)
        return 0;
    char why[AV_ERROR_MAX_STRING_SIZE] = "";
    (void)av_strerror(r, why, sizeof(why));
    const char *said = avlog_complaint();
    err_set(e, r, "the device cannot be opened: %s%s%s", why, *said ? "; " : "", said);
    avlog_forget();
    return r;
}

struct hardware *hardware_open(const char *wish, int codec_id, struct err *e)
{
    char name[NAME_MAX_BYTES];
    const char *device = split(wish, name);
    struct hardware *h = mem_new(1, sizeof(*h));
    h->format = AV_PIX_FMT_NONE;
    h->codec = find_wrapper(name, codec_id);
    enum AVHWDeviceType type = av_hwdevice_find_type_by_name(name);
    int r = 0;
    if (h->codec) {
        const AVCodecHWConfig *config = avcodec_get_hw_config(h->codec, 0);
        if (device && config)
            r = open_device(h, config->device_type, device, e);
    } else if (find_helped(h, type, codec_id)) {
        r = open_device(h, type, device, e);
    } else {
        r = err_set(e, -ENOSYS, "FFmpeg here cannot decode %s by it", avcodec_get_name(codec_id));
    }
    if (r < 0) {
        hardware_free(h);
        return NULL;
    }
    return h;
}

void hardware_free(struct hardware *h)
{
    if (!h)
        return;
    av_buffer_unref(&h->device);
    free(h);
}

/* ------------------------------------------------------------- decoding --- */

const struct AVCodec *hardware_codec(const struct hardware *h)
{
    return h->codec;
}

/* Asked when the kind of the video is known, and again without it where the device refused. */
static enum AVPixelFormat choose_format(AVCodecContext *codec, const enum AVPixelFormat *list)
{
    const struct hardware *h = codec->opaque;
    /* Cameras that say "baseline" keep to its constrained kind, which is what devices know; for
     * other profiles the same leniency could give wrong pictures without a word. */
    if (codec->codec_id == AV_CODEC_ID_H264 && codec->profile == FF_PROFILE_H264_BASELINE)
        codec->hwaccel_flags |= AV_HWACCEL_FLAG_ALLOW_PROFILE_MISMATCH;
    for (const enum AVPixelFormat *f = list; *f != AV_PIX_FMT_NONE; f++) {
        const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(*f);
        bool in_card = d && (d->flags & AV_PIX_FMT_FLAG_HWACCEL);
        if (in_card ? *f == h->format : true)
            return *f;
    }
    return AV_PIX_FMT_NONE;
}

void hardware_prepare(struct hardware *h, struct AVCodecContext *codec)
{
    codec->opaque = h;
    codec->get_format = choose_format;
    if (h->device)
        codec->hw_device_ctx = mem_check(av_buffer_ref(h->device));
}

bool hardware_made(const struct hardware *h, const struct AVFrame *picture)
{
    return h->format == AV_PIX_FMT_NONE || picture->format == h->format;
}

int hardware_fetch(const struct hardware *h, struct AVFrame *picture)
{
    if (picture->format != h->format)
        return 0;
    AVFrame *here = av_frame_alloc();
    int r = here ? av_hwframe_transfer_data(here, picture, 0) : AVERROR(ENOMEM);
    if (r >= 0)
        r = av_frame_copy_props(here, picture);
    if (r >= 0) {
        av_frame_unref(picture);
        av_frame_move_ref(picture, here);
    }
    av_frame_free(&here);
    return r < 0 ? r : 0;
}

bool hardware_wraps(const struct hardware *h)
{
    return h->format == AV_PIX_FMT_NONE;
}

bool hardware_drains_once(const struct hardware *h)
{
    return h->codec->wrapper_name && strcmp(h->codec->wrapper_name, "v4l2m2m") == 0;
}
