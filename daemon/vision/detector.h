#pragma once

#include "base/err.h"
#include "flow/face.h"

struct card;
struct frame;
struct regions;
struct tiles;

/*
 * Finds the faces in a picture, with the engine that the model card names.
 *
 * The detector scales the picture itself, straight from the decoder's format, so that a frame that
 * is dropped before it comes here has cost nothing. One per worker thread, not locked. Opening
 * checks the model's file against its card and runs the net once.
 */
struct detector;

/* Copies from the card what it needs. */
struct detector *detector_open(const struct card *card, struct err *e);
void detector_close(struct detector *d); /* NULL is fine */

/*
 * At most FACES_MAX faces, the surest first, from the card's keep_score on; boxes in pixels of the
 * picture. A negative errno when this picture cannot be looked at; the next one may.
 */
int detector_run(
        struct detector *d, const struct frame *f, struct face faces[FACES_MAX], int *ret_n);

/* The same, looking at each of the tiles as well, which were planned for pictures of this size and
 * the detector's card. */
int detector_scan(struct detector *d, const struct frame *f, const struct tiles *tiles,
        struct face faces[FACES_MAX], int *ret_n);

/*
 * The same, but looks only at these regions and at the tiles that they touch, and gives only faces
 * whose centre is in a region. 1: a face may go on beyond a region's edge, so nothing is given and
 * the whole picture is to be looked at. Where there are regions the card has a min_width.
 */
int detector_look(struct detector *d, const struct frame *f, const struct tiles *tiles,
        const struct regions *regions, struct face faces[FACES_MAX], int *ret_n);
