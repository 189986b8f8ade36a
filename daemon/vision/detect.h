#pragma once

#include "vision/card.h"

struct frame;
struct scaler;

/*
 * The seam between detector.c and the engines. An engine opens its net, turns a picture into
 * candidates, and leaves the rest - sums, overlapping boxes, limits - to detector.c.
 */
struct detect_engine {
    const char *name; /* as the card calls it */
    void *(*open)(const struct card *card, struct err *e);
    /*
     * Points *ret_faces to the engine's own candidates, valid until the next run: finite boxes
     * that touch the picture, in its pixels, scores from the card's keep_score on.
     */
    int (*run)(void *engine, struct scaler *s, const struct frame *f, struct face **ret_faces,
            int *ret_n, struct err *e);
    void (*close)(void *engine);
};

extern const struct detect_engine detect_yunet, detect_ssd;
