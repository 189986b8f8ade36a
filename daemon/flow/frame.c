#include "flow/frame.h"

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <stdatomic.h>
#include <stdlib.h>

struct frame {
    atomic_uint refs;
    /* set at birth */
    int64_t time_us, wall_us;
    int64_t bytes;
    AVFrame *picture;
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
    f->time_us = time_us;
    f->wall_us = wall_us;
    f->bytes = bytes;
    f->picture = own;
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

const struct AVFrame *frame_picture(const struct frame *f)
{
    return f->picture;
}

void frame_count(int64_t *ret_frames, int64_t *ret_bytes)
{
    *ret_frames = atomic_load(&alive);
    *ret_bytes = atomic_load(&alive_bytes);
}
