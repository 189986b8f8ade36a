#pragma once

#include "flow/face.h"

#include <stddef.h>

/*
 * The arithmetic around YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector",
 * Machine Intelligence Research 20, 2023): what size its input has, and what its outputs mean.
 * Pure, so that it can be tested with any numbers.
 */
#define YUNET_MAPS 3 /* one for each stride: 8, 16, 32 */

struct yunet_size {
    int w, h; /* multiples of 32 */
};

/* The input for a picture: its own size and proportions, its longer side at most max_side. */
struct yunet_size yunet_size(int width, int height, int max_side);

/* The same of a part that is looked at at this scale. */
struct yunet_size yunet_size_at(int width, int height, float scale);

/* The outputs for one stride S: (w / S) * (h / S) cells, row by row. */
struct yunet_map {
    const float *cls, *obj; /* one per cell */
    const float *bbox;      /* 4 */
    const float *kps;       /* 10: x, y of each landmark */
};

/* Cells of all three maps together. */
size_t yunet_cells(struct yunet_size size);

/*
 * Writes the cells that score keep or more as faces of a picture of width x height, of which the
 * input shows `scale` pixels per pixel. What is no number, has no area, is larger than four
 * pictures or does not touch the picture is left out. Returns how many, at most yunet_cells().
 */
int yunet_decode(const struct yunet_map maps[YUNET_MAPS], struct yunet_size size, int width,
        int height, float scale, float keep, struct face *ret_faces);
