#pragma once

#include <stddef.h>
#include <stdint.h>

struct AVFrame;
struct frame;
struct scaler;

/*
 * A picture that may be drawn upon, on its way out of the process: a frame is never changed, so
 * boxes, labels and mosaics go onto a copy.
 *
 * Rows of 32 bits a pixel, blue first, the fourth byte without meaning; upright. Any thread, one at
 * a time.
 */
struct canvas {
    int width, height;
    int stride; /* bytes from row to row */
    uint8_t *rows;
};

/* Black. NULL: sizes below 1 or above SCALE_SIDE_MAX, or no memory. */
struct canvas *canvas_new(int width, int height);
void canvas_free(struct canvas *c); /* NULL is fine */

/*
 * The whole frame, made smaller where its longer side would be over `side` (0: no bound) or there
 * would be more than 64 Mi pixels. *ret_scale is canvas pixels per frame pixel. NULL: a frame that
 * cannot be converted, or no memory.
 */
struct canvas *canvas_of(struct scaler *s, const struct frame *f, int side, float *ret_scale);

/* From packed BGR, likewise. */
struct canvas *canvas_of_bgr(const uint8_t *bgr, int width, int height, int side);

/*
 * Inside the room: as a new AVFrame of this size and pixel format, for an encoder. YUV is of the
 * J formats in full range and BT.601, as JPEG wants it; else in limited range, BT.709. NULL: no
 * memory.
 */
struct AVFrame *canvas_picture(const struct canvas *c, int width, int height, int format);
