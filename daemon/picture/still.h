#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct frame;

/*
 * Still pictures as frames: JPEG, PNG, WebP, BMP, TIFF, GIF (the first picture of an animation), by
 * libavcodec and without a demuxer, so that a file on disk and an upload go the same way.
 *
 * What comes out is upright, whatever the camera was held like, and whole: a file that ends too
 * early or is damaged gives no half picture but a sentence, as do one that is empty, one that is
 * too large, and what is no picture. Any thread.
 */
struct still_limits {
    size_t bytes;   /* of the file */
    int64_t pixels; /* of the picture */
    int side;       /* one that must be turned or laid on white is made smaller: its longer side */
};
extern const struct still_limits still_limits_own;      /* 512 MB, 256 Mi: whose host this is */
extern const struct still_limits still_limits_stranger; /* 24 MB, 50 Mi, 4096 */

/* NULL, with a sentence that begins with `name`. */
struct frame *still_decode(const uint8_t *data, size_t size, const char *name,
        const struct still_limits *limits, struct err *e);
struct frame *still_read(const char *path, const struct still_limits *limits, struct err *e);
