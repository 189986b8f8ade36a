#pragma once

#include "base/err.h"
#include "flow/settings.h"
#include "flow/view.h"

#include <jansson.h>

struct frame;

/*
 * What is seen in one picture alone: the same detector, the same look at each face and the same
 * votes as for a camera, where one picture is all there is.
 *
 * For still pictures, from a file or from somebody's browser. One thread at a time; all viewers and
 * pipelines are opened by one thread at a time (OpenCV).
 */
struct viewer;

struct viewer *viewer_open(const struct conf *, struct err *e);
void viewer_close(struct viewer *v); /* NULL is fine */

struct view_face {
    struct portrait portrait; /* in pixels of the frame */
    float score;
};

/* The surest first. How many, at most FACES_MAX, or a negative errno: it cannot be looked at. */
int viewer_look(struct viewer *v, const struct frame *f, struct view_face ret_faces[FACES_MAX]);

/* {"width", "height", "faces": [{"box", "width_px", "score", "age", "gender"}]}, a new reference;
 * faces are told as in the events of faced-events(7). */
json_t *viewer_json(const struct frame *f, const struct view_face *faces, int n);
