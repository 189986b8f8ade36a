/* needs: app/tally app/labels app/adience flow/age base/err base/mem */
#include "app/adience.h"
#include "app/tally.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct label label_of(const char *age, const char *gender)
{
    struct labels set = {0};
    char text[100];
    (void)snprintf(text, sizeof(text),
            "path\tage\tgender\na\t%s\t%s\nb\t0-2\t\nb\t3-9\t\nb\t10-19\t\nb\t20-29\t\nb\t70+\t\n",
            age, gender);
    FILE *in = fmemopen(text, strlen(text), "r");
    assert_int_equal(labels_read_from(&set, "m", in, NULL), 0);
    (void)fclose(in);
    struct label l = set.list[0];
    labels_done(&set);
    l.path = NULL;
    return l;
}

static struct label adience_label(const char *age)
{
    struct label l = {.range = -1};
    assert_true(adience_age(age, &l));
    return l;
}

/* A face that the model gives these years and this gender, and which is answered so. */
static struct view_face face_of(float years, float female_p)
{
    struct view_face f = {.estimated = true, .took_us = 1000};
    f.estimate = (struct estimate){
            .has_age = true, .has_gender = true, .years = years, .female_p = female_p};
    f.portrait.answers = (struct answers){.age_years = years,
            .age_range = age_range_of(years),
            .age_probability = NAN,
            .age_nearly = NAN,
            .gender_probability = NAN,
            .female = female_p > 0.5f};
    return f;
}

static void add(struct tally *t, const struct label *l, const struct view_face *f)
{
    tally_add(t, l, f, &f->portrait.answers);
}

static const struct figures *everybody(const struct tally *t, enum tally_way way)
{
    return &t->figures[0][0][way];
}

/* Against values of R's binom.confint(method = "wilson"). */
static void intervals_of_shares(void **state)
{
    (void)state;
    struct measure m = tally_share(8, 10);
    assert_float_equal(m.value, 0.8, 1e-9);
    assert_float_equal(m.low, 0.4901, 1e-3);
    assert_float_equal(m.high, 0.9433, 1e-3);
    m = tally_share(0, 20);
    assert_float_equal(m.low, 0, 1e-9);
    assert_float_equal(m.high, 0.1611, 1e-3);
    m = tally_share(20, 20);
    assert_float_equal(m.low, 0.8389, 1e-3);
    assert_float_equal(m.high, 1, 1e-9);
    assert_true(isnan(tally_share(0, 0).value) && isnan(tally_share(0, 0).low));
    for (int n = 1; n < 200; n++) {
        for (int k = 0; k <= n; k++) {
            m = tally_share(k, n);
            assert_true(m.low >= 0 && m.low <= m.value + 1e-12);
            assert_true(m.high <= 1 && m.high >= m.value - 1e-12);
        }
    }
}

static void intervals_of_means(void **state)
{
    (void)state;
    struct measure m = tally_mean(2 + 4 + 6, 4 + 16 + 36, 3); /* deviation 2 */
    assert_float_equal(m.value, 4, 1e-9);
    assert_float_equal(m.low, 4 - 1.96 * 2 / sqrt(3), 1e-9);
    assert_float_equal(m.high, 4 + 1.96 * 2 / sqrt(3), 1e-9);
    m = tally_mean(5, 25, 1);
    assert_float_equal(m.value, 5, 0);
    assert_true(isnan(m.low) && isnan(m.high));
    assert_true(isnan(tally_mean(0, 0, 0).value));
}

/* An estimate against a label: exact, one-off, and how far off. */
static void ages_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        float years;
        bool exact, near;
        double error;
    } cases[] = {
            {"30", 28, true, true, -2},        /* the same of the eight */
            {"36", 35, false, true, -1},       /* the next one */
            {"64.4", 40, false, false, -24.4}, /* two further */
            {"3", 3.5f, true, true, 0.5},      /* on the border the lower one */
            {"10-19", 10, true, true, 0},      /* inside */
            {"10-19", 19.9f, true, true, 0},   /* up to high + 1 */
            {"10-19", 20, false, true, 0},     /* which is not in it */
            {"10-19", 29, false, true, 9},     /* the neighbour's */
            {"10-19", 30, false, false, 10},   /* beyond */
            {"10-19", 2.5f, false, false, -7.5},
            {"20-29", 65, false, true, 35}, /* before its neighbour, which is 70+ here */
            {"70+", 110, true, true, 0},
            {"70+", 19, false, false, -51},
            {"0-2", 3, false, true, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tally t = {0};
        struct label l = label_of(cases[i].label, "F");
        struct view_face f = face_of(cases[i].years, 0.9f);
        add(&t, &l, &f);
        for (int way = 0; way < TALLY_WAYS; way++) {
            const struct figures *g = everybody(&t, (enum tally_way)way);
            assert_int_equal(g->age_judged, 1);
            assert_int_equal(g->age_exact, cases[i].exact);
            assert_int_equal(g->age_near, cases[i].near);
            assert_float_equal(g->bias, cases[i].error, 1e-4);
            assert_float_equal(g->off, fabs(cases[i].error), 1e-4);
            assert_float_equal(g->squares, cases[i].error * cases[i].error, 1e-2);
        }
    }
}

