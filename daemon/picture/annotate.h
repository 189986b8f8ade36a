#pragma once

#include "flow/view.h"

struct canvas;

/*
 * Boxes and labels on a picture, so that a person sees who was found and what is thought of him.
 *
 * Lines and letters grow with the picture, so that a phone's photo and a frame of 4K look alike
 * once they are shown at the same size. Drawn by cairo, whose fonts are the system's. Any thread.
 */
/* Persons only. scale: canvas pixels per pixel of the boxes. */
void annotate(struct canvas *c, const struct portrait *faces, int n, float scale);

/*
 * Makes faces unrecognisable, of persons and of those who may be: all that is inside the box and a
 * fifth around it becomes a mosaic of a few tiles. A tile's colour is the mean of its pixels, so
 * nothing can be won back.
 */
void blur(struct canvas *c, const struct portrait *faces, int n, float scale);
