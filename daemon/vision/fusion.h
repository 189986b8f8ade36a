#pragma once

#include "base/err.h"
#include "flow/face.h"
#include "vision/card.h"

/*
 * One answer from what several models say of several views of a face.
 *
 * Models err in ways that are known once they have been measured: they call a third of the women
 * men, they make the old younger, and they are surer than they are right, the more so when the
 * picture is poor. The numbers that mend this are fitted by models/calibrate.py on labelled faces
 * and stand in a file beside the card. Pure arithmetic:
 *
 *   base  = mean of the views' years; other = mean of the second opinion's
 *   years = base + shift + hinges(base) + second_by * trapezoid(base) * (other - base)
 *           + spread_by * ramp(base) * deviation of the base's views
 *   sd    = exp(log + hinges(years) + doubts)
 *   logit = (shift + sum of weight * logit of female) * exp(-doubts)
 *
 * with hinges(x) = sum of slope * max(0, x - from). Below min_years no gender is said.
 */
#define FUSION_HINGES 4

/* What makes an answer less sure, each 0 for an ideal picture, and weighed by the calibration. */
enum doubt {
    DOUBT_SMALL,    /* octaves by which the face is smaller than 80 pixels */
    DOUBT_BLURRED,  /* and its sharpness less than 60 */
    DOUBT_TURNED,   /* 0 frontal to 1 profile */
    DOUBT_UNSURE,   /* tenths by which the detector's score is below 0.92 */
    DOUBT_DISAGREE, /* deviation of the views: five years, or two of logit, are 1 */
    DOUBT_COUNT,
};

struct fusion {
    int n_views;
    float age_weight[CARD_VIEWS], second_weight[CARD_VIEWS]; /* each sums to 1 */
    float age_shift, second_by, spread_by;
    float second_ages[4]; /* rises from the first to the second, falls from the third to the last */
    float spread_ages[2];
    struct hinges {
        int n;
        float from[FUSION_HINGES], slope[FUSION_HINGES];
    } age_hinges, sd_hinges;
    float sd_log, sd_doubts[DOUBT_COUNT];
    float gender_weight[CARD_VIEWS], gender_shift, gender_doubts[DOUBT_COUNT];
    float gender_min_years;
};

/* 0, or a negative errno with a sentence that names file and key. n_views: of the card. */
int fusion_load(const char *path, int n_views, struct fusion *ret, struct err *e);

/* What one view said; years finite, female the model's own probability. */
struct opinion {
    float years, female;
};

/* opinions: one for each view, in the card's order. score: the detector's. */
void fusion_answer(const struct fusion *f, const struct opinion *opinions, const struct quality *q,
        float score, struct estimate *ret);
