#pragma once

#include "vision/card.h"

struct frame;
struct scaler;

/* A part of a picture, in its pixels, and at which scale it is looked at. */
struct detect_part {
    int x, y, w, h;
    float scale;
    bool any_size; /* the next one has another; else many will have this one */
};

/*
 * The seam between detector.c and the engines. An engine opens its net, turns a picture into
 * candidates, and leaves the rest - sums, overlapping boxes, limits - to detector.c.
 */
struct detect_engine {
    const char *name; /* as the card calls it */
    void *(*open)(const struct card *card, struct err *e);
    /*
     * Points *ret_faces to the engine's own candidates, valid until the next run: finite boxes
     * that touch the part, in pixels of the picture, scores from the card's keep_score on. part
     * NULL: the whole picture; there is one only where the card has a min_width.
     */
    int (*run)(void *engine, struct scaler *s, const struct frame *f,
            const struct detect_part *part, struct face **ret_faces, int *ret_n, struct err *e);
    void (*close)(void *engine);
};

extern const struct detect_engine detect_yunet, detect_ssd;
