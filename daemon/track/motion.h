#pragma once

#include "flow/face.h"

#include <stdbool.h>

/*
 * Where a face will be: its centre, speed and size, and how unsure they are.
 *
 * A Kalman filter whose speed fades towards zero (an Ornstein-Uhlenbeck process; Singer 1970 uses
 * one for acceleration), with one difference: all its noises are in units of the face's own size,
 * since a head is a head at any distance, and so a width per second means the same everywhere.
 * Pictures come at 2 to 30 a second and with gaps, so every step takes the time that passed.
 *
 * A filter is too sure of itself when somebody starts, stops or turns, so how far a face may have
 * come at most is a rule of its own (the reach), measured from the whole way between the place
 * where it was seen last and the place where it is expected.
 */
struct motion {
    struct point at;    /* the centre */
    float vx, vy;       /* pixels per second */
    float log_w, log_h; /* the size */
    float pp, pv, vv;   /* covariance of place and speed, the same for both axes */
    float ss;           /* variance of the size's logarithm */
    float pace;         /* its usual speed per axis, in sizes per second */
    float blind;        /* seconds since the latest detection */
    struct point seen;  /* its centre then */
    float doubt;        /* and the speed's standard deviation, in sizes per second */
};

/* All boxes must be sane (box_sane()). */
void motion_start(struct motion *m, const struct box *b);
void motion_predict(struct motion *m, float seconds); /* seconds >= 0 */
void motion_update(struct motion *m, const struct box *b);
struct box motion_box(const struct motion *m);

/* How unsure its place is: the standard deviation along an axis, in sizes. */
float motion_doubt(const struct motion *m);

/* Stays where it is: nothing changed in the picture. */
void motion_rest(struct motion *m);

/*
 * Could the face in this box be the same one? Returns how unlikely, as -2 ln of a likelihood, or
 * INFINITY when the box is too far from what is expected.
 *
 * outside: it is expected outside of the picture. Then it has walked out, and who appears at the
 * edge is somebody else, unless hardly any way lies between: one who leans out and in again.
 */
float motion_cost(const struct motion *m, const struct box *b, bool outside);

/* The same within the reach: the distance in sizes, or INFINITY. */
float motion_stray(const struct motion *m, const struct box *b, bool outside);