/* A model that names only ranges: the range itself against years and Adience's labels, its middle
 * against ranges of another set. */
static void ranges_are_judged(void **state)
{
    (void)state;
    struct view_face f = face_of(NAN, 0.9f);
    f.portrait.answers.age_range = 4; /* 25-32 */
    f.estimate.range_p[4] = 0.6f;
    f.estimate.range_p[5] = 0.4f;
    static const struct {
        const char *label;
        bool exact, near;
        double error;
    } cases[] = {{"30", true, true, 0}, {"35", true, true, -2}, {"40", false, true, -7},
            {"20-29", true, true, 0}, {"10-19", false, true, 5}, {"3-9", false, false, 15}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tally t = {0};
        struct label l = label_of(cases[i].label, "");
        add(&t, &l, &f);
        for (int way = 0; way < TALLY_WAYS; way++) {
            const struct figures *g = everybody(&t, (enum tally_way)way);
            assert_int_equal(g->age_exact, cases[i].exact);
            assert_int_equal(g->age_near, cases[i].near);
            assert_float_equal(g->bias, cases[i].error, 1e-4);
            assert_int_equal(g->gender_judged, 0);
            assert_int_equal(g->gender_said, 1);
        }
    }
    struct tally t = {0};
    struct label l = adience_label("(38, 43)");
    add(&t, &l, &f);
    l = adience_label("(25, 23)");
    add(&t, &l, &f);
    assert_int_equal(everybody(&t, TALLY_SAID)->age_exact, 1);
    assert_int_equal(everybody(&t, TALLY_SAID)->age_near, 2);
    assert_float_equal(everybody(&t, TALLY_SAID)->off, 5, 1e-4);
}

static void what_is_withheld(void **state)
{
    (void)state;
    struct tally t = {0};
    struct label l = label_of("30", "F"), child = label_of("5", "M"), blank = label_of("", "");
    struct view_face sure = face_of(30, 0.9f), unsure = face_of(44, 0.4f), boy = face_of(5, 0.5f);
    unsure.portrait.answers.age_unknown = UNKNOWN_BLURRED;
    unsure.portrait.answers.gender_unknown = UNKNOWN_LOW_CONFIDENCE;
    boy.estimate.has_gender = false;
    boy.portrait.answers.gender_unknown = UNKNOWN_NOT_ESTIMATED;
    add(&t, &l, &sure);
    add(&t, &l, &unsure);
    add(&t, &child, &boy);
    add(&t, &blank, &sure);
    tally_add(&t, &l, NULL, NULL);
    const struct figures *said = everybody(&t, TALLY_SAID), *always = everybody(&t, TALLY_ALWAYS);
    assert_int_equal(said->pictures, 5);
    assert_int_equal(said->faces, 4);
    assert_int_equal(said->took_us, 4000);
    assert_int_equal(said->gender_said, 2);
    assert_int_equal(said->gender_judged, 1);
    assert_int_equal(said->gender_right, 1);
    assert_int_equal(said->age_said, 3);
    assert_int_equal(said->age_judged, 2);
    assert_int_equal(said->age_exact, 2);
    assert_int_equal(always->gender_said, 3); /* the model itself withholds the boy's */
    assert_int_equal(always->gender_judged, 2);
    assert_int_equal(always->gender_right, 1);
    assert_int_equal(always->age_said, 4);
    assert_int_equal(always->age_exact, 2);
    assert_int_equal(t.age_unknown[UNKNOWN_BLURRED], 1);
    assert_int_equal(t.gender_unknown[UNKNOWN_LOW_CONFIDENCE], 1);
    assert_int_equal(t.gender_unknown[UNKNOWN_NOT_ESTIMATED], 1);
}

static int age_named(const char *name)
{
    for (int i = 1; i <= TALLY_AGES; i++) {
        if (strcmp(tally_age_name(i), name) == 0)
            return i;
    }
    return -1;
}

