#pragma once

#include "flow/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A frame packed into memory that two processes share, and found there again.
 *
 * How planes and rows lie follows from the format and the size alone, and each side works it out
 * for itself: whoever packed a frame cannot make the reader look elsewhere. Plain pixel formats
 * only.
 *
 * Threads: any, each frame by one.
 */
struct packed {
    int32_t format, width, height, color_range, colorspace; /* as in libav's AVFrame */
    int64_t time_us, wall_us;
};

#define PACK_ALIGN  64 /* of the memory */
#define PACK_BEHIND 64 /* bytes that may be read behind a picture: libswscale reads whole vectors */

/* What the largest picture takes, in ten bits or in full colour, and what rows are padded by. */
#define PACK_SIZE ((size_t)FRAME_MAX_PIXELS * 3 + ((size_t)1 << 20))

/* Copies f's picture to that memory of PACK_SIZE and describes it; false: it does not fit, or is of
 * a kind that cannot be copied. */
bool pack_frame(const struct frame *f, uint8_t *memory, struct packed *ret);

/*
 * A frame around what lies there, which is not copied; the caller's reference. When the last one
 * has gone, `release` is called, once, on whichever thread that was. NULL, and `release` is not
 * called: errno EPROTO for a description that is none, ENOMEM.
 */
struct frame *pack_open(
        const struct packed *p, uint8_t *memory, void (*release)(void *arg), void *arg);
