#pragma once

#include "app/labels.h"
#include "app/viewer.h"

/*
 * How right the answers about labelled faces are: counts, from which shares and means with their
 * 95 % intervals are made. Pure.
 *
 * Everything is counted twice: the answers as they are given, where some are withheld, and as they
 * would be if every face found were answered from the model's estimate, however poor the picture
 * and however unsure the answer. For each of the two once for everybody, and once for each group
 * of labelled age and gender.
 *
 * An estimate is a number of years, or one of the eight ranges from a model that names no years. It
 * is exact when it is in the range that the label is mapped to, one-off in a neighbour as well. For
 * a label that is a range of its own: in that range, and in the span from the beginning of the
 * range below to the end of the one above; of an estimated range the middle counts. Its error is
 * the distance in years between the two, 0 where they meet, below 0 when the estimate is too young.
 */
enum tally_way {
    TALLY_SAID,   /* answers as they are given */
    TALLY_ALWAYS, /* every face is answered */
    TALLY_WAYS,
};

struct figures {
    int64_t pictures, faces;
    int64_t took_us; /* looking at all these faces, their detection not counted */
    int64_t gender_said, gender_judged, gender_right; /* judged: said, and there is a label */
    int64_t age_said, age_judged, age_exact, age_near;
    double off, bias, squares; /* sums of the errors' sizes, of the errors, and of their squares */
};

#define TALLY_AGES    9 /* 0-2 3-9 10-19 ... 60-69 70+ */
#define TALLY_GENDERS 2

/* "0-2" ... "70+", "male", "female"; NULL for 0, which is everybody. */
const char *tally_age_name(int age);
const char *tally_gender_name(int gender);

/*
 * Is what is said with a probability right as often as that? Faces without a defect, whatever the
 * certainty. A label that is a range is taken as spread evenly over its years, so that a part of
 * one may be right.
 */
enum tally_promise {
    TALLY_GENDER,
    TALLY_AGE,      /* the age range */
    TALLY_AGE_NEAR, /* it or a neighbour */
    TALLY_PROMISES,
};
#define TALLY_BINS 12
extern const double tally_bin_edges[TALLY_BINS + 1];

struct bin {
    int64_t n;
    double stated, right; /* sums */
};

struct tally {
    struct figures figures[TALLY_AGES + 1][TALLY_GENDERS + 1][TALLY_WAYS]; /* [0][0]: everybody */
    struct bin bins[TALLY_PROMISES][TALLY_BINS];
    int64_t age_unknown[UNKNOWN_COUNT], gender_unknown[UNKNOWN_COUNT]; /* by reason */
};

/* A picture was looked at. face NULL: none was found; else with what would be
 * said of it if certainty were 0. */
void tally_add(struct tally *t, const struct label *label, const struct view_face *face,
        const struct answers *odds);

/* A value and its interval of 95 %; all NAN where nothing was counted. */
struct measure {
    double value, low, high;
};

/* right of n, by Wilson; right need not be whole. */
struct measure tally_share(double right, int64_t n);

/* The mean by its standard error; with one value the bounds are NAN. */
struct measure tally_mean(double sum, double squares, int64_t n);