/* Everybody with both labels is in one group of each kind, and the groups sum to the whole. */
static void groups(void **state)
{
    (void)state;
    static const struct {
        const char *label, *group;
    } cases[] = {{"0", "0-2"}, {"2.9", "0-2"}, {"0-2", "0-2"}, {"3-9", "3-9"}, {"10-19", "10-19"},
            {"19.99", "10-19"}, {"20", "20-29"}, {"25-32", "20-29"}, {"60-69", "60-69"},
            {"70+", "70+"}, {"101", "70+"}, {"50-59", "50-59"}, {"34", "30-39"}, {"40", "40-49"}};
    int n = (int)(sizeof(cases) / sizeof(cases[0]));
    struct tally t = {0};
    for (int i = 0; i < n; i++) {
        struct tally one = {0};
        struct label l = label_of(cases[i].label, i % 2 ? "M" : "F");
        struct view_face f = face_of(30, 0.9f);
        add(&one, &l, &f);
        add(&t, &l, &f);
        int age = age_named(cases[i].group);
        assert_int_equal(one.figures[age][0][0].faces, 1);
        assert_int_equal(one.figures[age][i % 2 ? LABEL_MALE : LABEL_FEMALE][0].faces, 1);
        assert_int_equal(one.figures[0][i % 2 ? LABEL_MALE : LABEL_FEMALE][0].faces, 1);
    }
    int64_t ages = 0, genders = 0, both = 0;
    for (int i = 1; i <= TALLY_AGES; i++) {
        ages += t.figures[i][0][0].faces;
        for (int k = 1; k <= TALLY_GENDERS; k++)
            both += t.figures[i][k][0].faces;
    }
    for (int k = 1; k <= TALLY_GENDERS; k++)
        genders += t.figures[0][k][0].faces;
    assert_int_equal(ages, n);
    assert_int_equal(genders, n);
    assert_int_equal(both, n);
    assert_int_equal(t.figures[0][0][0].faces, n);
    assert_null(tally_age_name(0));
    assert_null(tally_gender_name(0));
    assert_string_equal(tally_gender_name(LABEL_FEMALE), "female");
}

static void promises(void **state)
{
    (void)state;
    struct tally t = {0};
    struct label exact = label_of("30", "F"), spread = label_of("20-29", "M");
    struct view_face f = face_of(30, 0.9f);
    struct answers odds = f.portrait.answers;
    odds.age_nearly = 0.99f;
    odds.age_probability = 0.55f;
    odds.gender_probability = 0.9f;
    f.portrait.answers.gender_unknown = UNKNOWN_LOW_CONFIDENCE; /* certainty does not matter */
    tally_add(&t, &exact, &f, &odds);
    tally_add(&t, &spread, &f, &odds);
    const struct bin *b = &t.bins[TALLY_GENDER][9]; /* from 0.9 on */
    assert_float_equal(tally_bin_edges[9], 0.9, 0);
    assert_int_equal(b->n, 2);
    assert_float_equal(b->stated, 1.8, 1e-6);
    assert_float_equal(b->right, 1, 1e-6);
    b = &t.bins[TALLY_AGE][5];
    assert_int_equal(b->n, 2);
    /* 23 to 30 of the ten years from 20 to 30 are nearest to 25-32; 14 to 30 to a neighbour */
    assert_float_equal(b->right, 1 + 0.7, 1e-6);
    b = &t.bins[TALLY_AGE_NEAR][TALLY_BINS - 1];
    assert_int_equal(b->n, 2);
    assert_float_equal(b->right, 2, 1e-6);
    odds.gender_probability = NAN;
    odds.age_unknown = UNKNOWN_BLURRED;
    tally_add(&t, &exact, &f, &odds);
    int64_t n = 0;
    for (int p = 0; p < TALLY_PROMISES; p++) {
        for (int i = 0; i < TALLY_BINS; i++)
            n += t.bins[p][i].n;
    }
    assert_int_equal(n, 6);
    /* an open label, all of which is in the last range */
    struct label old = label_of("70+", "");
    odds = face_of(65, 0.5f).portrait.answers;
    odds.age_probability = 1;
    tally_add(&t, &old, &f, &odds);
    assert_float_equal(t.bins[TALLY_AGE][TALLY_BINS - 1].right, 1, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(intervals_of_shares),
            cmocka_unit_test(intervals_of_means),
            cmocka_unit_test(ages_are_judged),
            cmocka_unit_test(ranges_are_judged),
            cmocka_unit_test(what_is_withheld),
            cmocka_unit_test(groups),
            cmocka_unit_test(promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
