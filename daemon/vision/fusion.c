#include "vision/fusion.h"

#include "vision/attr.h"
#include "vision/fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define YEARS_MAX 100.0f
#define SD_MIN    1.0f
#define SD_MAX    40.0f

/* ------------------------------------------------------------- the file --- */

static void read_floats(
        struct fields *r, json_t *o, const char *key, float *ret, int n, double low, double high)
{
    json_t *v;
    size_t i;
    json_array_foreach(fields_list(r, o, key, (size_t)n, (size_t)n), i, v) ret[i] =
            (float)fields_number_in(r, v, key, low, high);
}

/* Weights of a mean. */
static void read_mean(struct fields *r, json_t *o, const char *key, float *ret, int n)
{
    float sum = 0;
    read_floats(r, o, key, ret, n, 0, 1);
    for (int i = 0; i < n; i++)
        sum += ret[i];
    if (r->rc == 0 && fabsf(sum - 1) > 0.01f)
        fields_bad(r, key, "must sum to 1");
}

static void read_hinges(struct fields *r, json_t *o, struct hinges *ret)
{
    json_t *all = fields_list(r, o, "hinges", 0, FUSION_HINGES), *pair;
    size_t i;
    json_array_foreach(all, i, pair)
    {
        if (!json_is_array(pair) || json_array_size(pair) != 2) {
            fields_bad(r, "hinges", "must be a list of pairs [from, slope]");
            return;
        }
        ret->from[i] = (float)fields_number_in(r, json_array_get(pair, 0), "hinges", 0, 120);
        ret->slope[i] = (float)fields_number_in(r, json_array_get(pair, 1), "hinges", -10, 10);
        ret->n = (int)i + 1;
    }
}

static void read_rising(struct fields *r, json_t *o, const char *key, float *ret, int n)
{
    read_floats(r, o, key, ret, n, 0, 1000);
    for (int i = 1; i < n && r->rc == 0; i++) {
        if (!(ret[i] > ret[i - 1]))
            fields_bad(r, key, "must rise");
    }
}

static void read_doubts(struct fields *r, json_t *o, float ret[DOUBT_COUNT])
{
    read_floats(r, o, "doubts", ret, DOUBT_COUNT, 0, 10);
}

static void read_age(struct fields *r, json_t *root, struct fusion *f)
{
    json_t *o = fields_object(r, root, "age");
    if (!o)
        return;
    fields_only(
            r, o, "age", "weights second shift hinges second_by second_ages spread_by spread_ages");
    read_mean(r, o, "weights", f->age_weight, f->n_views);
    read_mean(r, o, "second", f->second_weight, f->n_views);
    f->age_shift = (float)fields_number(r, o, "shift", -50, 50);
    read_hinges(r, o, &f->age_hinges);
    f->second_by = (float)fields_number(r, o, "second_by", -1, 1);
    read_rising(r, o, "second_ages", f->second_ages, 4);
    f->spread_by = (float)fields_number(r, o, "spread_by", -5, 5);
    read_rising(r, o, "spread_ages", f->spread_ages, 2);
}

static void read_all(struct fields *r, json_t *root, struct fusion *f)
{
    fields_only(r, root, "a calibration", "about made_by date data views age age_sd gender");
    if (fields_whole_number(r, root, "views", 1, CARD_VIEWS) != f->n_views)
        fields_bad(r, "views", "must be %d as in its card", f->n_views);
    read_age(r, root, f);
    json_t *o = fields_object(r, root, "age_sd");
    if (o) {
        fields_only(r, o, "age_sd", "log hinges doubts");
        f->sd_log = (float)fields_number(r, o, "log", -5, 5);
        read_hinges(r, o, &f->sd_hinges);
        read_doubts(r, o, f->sd_doubts);
    }
    o = fields_object(r, root, "gender");
    if (o) {
        fields_only(r, o, "gender", "weights shift doubts min_years");
        read_floats(r, o, "weights", f->gender_weight, f->n_views, -10, 10);
        f->gender_shift = (float)fields_number(r, o, "shift", -10, 10);
        read_doubts(r, o, f->gender_doubts);
        f->gender_min_years = (float)fields_number(r, o, "min_years", 0, 120);
    }
}

