#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct frame;

/*
 * Models without nets, in the place of vision/card.c, detector.c and attrs.c: the detector finds
 * the faces that a fake frame names, and every face that is looked at is a woman of thirty.
 *
 * Threads: the plain fields are set while no worker runs.
 */
struct fake_vision {
    /* Called inside detector_run(), on the worker's thread; NULL: nothing. */
    void (*looking)(void *arg, const struct frame *f);
    void *arg;
    const char *missing; /* the card of this name cannot be loaded */
    int max_side;        /* of the net's input; 0: 128 */
    bool cut;            /* in parts of a picture a face is always cut by an edge */
    int nets_max;        /* so many nets can be opened, and no more; 0: any number */

    atomic_int blind;     /* the next so many pictures cannot be looked at */
    atomic_int open;      /* nets and cards that are open */
    atomic_int partial;   /* looks at parts of a picture that gave something */
    atomic_int crowds;    /* times that two threads were in one net; must stay 0 */
    atomic_int estimates; /* faces looked at */
};

extern struct fake_vision fake_vision;

/* For looking(): the tiles of this look beside the whole picture. */
extern _Thread_local int fake_vision_tiles;
