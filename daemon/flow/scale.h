#pragma once

#include <stdint.h>

struct frame;

/*
 * Pictures for the nets, made straight from what the decoder gave out: no full picture is ever
 * converted to BGR, only the small input of the detector and the rectangle around each face.
 *
 * Every pixel format that libswscale reads is taken. Range and matrix are the frame's own; where
 * it does not say, small pictures count as BT.601 and HD as BT.709, as players do. Output is packed
 * BGR, 3 * width bytes in a row, in the caller's memory.
 *
 * A scaler keeps the converters it has made, because making one costs more than using it. One per
 * worker thread; it is not locked. All functions return 0, -EINVAL for sizes or formats that
 * cannot be, or -ENOMEM; the frame is then lost and nothing else.
 */
struct scaler;

struct scaler *scaler_new(void);
void scaler_free(struct scaler *s);

/* The longest side of any picture or output that is taken on. */
#define SCALE_SIDE_MAX 16384

/*
 * The whole picture in its own proportions, as large as fits into w x h but never enlarged, in the
 * upper left corner; the rest is black. *ret_scale is output pixels per picture pixel.
 */
int scale_letterbox(
        struct scaler *s, const struct frame *f, int w, int h, uint8_t *bgr, float *ret_scale);

/* Where a rectangle for scale_part() may begin: so that every plane begins at a whole sample, on 16
 * bytes with all but the rarest chroma. */
#define SCALE_STEP_X 32
#define SCALE_STEP_Y 4

/*
 * The same of the rectangle at x, y of the picture, part_w x part_h, which lies within it. No pixel
 * from beyond its edges comes in.
 */
int scale_part(struct scaler *s, const struct frame *f, int x, int y, int part_w, int part_h, int w,
        int h, uint8_t *bgr, float *ret_scale);

/* The whole picture stretched to w x h. */
int scale_squeeze(struct scaler *s, const struct frame *f, int w, int h, uint8_t *bgr);

enum scale_outside {
    SCALE_BLACK, /* what lies outside of the picture is black */
    SCALE_EDGE,  /* or repeats the nearest pixel of the picture */
};

/*
 * The rectangle at x, y of the picture, w x h, pixel for pixel; it may reach beyond the picture or
 * lie outside. A frame of packed BGR comes out byte for byte.
 */
int scale_crop(struct scaler *s, const struct frame *f, int x, int y, int w, int h,
        enum scale_outside outside, uint8_t *bgr);
