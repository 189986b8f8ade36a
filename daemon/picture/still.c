#include "picture/still.h"

#include "flow/frame.h"
#include "flow/scale.h"
#include "picture/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct still_limits still_limits_own = {512 << 20, 256 << 20, SCALE_SIDE_MAX};
const struct still_limits still_limits_stranger = {24 << 20, 50 << 20, 4096};

static const enum AVCodecID codecs[PICTURE_KIND_COUNT] = {
        [PICTURE_JPEG] = AV_CODEC_ID_MJPEG,
        [PICTURE_PNG] = AV_CODEC_ID_PNG,
        [PICTURE_WEBP] = AV_CODEC_ID_WEBP,
        [PICTURE_BMP] = AV_CODEC_ID_BMP,
        [PICTURE_TIFF] = AV_CODEC_ID_TIFF,
        [PICTURE_GIF] = AV_CODEC_ID_GIF,
};

/* What can be said before decoding. */
static int inspect(const struct peek *p, size_t size, const char *name,
        const struct still_limits *limits, struct err *e)
{
    if (size == 0)
        return err_set(e, -ENODATA, "%s: the file is empty", name);
    if (p->kind == PICTURE_HEIC)
        return err_set(e, -EINVAL,
                "%s: HEIC and AVIF pictures are not read: save it as JPEG (on an iPhone: Settings, "
                "Camera, Formats, Most Compatible)",
                name);
    if (p->kind == PICTURE_OTHER)
        return err_set(e, -EINVAL,
                "%s: not a picture of a kind that is read: JPEG, PNG, WebP, BMP, TIFF, GIF", name);
    if (p->animated)
        return err_set(
                e, -EINVAL, "%s: an animated WebP is not read: save one of its pictures", name);
    if (p->width > SCALE_SIDE_MAX || p->height > SCALE_SIDE_MAX ||
            p->width * p->height > limits->pixels)
        return err_set(e, -EFBIG,
                "%s: %lldx%lld pixels are too many: at most %lld million, no side over %d", name,
                (long long)p->width, (long long)p->height, (long long)limits->pixels >> 20,
                SCALE_SIDE_MAX);
    if (!p->whole)
        return err_set(
                e, -ENODATA, "%s: the file ends before the picture does: copy it anew", name);
    return 0;
}

static AVCodecContext *open_decoder(enum AVCodecID id, int64_t pixels)
{
    const AVCodec *codec = avcodec_find_decoder(id);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c)
        return NULL;
    c->max_pixels = pixels;
    c->thread_count = 1;
    /* the TIFF decoder takes a tag that it does not know for damage then */
    c->err_recognition = id == AV_CODEC_ID_TIFF ? 0 : AV_EF_EXPLODE | AV_EF_CRCCHECK;
    if (avcodec_open2(c, codec, NULL) < 0)
        avcodec_free_context(&c);
    return c;
}

static AVFrame *decode(enum AVCodecID id, const uint8_t *data, size_t size, int64_t pixels)
{
    AVCodecContext *c = open_decoder(id, pixels);
    AVPacket *packet = av_packet_alloc();
    AVFrame *picture = av_frame_alloc();
    bool done = false;
    if (c && packet && picture && size < INT32_MAX / 2 && av_new_packet(packet, (int)size) == 0) {
        memcpy(packet->data, data, size);
        done = avcodec_send_packet(c, packet) == 0 && avcodec_send_packet(c, NULL) == 0 &&
               avcodec_receive_frame(c, picture) == 0 && !picture->decode_error_flags;
    }
    if (!done)
        av_frame_free(&picture);
    av_packet_free(&packet);
    avcodec_free_context(&c);
    return picture;
}

/* ------------------------------------------------------------- upright, and opaque --- */

/* Where pixel x, y of a stored picture of w x h belongs (Exif 2.32, 4.6.4, tag 0x0112). */
static size_t place(int orientation, int x, int y, int w, int h)
{
    int to_x = x, to_y = y, to_w = orientation >= 5 ? h : w;
    switch (orientation) {
    case 2: to_x = w - 1 - x; break;
    case 3: to_x = w - 1 - x, to_y = h - 1 - y; break;
    case 4: to_y = h - 1 - y; break;
    case 5: to_x = y, to_y = x; break;
    case 6: to_x = h - 1 - y, to_y = x; break;
    case 7: to_x = h - 1 - y, to_y = w - 1 - x; break;
    case 8: to_x = y, to_y = w - 1 - x; break;
    default: break;
    }
    return (size_t)to_y * (size_t)to_w + (size_t)to_x;
}

/* Upon white, as a page shows it. */
static void put(uint8_t *bgr, const uint8_t *bgra)
{
    unsigned alpha = bgra[3];
    for (int i = 0; i < 3; i++)
        bgr[i] = (uint8_t)((bgra[i] * alpha + 255 * (255 - alpha)) / 255);
}

