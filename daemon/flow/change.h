#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Where in a picture something changed, and when last: from the camera's motion gate
 * (sample/scene.h) with each frame to the worker, who looks for faces only there.
 *
 * A moment for each square block, so that whoever missed pictures in between knows all that
 * changed since he looked last. A plain value.
 */
#define CHANGE_SIDE 32 /* blocks across the longer side, at most */

struct change_map {
    int cols, rows; /* 0: not known, all of it may be new */
    int block;      /* pixels of its side; the last of a row and of a column reach to the edge */
    int64_t at_us[CHANGE_SIDE * CHANGE_SIDE]; /* row by row, by the track clock */
};
