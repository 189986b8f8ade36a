#pragma once

#include "flow/event.h"

#include <stdint.h>

/*
 * Packed BGR to JPEG, by libavcodec: the picture of a face that privacy.store_crops keeps.
 *
 * The picture is made smaller so that its longer side is at most `side`, never larger. Without
 * metadata. Any thread. NULL when it cannot be done: then there is no picture, and nothing else.
 */
struct jpeg *jpeg_from_bgr(const uint8_t *bgr, int width, int height, int side);
