#pragma once

#include "flow/face.h"

#include <stddef.h>

/*
 * What the outputs of an SSD face detector mean (Liu et al. 2016): rows of seven numbers, picture,
 * class, confidence, and the corners left, top, right, bottom as shares of the picture.
 *
 * Writes the rows of confidence keep or more as faces of a picture of width x height, at most max;
 * what is no number, has no area or does not touch the picture is left out. Returns how many.
 */
int ssd_decode(const float *rows, size_t n_rows, int width, int height, float keep,
        struct face *ret_faces, int max);
