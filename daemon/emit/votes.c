#include "emit/votes.h"

#include <math.h>
#include <string.h>

#define LOGIT_MAX 5.0f /* one picture is never surer than 99.3 % */

/* An estimate that is as near as this weighs fully, others by their variance. Measured on 424 faces
 * with several poor pictures each: 3.9 years off, by quality alone 4.0, plainly averaged 4.2, and
 * 4.6 by the first picture. */
#define SD_GOOD 4.0f

/* Opinions that are held against each other need at least so many heads. */
#define QUORUM 3

/* Years further from the median than this, or than the votes' own scatter, count less. */
#define SCATTER_MIN 3.0f

/* A vote is near the median within so many standard deviations of the model, or so many years
 * where that is not known. When less than this share is near, they are not about one face. */
#define NEAR_SD    2.0f
#define NEAR_YEARS 10.0f
#define NEAR_SHARE 0.6f

/* The same for gender: so much of what was said says the opposite, while most votes were sure. */
#define DISAGREE_SHARE 0.35f
#define DISAGREE_SURE  0.4f

/* What holds an answer that was given. */
#define HOLD_LOGIT  0.2f
#define STEP_YEARS  0.1f /* to which years are told */
#define HOLD_RANGE  0.05f
#define HOLD_YEARS  1.0f
#define HOLD_CHILD  0.3f /* instead, up to CHILD_YEARS, where ranges are narrow */
#define CHILD_YEARS 10.0f

struct answers answers_none(void)
{
    return (struct answers){
            .age_unknown = UNKNOWN_NOT_ESTIMATED,
            .age_range = -1,
            .age_years = NAN,
            .age_probability = NAN,
            .age_nearly = NAN,
            .gender_unknown = UNKNOWN_NOT_ESTIMATED,
            .gender_probability = NAN,
    };
}

bool answers_differ(const struct answers *a, const struct answers *b)
{
    if (a->age_unknown != b->age_unknown || a->gender_unknown != b->gender_unknown)
        return true;
    return (a->age_unknown == UNKNOWN_NOT && a->age_range != b->age_range) ||
           (a->gender_unknown == UNKNOWN_NOT && a->female != b->female);
}

/* Any distribution that sums to something; false where there is none. */
static bool normalise(const float from[AGE_RANGES], float ret_p[AGE_RANGES])
{
    float sum = 0;
    for (int i = 0; i < AGE_RANGES; i++)
        sum += from[i] >= 0 ? from[i] : NAN;
    if (!(sum > 0) || isinf(sum))
        return false;
    for (int i = 0; i < AGE_RANGES; i++)
        ret_p[i] = from[i] / sum;
    return true;
}

static bool take(const struct sighting *s, struct vote *ret)
{
    const struct estimate *e = &s->estimate;
    *ret = (struct vote){
            .weight = fminf(s->quality.weight, 1), .years = NAN, .poorest = s->quality.poorest};
    if (e->has_age && isfinite(e->years)) {
        ret->has_age = true;
        ret->years = fmaxf(e->years, 0);
        ret->sd = isfinite(e->years_sd) ? fmaxf(e->years_sd, 0) : 0;
        if (ret->sd > SD_GOOD)
            ret->weight *= (SD_GOOD / ret->sd) * (SD_GOOD / ret->sd);
    } else if (e->has_age) {
        ret->has_age = normalise(e->range_p, ret->range_p);
    }
    if (e->has_gender && e->female_p >= 0 && e->female_p <= 1) {
        ret->has_gender = true;
        float logit = logf(e->female_p) - logf(1 - e->female_p);
        ret->logit = fminf(fmaxf(logit, -LOGIT_MAX), LOGIT_MAX);
    }
    return ret->has_age || ret->has_gender;
}

void votes_add(struct votes *v, const struct sighting *s)
{
    v->looks++;
    struct vote vote;
    if (!s->estimated || !(s->quality.weight > 0) || !take(s, &vote)) {
        enum unknown why = s->quality.defect;
        if (why <= UNKNOWN_NOT || why >= UNKNOWN_COUNT)
            why = UNKNOWN_NOT_ESTIMATED;
        v->defects[why]++;
        return;
    }
    if (v->n < VOTES_MAX) {
        v->list[v->n++] = vote;
        return;
    }
    struct vote *worst = &v->list[0];
    for (int i = 1; i < v->n; i++) {
        if (v->list[i].weight < worst->weight)
            worst = &v->list[i];
    }
    if (vote.weight > worst->weight)
        *worst = vote;
}

static enum unknown why_none(const struct votes *v)
{
    enum unknown most = UNKNOWN_NOT_ESTIMATED;
    for (int i = 0; i < UNKNOWN_COUNT; i++) {
        if (v->defects[i] > v->defects[most])
            most = i;
    }
    /* Pictures voted, only not about this: the model does not answer it. */
    return v->n > 0 ? UNKNOWN_NOT_ESTIMATED : most;
}

