#include "flow/scale.h"

#include "base/mem.h"
#include "flow/frame.h"

#include <errno.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Faces of one crowd differ in size, and sizes are rounded up to ALIGN, so this many suffice. */
#define CONVERTERS 12
/* Of columns and rows of a crop: keeps every plane's pointer on 16 bytes, whatever its chroma. */
#define ALIGN 64

struct recipe {
    int from_w, from_h, to_w, to_h;
    enum AVPixelFormat format;
    int matrix; /* SWS_CS_... */
    int full;   /* range */
};

struct scaler {
    struct {
        struct recipe recipe;
        struct SwsContext *sws;
        uint64_t used;
    } list[CONVERTERS];
    uint64_t uses;
    uint8_t *scratch;
    size_t scratch_size;
};

struct scaler *scaler_new(void)
{
    return mem_new(1, sizeof(struct scaler));
}

void scaler_free(struct scaler *s)
{
    if (!s)
        return;
    for (int i = 0; i < CONVERTERS; i++)
        sws_freeContext(s->list[i].sws);
    av_free(s->scratch);
    free(s);
}

/* The J formats are the plain ones in full range; libswscale warns of them by name. */
static enum AVPixelFormat plain_format(enum AVPixelFormat format)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
    default: return format;
    }
}

static int matrix_of(const AVFrame *p)
{
    switch (p->colorspace) {
    case AVCOL_SPC_BT709: return SWS_CS_ITU709;
    case AVCOL_SPC_FCC: return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE240M: return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL: return SWS_CS_BT2020;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M: return SWS_CS_ITU601;
    default: return p->width >= 1280 || p->height > 576 ? SWS_CS_ITU709 : SWS_CS_ITU601;
    }
}

static bool is_grey(const AVPixFmtDescriptor *d)
{
    return d->nb_components <= 2 && !(d->flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_RGB));
}

static struct recipe recipe_of(const AVFrame *p)
{
    enum AVPixelFormat format = plain_format(p->format);
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    int full = format != p->format || p->color_range == AVCOL_RANGE_JPEG;
    if (d && is_grey(d) && p->color_range == AVCOL_RANGE_UNSPECIFIED)
        full = 1;
    return (struct recipe){.format = format, .matrix = matrix_of(p), .full = full};
}

static struct SwsContext *make(const struct recipe *r)
{
    struct SwsContext *sws = sws_getContext(r->from_w, r->from_h, r->format, r->to_w, r->to_h,
            AV_PIX_FMT_BGR24, SWS_BILINEAR, NULL, NULL, NULL);
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(r->format);
    if (sws && !(d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL))) {
        const int *matrix = sws_getCoefficients(r->matrix);
        /* fails where a format pair has no such settings, and then there is nothing to set */
        (void)sws_setColorspaceDetails(sws, matrix, r->full, matrix, 1, 0, 1 << 16, 1 << 16);
    }
    return sws;
}

static struct SwsContext *converter(struct scaler *s, const struct recipe *r)
{
    int oldest = 0;
    s->uses++;
    for (int i = 0; i < CONVERTERS; i++) {
        if (s->list[i].sws && memcmp(&s->list[i].recipe, r, sizeof(*r)) == 0) {
            s->list[i].used = s->uses;
            return s->list[i].sws;
        }
        if (s->list[i].used < s->list[oldest].used)
            oldest = i;
    }
    sws_freeContext(s->list[oldest].sws);
    s->list[oldest].sws = make(r);
    s->list[oldest].recipe = *r;
    s->list[oldest].used = s->uses;
    return s->list[oldest].sws;
}

static bool side_ok(int side)
{
    return side >= 1 && side <= SCALE_SIDE_MAX;
}

static int check(const AVFrame *p, int w, int h)
{
    if (!side_ok(w) || !side_ok(h) || (int64_t)w * h > (int64_t)64 << 20)
        return -EINVAL;
    if (!side_ok(p->width) || !side_ok(p->height) || !p->data[0])
        return -EINVAL;
    return sws_isSupportedInput(plain_format(p->format)) ? 0 : -EINVAL;
}

/*
 * Converts into memory of the scaler's own, whose rows are aligned and longer than the picture:
 * the fast paths of libswscale write whole vectors and drop a row's end where those do not fit.
 */
