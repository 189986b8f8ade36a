#pragma once

#include "flow/change.h"
#include "flow/frame.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Does a picture show anything new? So that nobody looks for faces where nothing has changed.
 *
 * The brightness of a picture is averaged into cells and compared with what was there: a running
 * mean and deviation of each cell since something changed last. So noise of the sensor, leaves in
 * the wind, slow changes of the light and steps of the exposure that are small are nothing, while
 * somebody who moves ever so slowly is something as soon as he has come far enough. A sudden
 * change of everything - the light is switched - is one change, and then the new normal.
 *
 * The few cells in which a camera writes the time are told by their changing again and again while
 * nobody is there, and count for nothing, nor do those around them. There are never many of them: a
 * road is not a clock.
 *
 * Pure; one per open source. A picture without a plane of brightness always shows something new.
 */
#define SCENE_SIDE 128 /* cells across the longer side, at most */

/* Cells of a block of the map along one side. */
#define SCENE_BLOCK (SCENE_SIDE / CHANGE_SIDE)

struct scene {
    int width, height; /* of the picture; 0: none seen yet */
    int cell;          /* pixels of a cell's side */
    int cols, rows;
    bool begun;
    int64_t last_us, still_us;
    /* by cell: levels of brightness, 0 to 255 */
    float now[SCENE_SIDE * SCENE_SIDE];
    float mean[SCENE_SIDE * SCENE_SIDE];
    float noise[SCENE_SIDE * SCENE_SIDE];  /* mean absolute deviation */
    float unrest[SCENE_SIDE * SCENE_SIDE]; /* share of the pictures in which it changed */
    bool clock[SCENE_SIDE * SCENE_SIDE];
    struct change_map map; /* of the pictures looked at so far */
};

struct scene_change {
    bool still;       /* nothing new */
    bool all;         /* nearly everything changed: rather the light than somebody */
    int cells;        /* that changed */
    int64_t still_us; /* the first picture since which nothing is new; this one's when not still */
    float x, y, w, h; /* where, as shares of the picture; with cells > 0 */
};

void scene_init(struct scene *s);

/* Begins with what another has learned of the same view; keeps its own noise where that is more. */
void scene_follow(struct scene *s, const struct scene *of);

/* The next picture; luma NULL: it has none. lonely: nobody is there, as far as is known. */
void scene_look(struct scene *s, const struct luma *luma, int64_t time_us, bool lonely,
        struct scene_change *ret);