/* The weighted median of the votes that name years, and their mean distance from it. Returns how
 * many there are. */
static int median(const struct votes *v, float *ret_years, float *ret_scatter)
{
    int n = 0;
    float all = 0;
    for (int i = 0; i < v->n; i++) {
        if (v->list[i].has_age && !isnan(v->list[i].years)) {
            all += v->list[i].weight;
            n++;
        }
    }
    float best = INFINITY;
    for (int i = 0; i < v->n && n > 0; i++) {
        float sum = 0, years = v->list[i].years;
        if (!v->list[i].has_age || isnan(years))
            continue;
        for (int k = 0; k < v->n; k++) {
            if (v->list[k].has_age && !isnan(v->list[k].years))
                sum += v->list[k].weight * fabsf(v->list[k].years - years);
        }
        if (sum < best) {
            best = sum;
            *ret_years = years;
            *ret_scatter = sum / all;
        }
    }
    return n;
}

static bool disagree(const struct votes *v, float middle, float near)
{
    float inside = 0, all = 0;
    int n = 0;
    for (int i = 0; i < v->n; i++) {
        const struct vote *one = &v->list[i];
        if (!one->has_age || isnan(one->years))
            continue;
        inside += fabsf(one->years - middle) <= near ? one->weight : 0;
        all += one->weight;
        n++;
    }
    return n >= QUORUM && inside < NEAR_SHARE * all;
}

static float robust_mean(const struct votes *v, float middle, float scatter)
{
    float scale = 2 * fmaxf(scatter, SCATTER_MIN), sum = 0, weights = 0;
    for (int i = 0; i < v->n; i++) {
        if (!v->list[i].has_age || isnan(v->list[i].years))
            continue;
        float off = (v->list[i].years - middle) / scale;
        float w = v->list[i].weight / (1 + off * off * off * off);
        sum += w * v->list[i].years;
        weights += w;
    }
    return sum / weights;
}

static float error_sd(const struct traits *t, float years)
{
    int n = t->n_age_error;
    if (years <= t->age_error[0].years)
        return t->age_error[0].sd;
    for (int i = 1; i < n; i++) {
        float from = t->age_error[i - 1].years, to = t->age_error[i].years;
        if (years <= to && to > from) {
            float part = (years - from) / (to - from);
            return t->age_error[i - 1].sd + part * (t->age_error[i].sd - t->age_error[i - 1].sd);
        }
    }
    return t->age_error[n - 1].sd;
}

/* How far the mean of the votes is off: the votes' own mean, for the pictures of one face err
 * alike; else what the card says of such years. 0: not known. */
static float doubt(const struct votes *v, const struct traits *t, float years)
{
    float sum = 0, weights = 0;
    for (int i = 0; i < v->n; i++) {
        const struct vote *one = &v->list[i];
        if (one->has_age && !isnan(one->years) && one->sd > 0) {
            sum += one->weight * one->sd;
            weights += one->weight;
        }
    }
    if (weights > 0)
        return sum / weights;
    return t->n_age_error > 0 ? error_sd(t, years) : 0;
}

/* Years just over a bound stay on the side where they were. */
static float hold_years(float years, int before)
{
    int now = age_range_of(years);
    if (before < 0 || now == before)
        return years;
    float hold = years < CHILD_YEARS ? HOLD_CHILD : HOLD_YEARS;
    if (now == before + 1 && years - age_bounds[before] < hold)
        return age_bounds[before];
    if (now == before - 1 && age_bounds[now] - years < hold)
        return age_bounds[now] + STEP_YEARS;
    return years;
}

/* The probability that the range or a neighbour is right. */
static float nearly(const float p[AGE_RANGES], int range)
{
    float sum = p[range];
    if (range > 0)
        sum += p[range - 1];
    if (range < AGE_RANGES - 1)
        sum += p[range + 1];
    return sum;
}

/* What was poorest about the pictures that voted. */
static enum unknown why_unsure(const struct votes *v)
{
    float blame[UNKNOWN_COUNT] = {0};
    enum unknown most = UNKNOWN_LOW_CONFIDENCE;
    for (int i = 0; i < v->n; i++) {
        enum unknown why = v->list[i].poorest;
        if (why > UNKNOWN_NOT && why < UNKNOWN_COUNT)
            blame[why] += v->list[i].weight;
    }
    for (int i = 0; i < UNKNOWN_COUNT; i++) {
        if (blame[i] > blame[most])
            most = i;
    }
    return most;
}

static enum unknown judged(const struct votes *v, float p, double certainty)
{
    return p >= (float)certainty ? UNKNOWN_NOT : why_unsure(v);
}

