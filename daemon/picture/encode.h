#pragma once

#include "base/err.h"
#include "flow/event.h"

struct canvas;

/*
 * Pictures on their way out, as files: by libavcodec, without metadata. Any thread.
 */

/* NULL when it cannot be done: then there is no picture, and nothing else. */
struct jpeg *encode_jpeg(const struct canvas *c);

/* Whether encode_file() knows what to make of this name: .jpg, .jpeg or .png. */
bool encode_knows(const char *path);

/* Replaces what is there. 0, or a negative errno with a sentence. */
int encode_file(const struct canvas *c, const char *path, struct err *e);
