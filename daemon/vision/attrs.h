#pragma once

#include "base/err.h"
#include "flow/face.h"

struct card;
struct frame;

/*
 * Estimates age and gender of faces that were found, with the engine that the model card names,
 * and says how good each face's picture is.
 *
 * Only the pixels around the face are converted, at full resolution. One per worker thread, not
 * locked. Opening checks the files against the card and runs the
 * nets once.
 */
struct attrs;

/* Copies from the card what it needs. */
struct attrs *attrs_open(const struct card *card, struct err *e);
void attrs_close(struct attrs *a); /* NULL is fine */

/*
 * One face: its quality, and the estimate whatever the quality is. 0, or a negative errno when the
 * face cannot be cut out or looked at; the quality is given then too.
 */
int attrs_look(struct attrs *a, const struct frame *f, const struct face *face,
        struct quality *ret_quality, struct estimate *ret_estimate);

/* The chosen sightings of this picture: quality, and where that has no defect the estimate. */
void attrs_run(struct attrs *a, const struct frame *f, struct sightings *sightings);

/* A picture that is a face as a whole, packed BGR; it may be written to. 0, or a negative errno. */
int attrs_whole(struct attrs *a, uint8_t *bgr, int w, int h, struct estimate *ret);
