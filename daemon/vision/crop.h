#pragma once

#include "flow/face.h"
#include "vision/card.h"

#include <stdbool.h>
#include <stdint.h>

/* Which pixels of the picture a model gets to see of a face: pure geometry, by the model's card. */
struct rect {
    int x, y, w, h;
};

/*
 * A square lies where the box says, also beyond the picture; with a margin the rectangle is cut at
 * the edge as the classic script cuts it, frame[max(0, y1-20):min(y2+20, h-1), ...], which leaves
 * out the picture's last row and column. False when nothing is left of it, or it would be larger
 * than four pictures, or the box is no box.
 */
bool crop_rect(const struct card_crop *crop, const struct box *box, int width, int height,
        struct rect *ret);

/* The box itself, cut at the picture's edge. False when nothing is left. */
bool crop_box(const struct box *box, int width, int height, struct rect *ret);

/*
 * Makes a packed BGR picture smaller in place, by the largest whole factor that leaves at least
 * to_w x to_h, each pixel the mean of those that it stands for. A rest of columns and rows at the
 * far edges that fill no block is dropped evenly from both sides. Nothing happens below factor 2.
 */
void crop_average(uint8_t *bgr, int *w, int *h, int to_w, int to_h);

/* Left becomes right, in place. */
void crop_mirror(uint8_t *bgr, int w, int h);
