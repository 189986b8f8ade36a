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

/*
 * Adds to the n faces those of the cut ones that neither they nor a surer cut one cover to a half;
 * at most max in the end, the surest first. Half a face overlaps the whole one by too little
 * for nms() to see that they are one. There is room for max faces.
 */
int nms_cut(struct face *faces, int n, struct face *cut, int n_cut, int max);
