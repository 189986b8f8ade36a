#pragma once

#include "flow/face.h"

#include <stdbool.h>

/*
 * Where the labels of a picture go, so that each can be read and told whose it is.
 *
 * No label leaves the picture, none covers another's face, no two cover each other. A label stands
 * at its face's box where there is room; where there is none it is made smaller, or shorter, or
 * stands apart with a line to its face, or over its own face. In a crowd some find no place at
 * all and are left out. Pure; in pixels of the picture that is drawn upon.
 */
#define LABEL_TEXTS 2 /* the whole text, and a short one */

struct label {
    /* given */
    struct box face;
    float ems[LABEL_TEXTS]; /* width of each text in units of the font's size; 0: none */

    /* found */
    bool shown;
    int text;   /* which of them */
    float font; /* size in pixels */
    struct box at;
    bool apart; /* a line must tell whose it is */
};

/* The size of text that can be read in such a picture, however large it is shown. */
float layout_font(int width, int height);

/* From a font's size to the room around its text. */
float layout_height(float font);
float layout_padding(float font);

/* n at most SIGHTINGS_MAX. */
void layout_labels(struct label *labels, int n, int width, int height);
