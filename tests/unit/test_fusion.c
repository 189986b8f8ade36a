/* needs: vision/fusion vision/attr vision/fields base/err base/mem */
#include "vision/fusion.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned seed;

static float between(float low, float high)
{
    return low + (high - low) * (float)(rand_r(&seed) % 10001) / 10000;
}

/* Two views for the years, a third as the second opinion. */
static const char good[] =
        "{\"about\": \"-\", \"made_by\": \"-\", \"date\": \"-\", \"data\": \"-\", \"views\": 3,"
        "\"age\": {\"weights\": [0.5, 0.5, 0], \"second\": [0, 0, 1], \"shift\": 1,"
        " \"hinges\": [[30, 0.5]], \"second_by\": 0.2, \"second_ages\": [10, 20, 40, 50],"
        " \"spread_by\": 0.5, \"spread_ages\": [20, 40]},"
        "\"age_sd\": {\"log\": 1, \"hinges\": [[20, 0.01]], \"doubts\": [0.1, 0.2, 0.3, 0.4, 0.5]},"
        "\"gender\": {\"weights\": [0.3, 0.2, 0.4], \"shift\": 0.1,"
        " \"doubts\": [0.1, 0.1, 0.2, 0.1, 0.3], \"min_years\": 13}}";

static char path[] = "/tmp/test_fusion.XXXXXX";

static int load(const char *text, struct fusion *f, struct err *e)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    return fusion_load(path, 3, f, e);
}

static struct fusion loaded(void)
{
    struct fusion f;
    struct err e = {0};
    if (load(good, &f, &e) < 0)
        fail_msg("%s", e.text);
    return f;
}

static const struct quality ideal = {.width_px = 200, .sharpness = 200};

static void the_formulas_are_those_of_the_header(void **state)
{
    (void)state;
    struct fusion f = loaded();
    const struct opinion o[] = {{34, 0.8f}, {38, 0.9f}, {44, 0.6f}};
    struct estimate e;
    fusion_answer(&f, o, &ideal, 0.95f, &e);
    float base = 36, deviation = 2; /* of 34 and 38 */
    float years = base + 1 + 0.5f * 6 + 0.2f * (44 - base) + 0.5f * 0.8f * deviation;
    assert_float_equal(e.years, years, 1e-3f);
    assert_float_equal(e.years_sd, expf(1 + 0.01f * (years - 20) + 0.5f * deviation / 5), 1e-3f);
    float l[] = {logf(4), logf(9), logf(1.5f)}, mean = (l[0] + l[1] + l[2]) / 3;
    float apart = sqrtf((powf(l[0] - mean, 2) + powf(l[1] - mean, 2) + powf(l[2] - mean, 2)) / 3);
    float logit = (0.1f + 0.3f * l[0] + 0.2f * l[1] + 0.4f * l[2]) * expf(-0.3f * apart / 2);
    assert_true(e.has_age && e.has_gender);
    assert_float_equal(e.female_p, 1 / (1 + expf(-logit)), 1e-4f);
}

static void a_poorer_picture_is_never_surer(void **state)
{
    (void)state;
    struct fusion f = loaded();
    for (int i = 0; i < 5000; i++) {
        struct opinion o[3];
        for (int k = 0; k < 3; k++)
            o[k] = (struct opinion){between(15, 80), between(0, 1)};
        struct quality q = {
                .width_px = between(1, 300), .sharpness = between(0, 300), .turn = between(0, 1)};
        struct quality worse = q;
        float score = between(0.4f, 1), lower = score;
        switch (i % 4) {
        case 0: worse.width_px *= between(0, 1); break;
        case 1: worse.sharpness *= between(0, 1); break;
        case 2: worse.turn += between(0, 1 - q.turn); break;
        default: lower -= between(0, 0.3f);
        }
        struct estimate a, b;
        fusion_answer(&f, o, &q, score, &a);
        fusion_answer(&f, o, &worse, lower, &b);
        assert_float_equal(a.years, b.years, 0);
        assert_true(b.years_sd >= a.years_sd);
        assert_true(fabsf(b.female_p - 0.5f) <= fabsf(a.female_p - 0.5f) + 1e-6f);
    }
}

static void any_numbers_are_an_answer_within_bounds(void **state)
{
    (void)state;
    struct fusion f = loaded();
    static const float odd[] = {0, 1, 120, -5, 1e9f, 0.5f};
    for (int i = 0; i < 5000; i++) {
        struct opinion o[3];
        for (int k = 0; k < 3; k++)
            o[k] = (struct opinion){odd[rand_r(&seed) % 6], odd[rand_r(&seed) % 6]};
        struct quality q = {
                .width_px = odd[rand_r(&seed) % 6], .sharpness = odd[rand_r(&seed) % 6]};
        struct estimate e;
        fusion_answer(&f, o, &q, odd[rand_r(&seed) % 6], &e);
        assert_true(e.years >= 0 && e.years <= 120);
        assert_true(e.years_sd >= 1 && e.years_sd <= 40);
        assert_true(e.female_p >= 0 && e.female_p <= 1);
        assert_int_equal(e.has_gender, e.years >= 13);
    }
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *key, *section, *value, *says;
    } cases[] = {
            {"views", NULL, "2", "must be 3 as in its card"},
            {"weights", "age", "[0.5, 0.6, 0]", "sum to 1"},
            {"weights", "age", "[1, 0]", "a list of 3"},
            {"second_ages", "age", "[10, 20, 15, 50]", "must rise"},
            {"hinges", "age", "[30]", "pairs"},
            {"doubts", "age_sd", "[0, 0, 0, 0, -1]", "from 0 to 10"},
            {"shift", "gender", "\"x\"", "must be a number"},
            {"extra", "gender", "1", "is not a key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *root = json_loads(good, 0, NULL);
        json_t *at = cases[i].section ? json_object_get(root, cases[i].section) : root;
        json_object_set_new(at, cases[i].key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        char *text = json_dumps(root, 0);
        struct fusion f = {.n_views = 99};
        struct err e = {0};
        assert_true(load(text, &f, &e) < 0);
        assert_non_null(strstr(e.text, path));
        assert_non_null(strstr(e.text, cases[i].key));
        assert_non_null(strstr(e.text, cases[i].says));
        assert_int_equal(f.n_views, 99); /* written only on success */
        free(text);
        json_decref(root);
    }
    struct fusion f;
    struct err e = {0};
    assert_true(load("[]", &f, &e) < 0);
    assert_true(load("{", &f, &e) < 0);
    unlink(path);
    assert_true(fusion_load(path, 3, &f, &e) < 0);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? (unsigned)atoi(given) : 12;
    print_message("SEED=%u\n", seed);
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_formulas_are_those_of_the_header),
            cmocka_unit_test(a_poorer_picture_is_never_surer),
            cmocka_unit_test(any_numbers_are_an_answer_within_bounds),
            cmocka_unit_test(what_is_wrong_is_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
