#include "app/tally.h"

#include "flow/age.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define Z95 1.96

/* How old people get, for ranges that are open. */
#define OLDEST 101.0f

static const struct {
    const char *name;
    float from;
} ages[TALLY_AGES] = {{"0-2", 0}, {"3-9", 3}, {"10-19", 10}, {"20-29", 20}, {"30-39", 30},
        {"40-49", 40}, {"50-59", 50}, {"60-69", 60}, {"70+", 70}};

const double tally_bin_edges[TALLY_BINS + 1] = {
        0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1};

const char *tally_age_name(int age)
{
    return age > 0 ? ages[age - 1].name : NULL;
}

const char *tally_gender_name(int gender)
{
    static const char *const names[TALLY_GENDERS + 1] = {
            [LABEL_MALE] = "male", [LABEL_FEMALE] = "female"};
    return names[gender];
}

struct measure tally_share(double right, int64_t n)
{
    if (n == 0)
        return (struct measure){NAN, NAN, NAN};
    double p = right / (double)n, zz = Z95 * Z95 / (double)n;
    double middle = (p + zz / 2) / (1 + zz);
    double half = Z95 * sqrt(p * (1 - p) / (double)n + zz / (double)n / 4) / (1 + zz);
    return (struct measure){p, fmax(0, middle - half), fmin(1, middle + half)};
}

struct measure tally_mean(double sum, double squares, int64_t n)
{
    if (n == 0)
        return (struct measure){NAN, NAN, NAN};
    double mean = sum / (double)n;
    if (n == 1)
        return (struct measure){mean, NAN, NAN};
    double variance = fmax(0, squares - sum * mean) / (double)(n - 1);
    double half = Z95 * sqrt(variance / (double)n);
    return (struct measure){mean, mean - half, mean + half};
}

/* ------------------------------------------------------------- what was answered --- */

struct guess {
    bool age, gender, female;
    int range;
    float low, high; /* of an age in years both, of a range [low, high) */
};

static void guess_age(struct guess *g, float years, int range)
{
    g->age = true;
    g->range = range;
    g->low = g->high = years;
    if (isnan(years)) {
        char *end;
        g->low = (float)strtol(age_range_name(range), &end, 10);
        g->high = (float)strtol(end + 1, NULL, 10) + 1;
    }
}

static struct guess guess_said(const struct answers *a)
{
    struct guess g = {.gender = !a->gender_unknown, .female = a->female};
    if (!a->age_unknown)
        guess_age(&g, a->age_years, a->age_range);
    return g;
}

static struct guess guess_always(const struct view_face *face)
{
    const struct estimate *e = &face->estimate;
    struct guess g = {0};
    if (!face->estimated)
        return g;
    g.gender = e->has_gender;
    g.female = e->female_p > 0.5f;
    int likeliest = 0;
    for (int i = 1; i < AGE_RANGES; i++) {
        if (e->range_p[i] > e->range_p[likeliest])
            likeliest = i;
    }
    if (e->has_age)
        guess_age(&g, e->years, isnan(e->years) ? likeliest : age_range_of(e->years));
    return g;
}

/* ------------------------------------------------------------- how right it is --- */

static float age_error(const struct label *l, const struct guess *g)
{
    if (g->low > l->high)
        return g->low - l->high;
    return g->high < l->low ? g->high - l->low : 0;
}

static void judge_age(struct figures *f, const struct label *l, const struct guess *g)
{
    double error = (double)age_error(l, g);
    bool exact, near;
    if (l->age == LABEL_AGE_RANGE) {
        float years = (g->low + g->high) / 2;
        exact = years >= l->low && years < l->high;
        near = years >= l->near_low && years < l->near_high;
    } else {
        exact = g->range == l->range;
        near = abs(g->range - l->range) <= 1;
    }
    f->age_judged++;
    f->age_exact += exact;
    f->age_near += near;
    f->off += fabs(error);
    f->bias += error;
    f->squares += error * error;
}

static void count(struct figures *f, const struct label *l, const struct view_face *face,
        const struct guess *g)
{
    f->pictures++;
    if (!face)
        return;
    f->faces++;
    f->took_us += face->took_us;
    f->age_said += g->age;
    f->gender_said += g->gender;
    if (g->age && l->age != LABEL_AGE_NONE)
        judge_age(f, l, g);
    if (g->gender && l->gender != LABEL_GENDER_NONE) {
        f->gender_judged++;
        f->gender_right += g->female == (l->gender == LABEL_FEMALE);
    }
}

static int group_of(const struct label *l)
{
    int i = TALLY_AGES;
    if (l->age == LABEL_AGE_NONE)
        return 0;
    while (i > 1 && label_middle(l) < ages[i - 1].from)
        i--;
    return i;
}

static void count_everywhere(struct tally *t, const struct label *l, const struct view_face *face,
        enum tally_way way, const struct guess *g)
{
    const int age[2] = {0, group_of(l)}, gender[2] = {0, (int)l->gender};
    for (int i = 0; i < (age[1] ? 2 : 1); i++) {
        for (int k = 0; k < (gender[1] ? 2 : 1); k++)
            count(&t->figures[age[i]][gender[k]][way], l, face, g);
    }
}

/* ------------------------------------------------------------- promises --- */

/* The part of the label that is mapped to the ranges from `first` to `last`. */
static float part_in(const struct label *l, int first, int last)
{
    if (l->age != LABEL_AGE_RANGE)
        return l->range >= first && l->range <= last;
    float high = fmaxf(fminf(l->high, OLDEST), l->low + 1);
    float from = first > 0 ? age_bounds[first - 1] : 0;
    float to = last < AGE_RANGES - 1 ? age_bounds[last] : INFINITY;
    return fmaxf(0, fminf(high, to) - fmaxf(l->low, from)) / (high - l->low);
}

static void promise(struct bin bins[TALLY_BINS], float stated, float right)
{
    if (isnan(stated))
        return;
    int i = TALLY_BINS - 1;
    while (i > 0 && stated < (float)tally_bin_edges[i])
        i--;
    bins[i].n++;
    bins[i].stated += (double)stated;
    bins[i].right += (double)right;
}

static void hold_to_promises(struct tally *t, const struct label *l, const struct answers *a)
{
    if (l->gender != LABEL_GENDER_NONE && !a->gender_unknown)
        promise(t->bins[TALLY_GENDER], a->gender_probability,
                a->female == (l->gender == LABEL_FEMALE));
    if (l->age != LABEL_AGE_NONE && !a->age_unknown) {
        promise(t->bins[TALLY_AGE], a->age_probability, part_in(l, a->age_range, a->age_range));
        promise(t->bins[TALLY_AGE_NEAR], a->age_nearly,
                part_in(l, a->age_range > 0 ? a->age_range - 1 : 0, a->age_range + 1));
    }
}

void tally_add(struct tally *t, const struct label *label, const struct view_face *face,
        const struct answers *odds)
{
    struct guess said = {0}, always = {0};
    if (face) {
        const struct answers *a = &face->portrait.answers;
        said = guess_said(a);
        always = guess_always(face);
        hold_to_promises(t, label, odds);
        if (a->age_unknown)
            t->age_unknown[a->age_unknown]++;
        if (a->gender_unknown)
            t->gender_unknown[a->gender_unknown]++;
    }
    count_everywhere(t, label, face, TALLY_SAID, &said);
    count_everywhere(t, label, face, TALLY_ALWAYS, &always);
}
