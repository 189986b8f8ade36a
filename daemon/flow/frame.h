#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A larger picture is refused: 8K, of which a decoder may keep twenty. */
#define FRAME_MAX_SIDE   16384
#define FRAME_MAX_PIXELS (8192 * 4608)
#define FRAME_MAX_WORDS  "16384 pixels on a side or 37 megapixels"

static inline bool frame_fits(int width, int height)
{
    return width <= FRAME_MAX_SIDE && height <= FRAME_MAX_SIDE &&
           (int64_t)width * height <= FRAME_MAX_PIXELS;
}

struct AVFrame;
struct change_map;

/*
 * A decoded picture on its way from a camera to the detector: an AVFrame in the decoder's own
 * pixel format, and its two times.
 *
 * Shared, never changed: after frame_new() nobody writes to a frame, so any thread that holds a
 * reference may read it without a lock. The last frame_unref() frees it, on whichever thread
 * that happens to be. Scaling and cropping are in flow/scale.h.
 */
struct frame;

/*
 * Moves the picture out of *picture (which is left blank, as after av_frame_unref()). time_us is
 * the track clock: monotonic arrival for a live source, presentation time for a file; wall_us the
 * same moment as wall time, anchored when the source was opened. NULL when memory is short: the
 * frame is lost, and the picture stays with the caller.
 */
struct frame *frame_new(struct AVFrame *picture, int64_t time_us, int64_t wall_us);
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f); /* NULL is fine */

/* A frame around packed BGR bytes, which are copied: for tests and still pictures. */
struct frame *frame_from_bgr(const uint8_t *bgr, int width, int height);

int frame_width(const struct frame *f);
int frame_height(const struct frame *f);
int64_t frame_time_us(const struct frame *f);
int64_t frame_wall_us(const struct frame *f);

/*
 * Since which moment by the track clock nothing new is to be seen, this picture included; its own
 * time, as at birth: it is new. And where something changed when, which is copied; as at birth it
 * is not known. Noted by whoever made the frame, before others have it.
 */
void frame_note_change(struct frame *f, int64_t still_us, const struct change_map *map);
int64_t frame_still_us(const struct frame *f);
const struct change_map *frame_changes(const struct frame *f); /* borrowed; never NULL */

/* A picture's brightness as it lies in memory, for who only wants to know whether it changed. */
struct luma {
    const uint8_t *data; /* borrowed from the frame */
    int stride, step;    /* bytes from row to row, from pixel to pixel */
    int width, height;
    bool wide; /* two bytes a pixel, lowest first, of which `shift` bits are beyond eight */
    int shift;
};

/* False: pictures of this kind have none. */
bool frame_luma(const struct frame *f, struct luma *ret);

/* Borrowed, not to be changed: for flow/scale.c and picture/ only. */
const struct AVFrame *frame_picture(const struct frame *f);

/* Frames alive in the process, and the bytes of their pictures: for the status. */
void frame_count(int64_t *ret_frames, int64_t *ret_bytes);
