#pragma once

#include "flow/face.h"

#include <stdbool.h>

/*
 * How a picture is cut up so that small faces in it are found.
 *
 * A net looks at a picture as at most so many pixels across, and in a picture of 3840 a face of 30
 * is five of them and is missed. So parts of the picture are looked at as well, each at a scale at
 * which the narrowest wanted face is as wide as the net needs. The whole picture is still looked at
 * first, for the large faces; tiles overlap by more than the largest face that it misses, so that
 * each face lies wholly in one of them or is found in the whole. All tiles have one size, because
 * changing a net's size costs more than running it. Pure.
 */
#define TILES_MAX 32 /* some seconds of a slow core */

struct tile {
    int x, y, w, h; /* in pixels of the picture, and within it */
};

struct tiles {
    int n; /* 0: the whole picture tells as much, or the detector has no such measure */
    struct tile list[TILES_MAX];
    float scale;        /* of the net's input, in pixels per pixel of the picture */
    float narrowest_px; /* faces so wide are found, with the tiles, if there are any */
    float work;         /* pixels of all inputs, in those of the whole picture's: 1 without tiles */
};

/* What shall be found, and by which net. */
struct tiles_wish {
    int width, height;  /* of the picture */
    int max_side;       /* of the net's input; 0: the net has one size, and no tiles are made */
    float min_width;    /* the narrowest face it finds, in pixels of its input; 0: not known */
    float narrowest_px; /* of a wanted face, in the picture */
    struct box area;    /* where its centre is, relative to the picture */
};

/*
 * The coarsest tiles that do; where more than TILES_MAX would be needed as fine ones as can be, and
 * then narrowest_px is more than was wished for. A picture is never enlarged.
 */
void tiles_plan(const struct tiles_wish *wish, struct tiles *ret);

/* Does the box, found at this scale, reach the tile's edge where the picture goes on? Then it may
 * be half a face. */
bool tile_cuts(const struct tile *tile, float scale, int width, int height, const struct box *b);
