#pragma once

#include "flow/face.h"

/*
 * How boxes lie to one another, which can be reckoned with at all, and how a head is turned: what
 * the detector, the tracker, the emitter and whoever shows a picture reckon alike. Pure.
 */

/* Finite, at least one pixel in size and not absurdly large or far away. */
bool box_sane(const struct box *b);

/* Overlap as a fraction of their union: 0 disjoint, 1 equal. Never NAN, whatever the boxes. */
float box_iou(const struct box *a, const struct box *b);

/* Overlap of two sane boxes as a fraction of the smaller one: 1 when one lies within the other. */
float box_cover(const struct box *a, const struct box *b);

struct point box_centre(const struct box *b);

/* Is the point in it? Of its edges the left and the upper one belong to it. */
bool box_has(const struct box *b, struct point at);

/* Where its centre is in a picture of this size, 0 to 1; beyond the edge the nearest point. */
struct point box_place(const struct box *b, int width, int height);

/* The part of it that lies inside a picture of this size, relative to that: 0 to 1. */
struct box box_relative(const struct box *b, int width, int height);

/*
 * 0 frontal to 1 profile: how far the nose stands from the middle between the eyes, along the line
 * through them, in half distances of the eyes. 0 without landmarks, 1 with both eyes in one place.
 */
float face_turn(const struct face *face);
