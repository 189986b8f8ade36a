#include "picture/canvas.h"

#include "flow/frame.h"
#include "flow/scale.h"

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define PIXELS_MAX ((double)(64 << 20)) /* of what flow/scale.h gives out */
#define ALIGN      64                   /* libswscale writes whole vectors */

struct canvas *canvas_new(int width, int height)
{
    if (width < 1 || height < 1 || width > SCALE_SIDE_MAX || height > SCALE_SIDE_MAX)
        return NULL;
    struct canvas *c = malloc(sizeof(*c));
    if (!c)
        return NULL;
    c->width = width;
    c->height = height;
    c->stride = FFALIGN(4 * width, ALIGN);
    c->rows = av_mallocz((size_t)c->stride * (size_t)height + ALIGN);
    if (c->rows)
        return c;
    free(c);
    return NULL;
}

void canvas_free(struct canvas *c)
{
    if (!c)
        return;
    av_free(c->rows);
    free(c);
}

/* The size that fits, in the same proportions. */
static void fit(int width, int height, int side, int *ret_width, int *ret_height)
{
    double longer = width > height ? width : height;
    double scale = side > 0 && longer > side ? side / longer : 1;
    double pixels = scale * scale * width * height;
    if (pixels > PIXELS_MAX)
        scale *= sqrt(PIXELS_MAX / pixels);
    *ret_width = scale < 1 ? (int)fmax(1, width * scale) : width;
    *ret_height = scale < 1 ? (int)fmax(1, height * scale) : height;
}

static void widen(struct canvas *c, const uint8_t *bgr)
{
    for (int y = 0; y < c->height; y++) {
        const uint8_t *from = bgr + (size_t)y * 3 * (size_t)c->width;
        uint8_t *to = c->rows + (size_t)y * (size_t)c->stride;
        for (int x = 0; x < c->width; x++, from += 3, to += 4) {
            to[0] = from[0];
            to[1] = from[1];
            to[2] = from[2];
        }
    }
}

struct canvas *canvas_of(struct scaler *s, const struct frame *f, int side, float *ret_scale)
{
    int w, h;
    fit(frame_width(f), frame_height(f), side, &w, &h);
    struct canvas *c = canvas_new(w, h);
    uint8_t *bgr = c ? malloc((size_t)w * (size_t)h * 3) : NULL;
    if (!bgr || scale_squeeze(s, f, w, h, bgr) < 0) {
        free(bgr);
        canvas_free(c);
        return NULL;
    }
    widen(c, bgr);
    free(bgr);
    *ret_scale = (float)w / (float)frame_width(f);
    return c;
}

static int convert(const uint8_t *const from[4], const int from_stride[4], int w, int h, int format,
        uint8_t *const to[4], const int to_stride[4], int to_w, int to_h, int to_format)
{
    struct SwsContext *sws =
            sws_getContext(w, h, format, to_w, to_h, to_format, SWS_AREA, NULL, NULL, NULL);
    if (!sws)
        return -1;
    bool full = to_format == AV_PIX_FMT_YUVJ420P;
    const int *matrix = sws_getCoefficients(full ? SWS_CS_ITU601 : SWS_CS_ITU709);
    (void)sws_setColorspaceDetails(sws, matrix, 1, matrix, full, 0, 1 << 16, 1 << 16);
    sws_scale(sws, from, from_stride, 0, h, to, to_stride);
    sws_freeContext(sws);
    return 0;
}

struct canvas *canvas_of_bgr(const uint8_t *bgr, int width, int height, int side)
{
    if (width < 1 || height < 1)
        return NULL;
    int w, h;
    fit(width, height, side, &w, &h);
    struct canvas *c = canvas_new(w, h);
    if (!c)
        return NULL;
    const uint8_t *const from[4] = {bgr};
    const int from_stride[4] = {3 * width};
    uint8_t *const to[4] = {c->rows};
    const int to_stride[4] = {c->stride};
    if (convert(from, from_stride, width, height, AV_PIX_FMT_BGR24, to, to_stride, w, h,
                AV_PIX_FMT_BGR0) == 0)
        return c;
    canvas_free(c);
    return NULL;
}

struct AVFrame *canvas_picture(const struct canvas *c, int width, int height, int format)
{
    AVFrame *p = av_frame_alloc();
    if (!p)
        return NULL;
    p->format = format;
    p->width = width;
    p->height = height;
    bool full = format == AV_PIX_FMT_YUVJ420P;
    p->color_range = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    p->colorspace = full ? AVCOL_SPC_BT470BG : AVCOL_SPC_BT709;
    const uint8_t *const from[4] = {c->rows};
    const int from_stride[4] = {c->stride};
    if (av_frame_get_buffer(p, 0) == 0 &&
            convert(from, from_stride, c->width, c->height, AV_PIX_FMT_BGR0, p->data, p->linesize,
                    width, height, format) == 0)
        return p;
    av_frame_free(&p);
    return NULL;
}
