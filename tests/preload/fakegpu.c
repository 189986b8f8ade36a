/*
 * A graphics card that is not there. "vaapi" opens, and what libav's own decoder makes is handed
 * out as pictures that lie in the card, of which av_hwframe_transfer_data() brings a copy in NV12.
 *
 * The file $FAKEGPU_BY holds a word and a number, "fetch 40": that call fails from the fortieth on,
 * for good, as with a card that was taken out. Words: device, kind (of the video, which is not
 * taken), send, receive, fetch, silent (packets vanish).
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/imgutils.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CONTEXTS   64

typedef enum AVPixelFormat (*chooser)(AVCodecContext *, const enum AVPixelFormat *);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    AVCodecContext *codec; /* NULL: free */
    chooser choose;        /* the program's own */
    bool used;             /* it chose the card */
} contexts[CONTEXTS];

static bool fails(const char *word, unsigned *calls)
{
    const char *by = getenv("FAKEGPU_BY");
    char line[64] = "", which[32] = "";
    unsigned from = 0;
    FILE *f = by ? fopen(by, "re") : NULL;
    if (f) {
        (void)!fgets(line, sizeof(line), f);
        fclose(f);
    }
    unsigned n = __atomic_add_fetch(calls, 1, __ATOMIC_SEQ_CST);
    return sscanf(line, "%31s %u", which, &from) == 2 && strcmp(which, word) == 0 && n >= from;
}

#define FAILS(word)                                                                                \
    ({                                                                                             \
        static unsigned calls;                                                                     \
        fails(word, &calls);                                                                       \
    })

static int place_of(const AVCodecContext *codec)
{
    for (int i = 0; i < CONTEXTS; i++) {
        if (contexts[i].codec == codec)
            return i;
    }
    return -1;
}

static bool uses_card(const AVCodecContext *codec)
{
    pthread_mutex_lock(&lock);
    int i = place_of(codec);
    bool used = i >= 0 && contexts[i].used;
    pthread_mutex_unlock(&lock);
    return used;
}

int av_hwdevice_ctx_create(AVBufferRef **device, enum AVHWDeviceType type, const char *name,
        AVDictionary *options, int flags)
{
    if (type != AV_HWDEVICE_TYPE_VAAPI)
        return REAL(av_hwdevice_ctx_create)(device, type, name, options, flags);
    if (FAILS("device"))
        return AVERROR(ENODEV);
    *device = av_hwdevice_ctx_alloc(type);
    return *device ? 0 : AVERROR(ENOMEM);
}

/* The program chooses; libav decodes by itself all the same. */
static enum AVPixelFormat choose(AVCodecContext *codec, const enum AVPixelFormat *list)
{
    enum AVPixelFormat own = AV_PIX_FMT_NONE;
    for (const enum AVPixelFormat *f = list; own == AV_PIX_FMT_NONE && *f >= 0; f++) {
        if (!(av_pix_fmt_desc_get(*f)->flags & AV_PIX_FMT_FLAG_HWACCEL))
            own = *f;
    }
    bool refuses = FAILS("kind");
    pthread_mutex_lock(&lock);
    int i = place_of(codec);
    const enum AVPixelFormat without[] = {own, AV_PIX_FMT_NONE};
    contexts[i].used = contexts[i].choose(codec, refuses ? without : list) == AV_PIX_FMT_VAAPI;
    pthread_mutex_unlock(&lock);
    return own;
}

int avcodec_open2(AVCodecContext *codec, const AVCodec *how, AVDictionary **options)
{
    if (codec->hw_device_ctx) {
        pthread_mutex_lock(&lock);
        int i = place_of(NULL);
        contexts[i].codec = codec;
        contexts[i].choose = codec->get_format;
        contexts[i].used = false;
        pthread_mutex_unlock(&lock);
        codec->get_format = choose;
    }
    return REAL(avcodec_open2)(codec, how, options);
}

void avcodec_free_context(AVCodecContext **codec)
{
    pthread_mutex_lock(&lock);
    int i = *codec ? place_of(*codec) : -1;
    if (i >= 0)
        contexts[i].codec = NULL;
    pthread_mutex_unlock(&lock);
    REAL(avcodec_free_context)(codec);
}

int avcodec_send_packet(AVCodecContext *codec, const AVPacket *packet)
{
    if (uses_card(codec) && FAILS("send"))
        return AVERROR(EIO);
    if (uses_card(codec) && FAILS("silent"))
        return 0;
    return REAL(avcodec_send_packet)(codec, packet);
}

static void drop(void *opaque, uint8_t *data)
{
    (void)opaque;
    AVFrame *inside = (AVFrame *)(void *)data;
    av_frame_free(&inside);
}

/* Into the card: the picture is inside its one buffer, and no plane can be read. */
static void hide(AVFrame *picture)
{
    AVFrame *inside = av_frame_alloc();
    av_frame_move_ref(inside, picture);
    av_frame_copy_props(picture, inside);
    picture->format = AV_PIX_FMT_VAAPI;
    picture->width = inside->width;
    picture->height = inside->height;
    picture->reordered_opaque = inside->reordered_opaque;
    picture->buf[0] = av_buffer_create(
            (uint8_t *)(void *)inside, sizeof(*inside), drop, NULL, AV_BUFFER_FLAG_READONLY);
}

int avcodec_receive_frame(AVCodecContext *codec, AVFrame *picture)
{
    bool used = uses_card(codec);
    int r = REAL(avcodec_receive_frame)(codec, picture);
    if (r < 0 || !used)
        return r;
    if (FAILS("receive")) {
        av_frame_unref(picture);
        return AVERROR_EXTERNAL;
    }
    hide(picture);
    return 0;
}

static void interleave(AVFrame *to, const AVFrame *from)
{
    av_image_copy_plane(to->data[0], to->linesize[0], from->data[0], from->linesize[0], from->width,
            from->height);
    for (int y = 0; y < (from->height + 1) / 2; y++) {
        for (int x = 0; x < (from->width + 1) / 2; x++) {
            for (int c = 0; c < 2; c++)
                to->data[1][y * to->linesize[1] + 2 * x + c] =
                        from->data[1 + c][y * from->linesize[1 + c] + x];
        }
    }
}

int av_hwframe_transfer_data(AVFrame *to, const AVFrame *from, int flags)
{
    if (from->format != AV_PIX_FMT_VAAPI)
        return REAL(av_hwframe_transfer_data)(to, from, flags);
    if (FAILS("fetch"))
        return AVERROR(EIO);
    const AVFrame *inside = (const AVFrame *)(const void *)from->buf[0]->data;
    to->format = AV_PIX_FMT_NV12;
    to->width = inside->width;
    to->height = inside->height;
    int r = av_frame_get_buffer(to, 0);
    if (r == 0)
        interleave(to, inside);
    return r;
}
