#pragma once

#include "flow/face.h"

#include <stdbool.h>

/*
 * Parts of a picture as polygons, in coordinates relative to it: 0,0 is its upper left corner, 1,1
 * its lower right one, so that they hold for every size in which a camera may send it. Plain
 * values, fixed in size, so that a camera's settings can be copied. Pure.
 *
 * A polygon that crosses itself is what the even-odd rule makes of it: of a star drawn in one line
 * the points belong to it and its middle does not. The border belongs to it.
 */
#define POLYGON_POINTS 32 /* at most; at least three */
#define POLYGONS_MAX   16

struct polygon {
    int n;
    struct point point[POLYGON_POINTS];
};

struct polygons {
    int n;
    struct polygon list[POLYGONS_MAX];
};

bool polygon_holds(const struct polygon *p, struct point at);

/* Do all its points lie on one line? Then there is nothing but a border. */
bool polygon_flat(const struct polygon *p);

/* Does any of them hold it? */
bool polygons_hold(const struct polygons *p, struct point at);

/* Point by point. */
bool polygons_same(const struct polygons *a, const struct polygons *b);

/* The smallest upright box around all of them; of none the whole picture. */
struct box polygons_bounds(const struct polygons *p);
