#pragma once

#include "flow/face.h"

/*
 * Makes one face of the many boxes that a detector gives for it: the surest box stays, others that
 * overlap it go (non-maximum suppression).
 */

/*
 * Leaves those of the n faces that overlap no surer one by more than the limit, at most max, the
 * surest first. Returns how many. Scores are numbers.
 */
int nms(struct face *faces, int n, float limit, int max);
