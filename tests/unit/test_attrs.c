/* needs: vision/attrs vision/attr vision/attr_years vision/attr_ranges vision/crop vision/quality vision/card vision/fields vision/align vision/fusion vision/dnn_opencv flow/scale flow/frame base/err base/mem base/sha256 flow/box */
#include "base/err.h"
#include "flow/frame.h"
#include "vision/attr.h"
#include "vision/attrs.h"
#include "vision/card.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct attrs *open_named(const char *name, struct card **ret_card)
{
    const char *dir = getenv("FACED_MODELS");
    struct err e = {0};
    struct card *c = dir ? card_load(dir, name, &e) : NULL;
    struct attrs *a = c ? attrs_open(c, &e) : NULL;
    if (!a) {
        card_free(c);
        print_message("skipped: FACED_MODELS is not a folder with the model: %s\n", e.text);
        skip();
    }
    *ret_card = c;
    return a;
}

static struct frame *noise(int w, int h)
{
    unsigned seed = 5;
    uint8_t *bgr = malloc((size_t)w * (size_t)h * 3);
    for (int i = 0; i < w * h * 3; i++)
        bgr[i] = (uint8_t)(rand_r(&seed) >> 5);
    struct frame *f = frame_from_bgr(bgr, w, h);
    free(bgr);
    return f;
}

static void check_estimate(const struct card *c, const struct estimate *e)
{
    assert_true(e->has_age);
    assert_true(e->years >= 0 && e->years <= 120);
    assert_int_equal(e->has_gender, e->years >= c->gender_min_years);
    assert_true(e->female_p >= 0 && e->female_p <= 1);
    for (int i = 0; i < AGE_RANGES; i++)
        assert_float_equal(e->range_p[i], 0, 0);
}

/* Boxes in the picture, over its edge, huge, tiny and impossible. */
static void any_box_is_an_estimate_or_an_error(const char *name)
{
    struct card *c;
    struct attrs *a = open_named(name, &c);
    struct frame *f = noise(320, 240);
    static const struct {
        struct box box;
        bool ok;
    } cases[] = {{{100, 60, 80, 100}, true}, {{-30, -30, 80, 80}, true}, {{0, 0, 320, 240}, true},
            {{-100, -100, 600, 600}, true}, {{50, 50, 1, 1}, true}, {{319, 239, 60, 60}, true},
            {{400, 0, 20, 20}, false}, {{NAN, 0, 20, 20}, false}, {{0, 0, 0, 20}, false},
            {{0, 0, 1e9f, 1e9f}, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct face face = {.box = cases[i].box, .score = 0.9f};
        struct quality q = {.weight = NAN};
        struct estimate e;
        int rc = attrs_look(a, f, &face, &q, &e);
        if (cases[i].ok && face.box.x + face.box.w / 2 < 320 && face.box.y + face.box.h / 2 < 240)
            assert_int_equal(rc, 0);
        if (!cases[i].ok)
            assert_true(rc < 0 && q.defect != UNKNOWN_NOT);
        if (rc == 0)
            check_estimate(c, &e);
        assert_true(q.weight >= 0 && q.weight <= 1);
    }
    frame_unref(f);
    attrs_close(a);
    card_free(c);
}

static void xception_takes_any_box(void **state)
{
    (void)state;
    any_box_is_an_estimate_or_an_error("xception");
}

static void retail_takes_any_box(void **state)
{
    (void)state;
    any_box_is_an_estimate_or_an_error("retail-0013");
}

static void only_the_chosen_and_good_are_estimated(void **state)
{
    (void)state;
    struct card *c;
    struct attrs *a = open_named("xception", &c);
    struct frame *f = noise(320, 240);
    struct sightings *s = calloc(1, sizeof(*s));
    s->n = 3;
    for (int i = 0; i < 3; i++)
        s->list[i].face = (struct face){.box = {100, 60, 80, 100}, .score = 0.9f};
    s->list[0].chosen = s->list[1].chosen = true;
    s->list[1].face.box.w = s->list[1].face.box.h = 20;
    s->list[2].estimated = true; /* of another time */
    attrs_run(a, f, s);
    assert_true(s->list[0].estimated);
    assert_float_equal(s->list[0].quality.width_px, 80, 0);
    check_estimate(c, &s->list[0].estimate);
    assert_false(s->list[1].estimated);
    assert_int_equal(s->list[1].quality.defect, UNKNOWN_TOO_SMALL);
    assert_false(s->list[2].estimated);
    free(s);
    frame_unref(f);
    attrs_close(a);
    card_free(c);
}

/* The same pixels, cut out before. */
static void a_whole_picture_is_a_face(void **state)
{
    (void)state;
    struct card *c;
    struct attrs *a = open_named("xception", &c);
    uint8_t bgr[96 * 96 * 3];
    for (size_t i = 0; i < sizeof(bgr); i++)
        bgr[i] = (uint8_t)(i * 7);
    struct frame *f = frame_from_bgr(bgr, 96, 96);
    /* a square of 0.9 sides around it is the whole picture */
    float side = 96 / c->crop.square;
    struct face face = {.box = {48 - side / 2, 48 - side / 2, side, side}, .score = 0.9f};
    struct quality q;
    struct estimate cut, whole;
    assert_int_equal(attrs_look(a, f, &face, &q, &cut), 0);
    assert_int_equal(attrs_whole(a, bgr, 96, 96, &whole), 0);
    check_estimate(c, &whole);
    assert_float_equal(whole.years, cut.years, 1e-4f);
    frame_unref(f);
    attrs_close(a);
    card_free(c);
}

static void a_wrong_card_is_refused(void **state)
{
    (void)state;
    struct card *c;
    struct err e = {0};
    attrs_close(open_named("xception", &c));
    c->gender_output[0] = 'x'; /* an output that the net does not have */
    assert_null(attrs_open(c, &e));
    assert_non_null(strstr(e.text, "xception.onnx"));
    c->gender_output[0] = 'g';
    c->kind = CARD_DETECTOR;
    assert_null(attrs_open(c, &e));
    assert_non_null(strstr(e.text, "not an attribute model"));
    card_free(c);
}

static void a_pair_is_a_probability_or_nothing(void **state)
{
    (void)state;
    assert_float_equal(attr_female((float[]){0.25f, 0.75f}, false), 0.75f, 1e-6f);
    assert_float_equal(attr_female((float[]){0.25f, 0.75f}, true), 0.25f, 1e-6f);
    static const float bad[][2] = {{NAN, 1}, {1, NAN}, {-1, 2}, {0, 0}, {INFINITY, 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(isnan(attr_female(bad[i], false)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(xception_takes_any_box),
            cmocka_unit_test(retail_takes_any_box),
            cmocka_unit_test(only_the_chosen_and_good_are_estimated),
            cmocka_unit_test(a_whole_picture_is_a_face),
            cmocka_unit_test(a_wrong_card_is_refused),
            cmocka_unit_test(a_pair_is_a_probability_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