static struct frame *redraw(const AVFrame *p, int orientation, int side)
{
    int longer = p->width > p->height ? p->width : p->height;
    int w = longer > side ? FFMAX(1, (int)((int64_t)p->width * side / longer)) : p->width;
    int h = longer > side ? FFMAX(1, (int)((int64_t)p->height * side / longer)) : p->height;
    struct SwsContext *sws = sws_getContext(
            p->width, p->height, p->format, w, h, AV_PIX_FMT_BGRA, SWS_AREA, NULL, NULL, NULL);
    AVFrame *bgra = av_frame_alloc();
    uint8_t *bgr = malloc((size_t)w * (size_t)h * 3);
    struct frame *f = NULL;
    if (!sws || !bgra || !bgr)
        goto out;
    bgra->format = AV_PIX_FMT_BGRA;
    bgra->width = w;
    bgra->height = h;
    if (av_frame_get_buffer(bgra, 0) < 0)
        goto out;
    sws_scale(sws, (const uint8_t *const *)p->data, p->linesize, 0, p->height, bgra->data,
            bgra->linesize);
    for (int y = 0; y < h; y++) {
        const uint8_t *row = bgra->data[0] + (ptrdiff_t)y * bgra->linesize[0];
        for (int x = 0; x < w; x++)
            put(bgr + 3 * place(orientation, x, y, w, h), row + (size_t)4 * (size_t)x);
    }
    f = orientation >= 5 ? frame_from_bgr(bgr, h, w) : frame_from_bgr(bgr, w, h);
out:
    sws_freeContext(sws);
    av_frame_free(&bgra);
    free(bgr);
    return f;
}

static bool has_alpha(const AVFrame *p)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(p->format);
    return d && d->flags & (AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL);
}

struct frame *still_decode(const uint8_t *data, size_t size, const char *name,
        const struct still_limits *limits, struct err *e)
{
    struct peek p;
    peek_at(data, size, &p);
    if (inspect(&p, size, name, limits, e) < 0)
        return NULL;
    AVFrame *picture = decode(codecs[p.kind], data, size, limits->pixels);
    if (!picture || picture->width > SCALE_SIDE_MAX || picture->height > SCALE_SIDE_MAX) {
        av_frame_free(&picture);
        (void)err_set(e, -EINVAL, "%s: the file is damaged, or of a rare kind: save it anew", name);
        return NULL;
    }
    struct frame *f = p.orientation > 1 || has_alpha(picture)
                              ? redraw(picture, p.orientation, limits->side)
                              : frame_new(picture, 0, 0);
    av_frame_free(&picture);
    if (!f)
        (void)err_set(e, -ENOMEM, "%s: not enough memory for %lldx%lld pixels", name,
                (long long)p.width, (long long)p.height);
    return f;
}

/* ------------------------------------------------------------- from a file --- */

/* A pipe that nobody writes to must not hold us, nor a terminal become ours. */
static FILE *open_file(const char *path, struct stat *ret_st, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool there = fd >= 0 && fstat(fd, ret_st) == 0;
    bool other = there ? !S_ISREG(ret_st->st_mode) : errno == ENXIO; /* of a socket */
    FILE *f = there && !other ? fdopen(fd, "r") : NULL;
    if (f)
        return f;
    int r = -errno;
    if (fd >= 0)
        close(fd);
    (void)(other ? err_set(e, -EINVAL, "%s: not a file, but a pipe, a device or a folder", path)
                 : err_set(e, r, "%s: %s", path, err_name(r)));
    return NULL;
}

static int load(const char *path, size_t most, uint8_t **ret_data, size_t *ret_size, struct err *e)
{
    struct stat st;
    FILE *f = open_file(path, &st, e);
    if (!f)
        return -1;
    int r = 0;
    size_t size = (size_t)st.st_size;
    if (size > most)
        r = err_set(
                e, -EFBIG, "%s: %zu MB are too many: at most %zu", path, size >> 20, most >> 20);
    uint8_t *data = r == 0 ? malloc(size + 1) : NULL;
    if (r == 0 && !data)
        r = err_set(e, -ENOMEM, "%s: not enough memory for %zu bytes", path, size);
    if (r == 0) {
        *ret_size = fread(data, 1, size, f);
        if (ferror(f))
            r = err_set(e, -EIO, "%s: cannot be read", path);
    }
    (void)fclose(f);
    if (r < 0)
        free(data);
    else
        *ret_data = data;
    return r;
}

struct frame *still_read(const char *path, const struct still_limits *limits, struct err *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    if (load(path, limits->bytes, &data, &size, e) < 0)
        return NULL;
    struct frame *f = still_decode(data, size, path, limits, e);
    free(data);
    return f;
}