int fusion_load(const char *path, int n_views, struct fusion *ret, struct err *e)
{
    struct fusion f = {.n_views = n_views};
    struct fields r = {.path = path, .e = e};
    json_t *root = fields_open(&r, "a calibration");
    if (root)
        read_all(&r, root, &f);
    json_decref(root);
    if (r.rc == 0)
        *ret = f;
    return r.rc;
}

/* ------------------------------------------------------------- the answer --- */

static float ramp(float x, float from, float to)
{
    return fminf(fmaxf((x - from) / (to - from), 0), 1);
}

static float bend(const struct hinges *h, float x)
{
    float sum = 0;
    for (int i = 0; i < h->n; i++)
        sum += h->slope[i] * fmaxf(0, x - h->from[i]);
    return sum;
}

static float octaves_below(float x, float ideal)
{
    return log2f(ideal / fminf(fmaxf(x, ideal / 64), ideal));
}

static float doubt(
        const float weights[DOUBT_COUNT], const struct quality *q, float score, float off)
{
    const float doubts[DOUBT_COUNT] = {
            [DOUBT_SMALL] = octaves_below(q->width_px, 80),
            [DOUBT_BLURRED] = octaves_below(q->sharpness, 60),
            [DOUBT_TURNED] = q->turn,
            [DOUBT_UNSURE] = fmaxf(0, 0.92f - score) * 10,
            [DOUBT_DISAGREE] = off,
    };
    float sum = 0;
    for (int i = 0; i < DOUBT_COUNT; i++)
        sum += weights[i] * doubts[i];
    return sum;
}

/* Mean by weights, and the deviation from it. */
static float mean_of(const float *weights, const float *x, int n, float *ret_deviation)
{
    float mean = 0, square = 0;
    for (int i = 0; i < n; i++)
        mean += weights[i] * x[i];
    for (int i = 0; i < n; i++)
        square += weights[i] * (x[i] - mean) * (x[i] - mean);
    *ret_deviation = sqrtf(fmaxf(0, square));
    return mean;
}

static float years_of(const struct fusion *f, const float *years, float *ret_deviation)
{
    float unused, base = mean_of(f->age_weight, years, f->n_views, ret_deviation);
    float other = mean_of(f->second_weight, years, f->n_views, &unused);
    const float *at = f->second_ages;
    float heard = ramp(base, at[0], at[1]) * (1 - ramp(base, at[2], at[3]));
    float y = base + f->age_shift + bend(&f->age_hinges, base) +
              f->second_by * heard * (other - base) +
              f->spread_by * ramp(base, f->spread_ages[0], f->spread_ages[1]) * *ret_deviation;
    return fminf(fmaxf(y, 0), YEARS_MAX);
}

void fusion_answer(const struct fusion *f, const struct opinion *opinions, const struct quality *q,
        float score, struct estimate *ret)
{
    float years[CARD_VIEWS], logits[CARD_VIEWS], even[CARD_VIEWS], off, apart;
    float logit = f->gender_shift;
    for (int i = 0; i < f->n_views; i++) {
        years[i] = opinions[i].years;
        logits[i] = attr_logit(opinions[i].female);
        even[i] = 1 / (float)f->n_views;
        logit += f->gender_weight[i] * logits[i];
    }
    *ret = (struct estimate){.has_age = true};
    ret->years = years_of(f, years, &off);
    float log_sd =
            f->sd_log + bend(&f->sd_hinges, ret->years) + doubt(f->sd_doubts, q, score, off / 5);
    ret->years_sd = fminf(fmaxf(expf(log_sd), SD_MIN), SD_MAX);
    (void)mean_of(even, logits, f->n_views, &apart);
    logit *= expf(-doubt(f->gender_doubts, q, score, apart / 2));
    ret->has_gender = ret->years >= f->gender_min_years;
    ret->female_p = ret->has_gender ? attr_probability(logit) : 0.5f;
}
