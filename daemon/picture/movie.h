#pragma once

#include "base/err.h"

#include <stdint.h>

struct canvas;

/*
 * Pictures one after another as a video file: H.264 in MP4 (or what else the name's ending asks
 * for), each shown at its own time, so that a camera's irregular pictures stay so.
 *
 * A file is whole only after movie_close(): MP4 has its index at the end. One thread at a time.
 */
struct movie;

/* Replaces what is there. Sides are rounded down to even numbers. NULL: the file or the encoder
 * cannot be had, see e. */
struct movie *movie_open(const char *path, int width, int height, struct err *e);

/*
 * time_us: by any clock; the first picture's becomes 0. One that does not come after the one before
 * it is shown as soon after that as can be. A picture of another size is stretched. 0, or a
 * negative errno with a sentence: then all further ones fail as well.
 */
int movie_add(struct movie *m, const struct canvas *c, int64_t time_us, struct err *e);

/* Ends the file properly, also after a failure, and frees m. 0, or negative with a sentence. */
int movie_close(struct movie *m, struct err *e);