static int convert(struct scaler *s, const struct recipe *r, const uint8_t *const data[4],
        const int stride[4], const uint8_t **ret_rows, int *ret_stride)
{
    int out_stride = FFALIGN(3 * r->to_w, 64) + 64;
    size_t size = (size_t)out_stride * (size_t)(r->to_h + 1);
    if (size > s->scratch_size) {
        av_free(s->scratch);
        s->scratch = av_malloc(size);
        s->scratch_size = s->scratch ? size : 0;
    }
    if (!s->scratch)
        return -ENOMEM;
    struct SwsContext *sws = converter(s, r);
    if (!sws)
        return -EINVAL;
    uint8_t *const out[4] = {s->scratch};
    const int out_strides[4] = {out_stride};
    if (sws_scale(sws, data, stride, 0, r->from_h, out, out_strides) != r->to_h)
        return -EINVAL;
    *ret_rows = s->scratch;
    *ret_stride = out_stride;
    return 0;
}

/* Columns [x0, x1) and rows [y0, y1) of a picture, as rows of BGR that start at x0 and y0. */
struct part {
    int x0, y0, x1, y1;
    const uint8_t *rows;
    int stride;
};

/* Where the planes of a picture of this format have the pixel at x, y. */
static void planes_at(
        const AVFrame *p, enum AVPixelFormat format, int x, int y, const uint8_t *ret_data[4])
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    for (int i = 0; i < 4 && p->data[i]; i++) {
        bool palette = i == 1 && (d->flags & AV_PIX_FMT_FLAG_PAL);
        int across = palette ? 0 : av_image_get_linesize(format, x, i);
        int down = palette ? 0 : y;
        if (i == 1 || i == 2)
            down >>= d->log2_chroma_h;
        ret_data[i] = p->data[i] + (ptrdiff_t)down * p->linesize[i] + across;
    }
}

/* A part as sw x sh into the upper left corner of w x h. */
static int fit(struct scaler *s, const AVFrame *p, const struct part *part, int sw, int sh, int w,
        int h, uint8_t *bgr)
{
    struct recipe r = recipe_of(p);
    r.from_w = part->x1 - part->x0;
    r.from_h = part->y1 - part->y0;
    r.to_w = sw;
    r.to_h = sh;
    const uint8_t *data[4] = {NULL};
    planes_at(p, r.format, part->x0, part->y0, data);
    const uint8_t *rows = data[0];
    int stride = p->linesize[0];
    if (p->format != AV_PIX_FMT_BGR24 || sw != r.from_w || sh != r.from_h) {
        int rc = convert(s, &r, data, p->linesize, &rows, &stride);
        if (rc < 0)
            return rc;
    }
    size_t used = 3 * (size_t)sw, row = 3 * (size_t)w;
    for (int y = 0; y < sh; y++) {
        memcpy(bgr + (size_t)y * row, rows + (ptrdiff_t)y * stride, used);
        memset(bgr + (size_t)y * row + used, 0, row - used);
    }
    memset(bgr + (size_t)sh * row, 0, (size_t)(h - sh) * row);
    return 0;
}

static int letterbox(struct scaler *s, const AVFrame *p, const struct part *part, int w, int h,
        uint8_t *bgr, float *ret_scale)
{
    float part_w = (float)(part->x1 - part->x0), part_h = (float)(part->y1 - part->y0);
    float scale = fminf(1, fminf((float)w / part_w, (float)h / part_h));
    int sw = FFMIN(w, FFMAX(1, (int)lrintf(part_w * scale)));
    int sh = FFMIN(h, FFMAX(1, (int)lrintf(part_h * scale)));
    int rc = fit(s, p, part, sw, sh, w, h, bgr);
    if (rc == 0)
        *ret_scale = scale;
    return rc;
}

int scale_letterbox(
        struct scaler *s, const struct frame *f, int w, int h, uint8_t *bgr, float *ret_scale)
{
    const AVFrame *p = frame_picture(f);
    struct part all = {.x1 = p->width, .y1 = p->height};
    int rc = check(p, w, h);
    return rc < 0 ? rc : letterbox(s, p, &all, w, h, bgr, ret_scale);
}

