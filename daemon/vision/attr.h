#pragma once

#include "vision/card.h"

#include <stdint.h>

/* The seam between attrs.c, which cuts the face out, and the engines, which run nets on it. */
struct attr_engine {
    const char *name; /* as the card calls it */
    void *(*open)(const struct card *card, struct err *e);
    /* bgr: the crop that the card asks for, packed; the engine may write to it. The estimate is as
     * the net says it: what the card has measured of it comes after. */
    int (*run)(void *engine, uint8_t *bgr, int w, int h, struct estimate *ret, struct err *e);
    void (*close)(void *engine);
};

extern const struct attr_engine attr_years, attr_ranges;

/*
 * The probability of female from a net's two numbers, which are one already where softmax is in
 * the net; NAN when they are none.
 */
float attr_female(const float pair[2], bool female_first);

/* The logit of a probability, which a net may give as 0 or 1, and the way back. */
float attr_logit(float p);
float attr_probability(float logit);
