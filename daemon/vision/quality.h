#pragma once

#include "flow/face.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * How good a face's picture is for an estimate: a vote from a small, blurred or half hidden face
 * is worse than none, and the person is told why there is no answer. Pure.
 */

/*
 * How much is asked of a picture. A model whose card says nothing of poor pictures must not see
 * them; one whose calibration was measured on them answers with the probability that they leave.
 */
enum demand {
    DEMAND_STRICT,
    DEMAND_CALIBRATED,
};

/*
 * bgr: the pixels of the face's box inside of the picture, packed, w x h; NULL when nothing of it
 * is inside. width and height are the picture's. The weight never falls when only the width or the
 * sharpness rises or the turn falls; it is 0 exactly when there is a defect.
 */
void quality_measure(const struct face *face, const uint8_t *bgr, int w, int h, int width,
        int height, enum demand demand, struct quality *ret);

/* Sets weight, defect and poorest from the measures that are in q. The score counts where the face
 * has landmarks, that is for YuNet; too low, the defect is UNKNOWN_LOW_CONFIDENCE. */
void quality_judge(struct quality *q, bool has_marks, float score, enum demand demand);