int scale_part(struct scaler *s, const struct frame *f, int x, int y, int part_w, int part_h, int w,
        int h, uint8_t *bgr, float *ret_scale)
{
    const AVFrame *p = frame_picture(f);
    int rc = check(p, w, h);
    if (rc < 0)
        return rc;
    if (x < 0 || y < 0 || x % SCALE_STEP_X || y % SCALE_STEP_Y || part_w < 1 || part_h < 1 ||
            part_w > p->width - x || part_h > p->height - y)
        return -EINVAL;
    struct part part = {.x0 = x, .y0 = y, .x1 = x + part_w, .y1 = y + part_h};
    return letterbox(s, p, &part, w, h, bgr, ret_scale);
}

int scale_squeeze(struct scaler *s, const struct frame *f, int w, int h, uint8_t *bgr)
{
    const AVFrame *p = frame_picture(f);
    int rc = check(p, w, h);
    struct part all = {.x1 = p->width, .y1 = p->height};
    return rc < 0 ? rc : fit(s, p, &all, w, h, w, h, bgr);
}

static int convert_part(struct scaler *s, const AVFrame *p, struct part *part)
{
    if (p->format == AV_PIX_FMT_BGR24) {
        part->stride = p->linesize[0];
        part->rows = p->data[0] + (ptrdiff_t)part->y0 * part->stride + (ptrdiff_t)3 * part->x0;
        return 0;
    }
    struct recipe r = recipe_of(p);
    part->x0 -= part->x0 % ALIGN;
    part->y0 -= part->y0 % ALIGN;
    part->x1 = FFMIN(p->width, FFALIGN(part->x1, ALIGN));
    part->y1 = FFMIN(p->height, FFALIGN(part->y1, ALIGN));
    r.from_w = r.to_w = part->x1 - part->x0;
    r.from_h = r.to_h = part->y1 - part->y0;
    const uint8_t *data[4] = {NULL};
    planes_at(p, r.format, part->x0, part->y0, data);
    return convert(s, &r, data, p->linesize, &part->rows, &part->stride);
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* One output row from picture pixels [from, to), which stand at row; width w, beginning at x. */
static void fill_row(uint8_t *out, const uint8_t *row, int x, int w, int from, int to, bool edge)
{
    int left = from - x, right = x + w - to;
    memcpy(out + (ptrdiff_t)3 * left, row, 3 * (size_t)(to - from));
    if (!edge) {
        memset(out, 0, 3 * (size_t)left);
        memset(out + (ptrdiff_t)3 * (w - right), 0, 3 * (size_t)right);
        return;
    }
    for (int i = 0; i < left; i++)
        memcpy(out + (ptrdiff_t)3 * i, row, 3);
    for (int i = w - right; i < w; i++)
        memcpy(out + (ptrdiff_t)3 * i, row + (ptrdiff_t)3 * (to - from - 1), 3);
}

int scale_crop(struct scaler *s, const struct frame *f, int x, int y, int w, int h,
        enum scale_outside outside, uint8_t *bgr)
{
    const AVFrame *p = frame_picture(f);
    int rc = check(p, w, h);
    const int far = 4 * SCALE_SIDE_MAX;
    if (rc < 0 || x < -far || x > far || y < -far || y > far)
        return -EINVAL;
    bool edge = outside == SCALE_EDGE;
    size_t row = 3 * (size_t)w;
    /* what of it is in the picture; with EDGE at least the pixel that is repeated */
    int from_x = clamp(x, 0, p->width - 1), to_x = clamp(x + w, from_x + 1, p->width);
    int from_y = clamp(y, 0, p->height - 1), to_y = clamp(y + h, from_y + 1, p->height);
    bool apart = x >= p->width || y >= p->height || x + w <= 0 || y + h <= 0;
    if (apart && !edge) {
        memset(bgr, 0, row * (size_t)h);
        return 0;
    }
    if (apart)
        return -EINVAL; /* the edge of nothing is no picture of a face */
    struct part part = {.x0 = from_x, .y0 = from_y, .x1 = to_x, .y1 = to_y};
    rc = convert_part(s, p, &part);
    if (rc < 0)
        return rc;
    for (int i = 0; i < h; i++) {
        uint8_t *out = bgr + row * (size_t)i;
        int at = clamp(y + i, from_y, to_y - 1);
        if (at != y + i && !edge)
            memset(out, 0, row);
        else
            fill_row(out,
                    part.rows + (ptrdiff_t)(at - part.y0) * part.stride +
                            (ptrdiff_t)3 * (from_x - part.x0),
                    x, w, from_x, to_x, edge);
    }
    return 0;
}
