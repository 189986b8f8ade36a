#pragma once

#include "flow/face.h"

/*
 * How boxes lie to one another, and which boxes can be reckoned with at all.
 */

/* Finite, at least one pixel in size and not absurdly large or far away. */
bool box_sane(const struct box *b);

/* Overlap of two sane boxes as a fraction of their union: 0 disjoint, 1 equal. */
float box_iou(const struct box *a, const struct box *b);

/* Overlap as a fraction of the smaller one: 1 when one lies within the other. */
float box_cover(const struct box *a, const struct box *b);

struct point box_centre(const struct box *b);
