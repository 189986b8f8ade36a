#pragma once

#include "base/err.h"
#include "flow/settings.h"
#include "flow/view.h"

#include <jansson.h>

struct frame;
struct models;

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

/* From now on pictures are looked at in tiles as well, for the smallest faces that can be found. */
void viewer_use_tiles(struct viewer *v);

struct view_face {
    struct portrait portrait; /* in pixels of the frame */
    float score;
    /* From what the answers came: for whoever judges the models. */
    struct quality quality;
    bool estimated;           /* whatever the quality is */
    struct estimate estimate; /* as the model says it */
    int64_t took_us;          /* cutting out, quality and estimate */
};

/* The surest first. How many, at most FACES_MAX, or a negative errno: it cannot be looked at. */
int viewer_look(struct viewer *v, const struct frame *f, struct view_face ret_faces[FACES_MAX]);

/*
 * The same for a picture that is a face as a whole, cut out and aligned by somebody else: nothing
 * is looked for. bgr is packed, n pictures of one face, each w x h; they are written over, and what
 * is estimated from them is averaged. 0, or a negative errno.
 */
int viewer_whole(
        struct viewer *v, uint8_t *const *bgr, int n, int w, int h, struct view_face *ret_face);

/* How sure the answers of a face are, where quality withholds none: as if certainty were 0. */
struct answers viewer_odds(const struct viewer *v, const struct view_face *face);

/* The cards of its two models. */
const struct models *viewer_models(const struct viewer *v);

/* {"width", "height", "faces": [{"box", "width_px", "score", "age", "gender"}]}, a new reference;
 * faces are told as in the events of faced-events(7). */
json_t *viewer_json(const struct frame *f, const struct view_face *faces, int n);
