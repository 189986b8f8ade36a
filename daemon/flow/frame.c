#include "flow/frame.h"

#include "flow/change.h"

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct frame {
    atomic_uint refs;
    /* set at birth */
    int64_t time_us, wall_us, still_us;
    int64_t bytes;
    AVFrame *picture;
    struct change_map map; /* only as much of it as is known */
};

static atomic_int_fast64_t alive, alive_bytes;

struct frame *frame_new(struct AVFrame *picture, int64_t time_us, int64_t wall_us)
{
    struct frame *f = malloc(sizeof(*f));
    AVFrame *own = f ? av_frame_alloc() : NULL;
    if (!own) {
        free(f);
        return NULL;
    }
    av_frame_move_ref(own, picture);
    int64_t bytes = 0;
    for (int i = 0; i < AV_NUM_DATA_POINTERS && own->buf[i]; i++)
        bytes += (int64_t)own->buf[i]->size;
    atomic_init(&f->refs, 1);
    f->time_us = f->still_us = time_us;
    f->wall_us = wall_us;
    f->bytes = bytes;
    f->picture = own;
    f->map.cols = f->map.rows = f->map.block = 0;
    atomic_fetch_add(&alive, 1);
    atomic_fetch_add(&alive_bytes, bytes);
    return f;
}

struct frame *frame_ref(struct frame *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void frame_unref(struct frame *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    atomic_fetch_sub(&alive, 1);
    atomic_fetch_sub(&alive_bytes, f->bytes);
    av_frame_free(&f->picture);
    free(f);
}

struct frame *frame_from_bgr(const uint8_t *bgr, int width, int height)
{
    AVFrame *picture = av_frame_alloc();
    if (!picture)
        return NULL;
    picture->format = AV_PIX_FMT_BGR24;
    picture->width = width;
    picture->height = height;
    struct frame *f = NULL;
    if (av_frame_get_buffer(picture, 0) == 0) {
        av_image_copy_plane(
                picture->data[0], picture->linesize[0], bgr, width * 3, width * 3, height);
        f = frame_new(picture, 0, 0);
    }
    av_frame_free(&picture);
    return f;
}

int frame_width(const struct frame *f)
{
    return f->picture->width;
}

int frame_height(const struct frame *f)
{
    return f->picture->height;
}

int64_t frame_time_us(const struct frame *f)
{
    return f->time_us;
}

int64_t frame_wall_us(const struct frame *f)
{
    return f->wall_us;
}

void frame_note_change(struct frame *f, int64_t still_us, const struct change_map *map)
{
    size_t n = (size_t)map->cols * (size_t)map->rows;
    f->still_us = still_us;
    f->map.cols = map->cols;
    f->map.rows = map->rows;
    f->map.block = map->block;
    memcpy(f->map.at_us, map->at_us, n * sizeof(map->at_us[0]));
}

const struct change_map *frame_changes(const struct frame *f)
{
    return &f->map;
}

int64_t frame_still_us(const struct frame *f)
{
    return f->still_us;
}

bool frame_luma(const struct frame *f, struct luma *ret)
{
    const AVFrame *p = f->picture;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(p->format);
    const uint64_t not_so = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BE |
                            AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL |
                            AV_PIX_FMT_FLAG_FLOAT;
    if (!d || (d->flags & not_so) || d->comp[0].plane != 0 || d->comp[0].depth < 8 || !p->data[0])
        return false;
    const AVComponentDescriptor *y = &d->comp[0];
    *ret = (struct luma){
            .data = p->data[0] + y->offset,
            .stride = p->linesize[0],
            .step = y->step,
            .width = p->width,
            .height = p->height,
            .wide = y->depth > 8,
            .shift = y->depth > 8 ? y->shift + y->depth - 8 : 0,
    };
    return true;
}

const struct AVFrame *frame_picture(const struct frame *f)
{
    return f->picture;
}

void frame_count(int64_t *ret_frames, int64_t *ret_bytes)
{
    *ret_frames = atomic_load(&alive);
    *ret_bytes = atomic_load(&alive_bytes);
}
