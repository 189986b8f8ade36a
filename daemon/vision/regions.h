#pragma once

#include "flow/change.h"
#include "flow/face.h"
#include "vision/tiles.h"

#include <stdbool.h>

/*
 * Which parts of a picture are looked at when only here and there something changed.
 *
 * A detector's work is in proportion to the pixels it sees. So it sees those parts that changed
 * since somebody looked last, at the scale at which it would see the whole picture, with enough
 * around them that a face lies in one of them as a whole; and whoever must be looked at in any
 * case. Everybody who is known lies either in a region with all that he may have moved by, or far
 * from all of them, so that nobody is looked at by half. Pure.
 */
#define REGIONS_MAX 6

struct regions {
    int n; /* 0: nothing is to be looked at */
    struct tile list[REGIONS_MAX];
    float scale; /* of the net's input, in pixels per pixel of the picture */
};

struct regions_wish {
    int width, height; /* of the picture */
    int max_side;      /* of the net's input */
    const struct change_map *changes;
    int64_t since_us; /* when somebody looked last: what changed later is new */
    const struct expected *people;
    int n_people;
};

/* False: it costs no more to look at the whole picture. */
bool regions_plan(const struct regions_wish *wish, struct regions *ret);

/*
 * Is all that changed of people who are known and move steadily, none of whom must be looked at or
 * is near another? Then it is known well enough for a moment where each of them is.
 */
bool regions_familiar(const struct regions_wish *wish);

/* Is the box's centre in one of them? */
bool regions_hold(const struct regions *r, const struct box *b);

/* Has the tile some of them in it? */
bool regions_touch(const struct regions *r, const struct tile *tile);

/* The i-th as a box. */
struct box regions_box(const struct regions *r, int i);
