#pragma once

#include "flow/event.h"

/*
 * One person's age and gender from many pictures.
 *
 * A single picture misleads: a turn of the head is worth ten years. The best pictures by quality
 * vote: years by their weighted mean once far outliers are played down, ranges by the weighted
 * mean of their distributions, gender by the weighted mean of its logits. It is a mean and not a
 * sum because the pictures of one face err alike: ten of them are no proof tenfold.
 *
 * An answer is given when it is sure enough, else the reason why not: what was poor about most of
 * the pictures. Where the estimates say how far they are off, those that are nearer weigh more.
 * What was said once is held
 * against small changes, so that a person on the border of two ranges does not alternate.
 */
#define VOTES_MAX 8

struct vote {
    float weight; /* over 0, at most 1 */
    bool has_age, has_gender;
    float years;          /* NAN: range_p has the answer */
    float sd;             /* of their error; 0: as the traits say */
    enum unknown poorest; /* what an answer that is not sure is blamed on */
    float range_p[AGE_RANGES];
    float logit; /* of being female */
};

struct votes {
    int n;
    struct vote list[VOTES_MAX];
    int looks;                  /* pictures that were looked at */
    int defects[UNKNOWN_COUNT]; /* and why they could not vote */
};

/* Takes the quality and the estimate of a chosen sighting that was looked at. */
void votes_add(struct votes *v, const struct sighting *s);

/*
 * What the votes say. certainty is how sure is sure. *answers holds what was said before (with
 * answers_none() at first) and is replaced.
 */
void votes_answer(const struct votes *v, const struct traits *traits, double certainty,
        struct answers *answers);

/* Nothing known, because nobody looked. */
struct answers answers_none(void);

/* Would a reader of the two be told something else: another range, gender or reason? */
bool answers_differ(const struct answers *a, const struct answers *b);
