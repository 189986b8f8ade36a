#pragma once

#include "flow/face.h"

/*
 * Makes one face of the many boxes that a detector gives for it: the surest box stays, others that
 * overlap it go (non-maximum suppression).
 */

/* Intersection over union: 0 apart, 1 the same; 0 for boxes without area or that are no numbers. */
float box_overlap(const struct box *a, const struct box *b);

/*
 * Leaves those of the n faces that overlap no surer one by more than the limit, at most max, the
 * surest first. Returns how many. Scores are numbers.
 */
int nms(struct face *faces, int n, float limit, int max);
