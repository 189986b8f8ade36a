#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How Levi and Hassner (2015) show an aligned picture of Adience to their nets: scaled to 256x256,
 * of which they see the middle 227x227, or, over-sampled, the middle, the four corners, and the
 * mirrored five, whose answers are averaged. Pure.
 */
#define PAPER_WHOLE 256
#define PAPER_SIDE  227
#define PAPER_CROPS 10

/* All packed BGR; ret holds room for one crop, or with oversample for all. How many were made. */
int paper_crops(const uint8_t *whole, bool oversample, uint8_t *const ret[PAPER_CROPS]);
