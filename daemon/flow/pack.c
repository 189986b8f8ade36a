#include "flow/pack.h"

#include <errno.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>

/* What is to be called when the picture goes. */
struct loan {
    void (*release)(void *arg);
    void *arg;
};

/*
 * Of those that no camera sends libswscale's ways are seldom gone: XYZ it converts by whole rows
 * wherever its part of the picture begins, and so reads far behind the end.
 */
static bool is_plain(enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    const uint64_t not_so = AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_PAL |
                            AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BAYER |
                            AV_PIX_FMT_FLAG_FLOAT;
    bool xyz = format == AV_PIX_FMT_XYZ12LE || format == AV_PIX_FMT_XYZ12BE;
    return d && !(d->flags & not_so) && !xyz;
}

/* Where planes and rows lie; the bytes, or 0: no such picture can be there. */
static size_t lay_out(enum AVPixelFormat format, int width, int height, uint8_t *memory,
        uint8_t *ret_data[4], int ret_linesize[4])
{
    if (width <= 0 || height <= 0 || !frame_fits(width, height) || !is_plain(format))
        return 0;
    int size =
            av_image_fill_arrays(ret_data, ret_linesize, memory, format, width, height, PACK_ALIGN);
    return size > 0 && (size_t)size + PACK_BEHIND <= PACK_SIZE ? (size_t)size : 0;
}

bool pack_frame(const struct frame *f, uint8_t *memory, struct packed *ret)
{
    const AVFrame *p = frame_picture(f);
    const uint8_t *from[4] = {p->data[0], p->data[1], p->data[2], p->data[3]};
    uint8_t *data[4];
    int linesize[4];
    if (!lay_out(p->format, p->width, p->height, memory, data, linesize))
        return false;
    av_image_copy(data, linesize, from, p->linesize, p->format, p->width, p->height);
    *ret = (struct packed){
            .format = p->format,
            .width = p->width,
            .height = p->height,
            .color_range = p->color_range,
            .colorspace = p->colorspace,
            .time_us = frame_time_us(f),
            .wall_us = frame_wall_us(f),
    };
    return true;
}

static void end_loan(void *loan, uint8_t *data)
{
    (void)data;
    struct loan *l = loan;
    l->release(l->arg);
    free(l);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void describe(AVFrame *picture, const struct packed *p)
{
    picture->format = p->format;
    picture->width = p->width;
    picture->height = p->height;
    picture->color_range = p->color_range >= 0 && p->color_range < AVCOL_RANGE_NB
                                   ? (enum AVColorRange)p->color_range
                                   : AVCOL_RANGE_UNSPECIFIED;
    picture->colorspace = p->colorspace >= 0 && p->colorspace < AVCOL_SPC_NB
                                  ? (enum AVColorSpace)p->colorspace
                                  : AVCOL_SPC_UNSPECIFIED;
}

struct frame *pack_open(
        const struct packed *p, uint8_t *memory, void (*release)(void *arg), void *arg)
{
    AVFrame *picture = av_frame_alloc();
    struct loan *loan = malloc(sizeof(*loan));
    struct frame *f = NULL;
    size_t size = 0;
    errno = ENOMEM;
    if (picture && loan) {
        size = lay_out(p->format, p->width, p->height, memory, picture->data, picture->linesize);
        errno = size ? ENOMEM : EPROTO;
    }
    if (size) {
        *loan = (struct loan){nothing, NULL};
        picture->buf[0] = av_buffer_create(memory, size, end_loan, loan, AV_BUFFER_FLAG_READONLY);
    }
    if (picture && picture->buf[0]) {
        struct loan *own = loan;
        loan = NULL; /* the buffer's */
        describe(picture, p);
        f = frame_new(picture, p->time_us, p->wall_us);
        if (f)
            *own = (struct loan){release, arg};
    }
    av_frame_free(&picture);
    free(loan);
    return f;
}