static enum unknown age_by_years(const struct votes *v, const struct traits *t, double certainty,
        float middle, float scatter, const struct answers *before, struct answers *ret)
{
    float years = hold_years(robust_mean(v, middle, scatter), before->age_range);
    years = roundf(years / STEP_YEARS) * STEP_YEARS; /* as told, so that the range is that of it */
    float sd = doubt(v, t, years);
    if (disagree(v, middle, sd > 0 ? NEAR_SD * sd : NEAR_YEARS))
        return UNKNOWN_DISAGREE;
    if (t->age_max > t->age_min && (years < t->age_min || years > t->age_max))
        return UNKNOWN_OUT_OF_RANGE;
    ret->age_years = years;
    ret->age_range = age_range_of(years);
    if (!(sd > 0))
        return UNKNOWN_NOT;
    float p[AGE_RANGES];
    age_spread(years, fmaxf(sd, 0.1f), p);
    ret->age_probability = p[ret->age_range];
    ret->age_nearly = nearly(p, ret->age_range);
    return judged(v, ret->age_nearly, certainty);
}

static int likeliest(const float p[AGE_RANGES])
{
    int most = 0;
    for (int i = 1; i < AGE_RANGES; i++) {
        if (p[i] > p[most])
            most = i;
    }
    return most;
}

static enum unknown age_by_ranges(const struct votes *v, const struct traits *t, double certainty,
        const struct answers *before, struct answers *ret)
{
    float p[AGE_RANGES] = {0}, weights = 0, near = 0;
    int n = 0;
    for (int i = 0; i < v->n; i++) {
        const struct vote *one = &v->list[i];
        if (!one->has_age)
            continue;
        for (int r = 0; r < AGE_RANGES; r++)
            p[r] += one->weight * one->range_p[r];
        weights += one->weight;
        n++;
    }
    if (n == 0)
        return why_none(v);
    int range = likeliest(p);
    if (before->age_range >= 0 && p[range] - p[before->age_range] < HOLD_RANGE * weights)
        range = before->age_range;
    for (int i = 0; i < v->n; i++) {
        if (v->list[i].has_age) {
            int off = likeliest(v->list[i].range_p) - range;
            near += off >= -1 && off <= 1 ? v->list[i].weight : 0;
        }
    }
    if (n >= QUORUM && near < weights / 2)
        return UNKNOWN_DISAGREE;
    ret->age_range = range;
    if (t->n_age_error == 0)
        return UNKNOWN_NOT;
    for (int r = 0; r < AGE_RANGES; r++)
        p[r] /= weights;
    ret->age_probability = p[range];
    ret->age_nearly = nearly(p, range);
    return judged(v, ret->age_nearly, certainty);
}

static enum unknown gender(const struct votes *v, const struct traits *t, double certainty,
        const struct answers *before, struct answers *ret)
{
    float sum = 0, weights = 0, sure = 0, female = 0;
    int n = 0;
    for (int i = 0; i < v->n; i++) {
        const struct vote *one = &v->list[i];
        if (!one->has_gender)
            continue;
        float how_sure = one->weight * fabsf(tanhf(one->logit / 2)); /* |2p - 1| */
        sum += one->weight * one->logit;
        weights += one->weight;
        sure += how_sure;
        female += one->logit > 0 ? how_sure : 0;
        n++;
    }
    if (n == 0)
        return why_none(v);
    float opposite = fminf(female, sure - female);
    if (n >= QUORUM && sure > DISAGREE_SURE * weights && opposite > DISAGREE_SHARE * sure)
        return UNKNOWN_DISAGREE;
    float logit = sum / weights;
    bool said = before->gender_unknown == UNKNOWN_NOT;
    ret->female = logit > 0;
    if (!t->gender_measured) {
        if (said && fabsf(logit) < HOLD_LOGIT)
            ret->female = before->female;
        return UNKNOWN_NOT;
    }
    ret->gender_probability = 1 / (1 + expf(-fabsf(logit)));
    return judged(v, ret->gender_probability, certainty);
}

void votes_answer(const struct votes *v, const struct traits *traits, double certainty,
        struct answers *answers)
{
    struct answers before = *answers, now = answers_none();
    float middle = 0, scatter = 0;
    int n = median(v, &middle, &scatter);
    now.age_unknown = n > 0 ? age_by_years(v, traits, certainty, middle, scatter, &before, &now)
                            : age_by_ranges(v, traits, certainty, &before, &now);
    if (now.age_unknown != UNKNOWN_NOT) {
        now.age_range = -1;
        now.age_years = now.age_probability = now.age_nearly = NAN;
    }
    now.gender_unknown = gender(v, traits, certainty, &before, &now);
    if (now.gender_unknown != UNKNOWN_NOT) {
        now.female = false;
        now.gender_probability = NAN;
    }
    *answers = now;
}
