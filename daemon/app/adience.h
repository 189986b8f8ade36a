#pragma once

#include "app/labels.h"

/*
 * Adience, the set on which age and gender are compared since Levi and Hassner (2015): what stands
 * in its five fold files, and where its pictures are.
 *
 * Its ages are the eight ranges and, here and there, something else: single numbers (35), other
 * ranges, one the wrong way round ((25, 23)), None. All of these count as the nearest of the
 * eight, a range by its middle. None and nothing are no age, u and nothing no gender.
 */

/* Fill in the label; false: it is none of that. */
bool adience_age(const char *text, struct label *l);
bool adience_gender(const char *text, struct label *l);

/*
 * Gives each of the set's labels the path of its picture in `dir`: the aligned ones,
 * aligned/USER/landmark_aligned_face.FACE_ID.ORIGINAL, or where that folder is not there
 * faces/USER/coarse_tilt_aligned_face.FACE_ID.ORIGINAL. One whose picture is not there gets none.
 * Returns how many are there; and whether they are the aligned ones.
 */
size_t adience_find(struct labels *set, const char *dir, bool *ret_aligned);
