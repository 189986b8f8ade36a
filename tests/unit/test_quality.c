/* needs: vision/quality vision/crop flow/box */
#include "vision/crop.h"
#include "vision/quality.h"

#include "flow/box.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned seed;

static float between(float low, float high)
{
    return low + (high - low) * (float)(rand_r(&seed) % 10001) / 10000;
}

static struct quality some(void)
{
    return (struct quality){.width_px = between(0, 200),
            .sharpness = between(0, 200),
            .turn = between(0, 1),
            .brightness = between(0, 255),
            .contrast = between(0, 90),
            .inside = between(0.5f, 1)};
}

static void better_is_never_worth_less(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct quality a = some(), b = a;
        float score = between(0.4f, 1), better = score;
        switch (i % 5) {
        case 0: b.width_px += between(0, 50); break;
        case 1: b.sharpness += between(0, 50); break;
        case 2: b.turn -= between(0, b.turn); break;
        case 3: b.inside += between(0, 1 - b.inside); break;
        default: better += between(0, 1 - score);
        }
        enum demand demand = i % 2 ? DEMAND_STRICT : DEMAND_CALIBRATED;
        quality_judge(&a, true, score, demand);
        quality_judge(&b, true, better, demand);
        assert_true(b.weight >= a.weight);
        assert_true(a.weight >= 0 && a.weight <= 1);
        assert_true((a.weight > 0) == (a.defect == UNKNOWN_NOT));
        assert_true(a.defect == UNKNOWN_NOT || a.poorest == a.defect);
        assert_true(a.poorest != UNKNOWN_NOT);
    }
}

static const struct quality ideal = {
        .width_px = 120, .sharpness = 90, .brightness = 120, .contrast = 40, .inside = 1};

static void each_defect_has_its_name(void **state)
{
    (void)state;
    struct quality q = ideal;
    quality_judge(&q, true, 0.95f, DEMAND_STRICT);
    assert_int_equal(q.defect, UNKNOWN_NOT);
    assert_float_equal(q.weight, 1, 1e-6f);
    static const struct {
        size_t field;
        float value;
        enum unknown defect;
    } cases[] = {
            {offsetof(struct quality, width_px), 30, UNKNOWN_TOO_SMALL},
            {offsetof(struct quality, width_px), NAN, UNKNOWN_TOO_SMALL},
            {offsetof(struct quality, sharpness), 3, UNKNOWN_BLURRED},
            {offsetof(struct quality, sharpness), NAN, UNKNOWN_BLURRED},
            {offsetof(struct quality, turn), 1, UNKNOWN_PROFILE},
            {offsetof(struct quality, inside), 0.5f, UNKNOWN_CUT_OFF},
            {offsetof(struct quality, brightness), 5, UNKNOWN_EXPOSURE},
            {offsetof(struct quality, brightness), 250, UNKNOWN_EXPOSURE},
            {offsetof(struct quality, contrast), 2, UNKNOWN_EXPOSURE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        q = ideal;
        memcpy((char *)&q + cases[i].field, &cases[i].value, sizeof(float));
        quality_judge(&q, true, 0.95f, DEMAND_STRICT);
        assert_int_equal(q.defect, cases[i].defect);
        assert_float_equal(q.weight, 0, 0);
    }
    q = ideal;
    quality_judge(&q, true, 0.6f, DEMAND_STRICT);
    assert_int_equal(q.defect, UNKNOWN_LOW_CONFIDENCE);
    quality_judge(&q, false, 0.6f, DEMAND_STRICT); /* a score of the other detector */
    assert_int_equal(q.defect, UNKNOWN_NOT);
}

/* What a calibrated model still looks at, and what is then to blame. */
static void a_calibrated_model_sees_poorer_pictures(void **state)
{
    (void)state;
    static const struct {
        size_t field;
        float value, beyond;
        enum unknown poorest;
    } cases[] = {
            {offsetof(struct quality, width_px), 32, 29, UNKNOWN_TOO_SMALL},
            {offsetof(struct quality, sharpness), 6, 3, UNKNOWN_BLURRED},
            {offsetof(struct quality, turn), 1, NAN, UNKNOWN_PROFILE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quality q = ideal;
        memcpy((char *)&q + cases[i].field, &cases[i].value, sizeof(float));
        quality_judge(&q, true, 0.95f, DEMAND_STRICT);
        assert_int_equal(q.defect, cases[i].poorest);
        quality_judge(&q, true, 0.95f, DEMAND_CALIBRATED);
        assert_int_equal(q.defect, UNKNOWN_NOT);
        assert_int_equal(q.poorest, cases[i].poorest);
        memcpy((char *)&q + cases[i].field, &cases[i].beyond, sizeof(float));
        quality_judge(&q, true, 0.95f, DEMAND_CALIBRATED);
        assert_int_equal(q.defect, cases[i].poorest);
    }
    struct quality q = ideal;
    quality_judge(&q, true, 0.95f, DEMAND_CALIBRATED);
    assert_int_equal(q.poorest, UNKNOWN_LOW_CONFIDENCE);
}

/* Stripes `period` pixels wide over a face of 112 x 112. */
static float sharpness_of(int period, int side)
{
    uint8_t *bgr = malloc(3 * (size_t)side * (size_t)side);
    for (int i = 0; i < side * side; i++)
        memset(bgr + (ptrdiff_t)3 * i, i % side / period % 2 ? 200 : 50, 3);
    struct face f = {.box = {0, 0, (float)side, (float)side}, .score = 1};
    struct quality q;
    quality_measure(&f, bgr, side, side, side, side, DEMAND_STRICT, &q);
    free(bgr);
    assert_float_equal(q.brightness, 125, 12);
    assert_float_equal(q.contrast, 75, 12);
    assert_float_equal(q.inside, 1, 1e-6f);
    return q.sharpness;
}

static void fine_detail_is_sharper_at_any_size(void **state)
{
    (void)state;
    assert_true(sharpness_of(2, 112) > 2 * sharpness_of(8, 112));
    assert_true(sharpness_of(4, 224) > 2 * sharpness_of(16, 224));
    assert_true(sharpness_of(8, 112) > 10);
    uint8_t grey[3 * 50 * 50];
    memset(grey, 128, sizeof(grey));
    struct face f = {.box = {0, 0, 50, 50}, .score = 1};
    struct quality q;
    quality_measure(&f, grey, 50, 50, 50, 50, DEMAND_STRICT, &q);
    assert_float_equal(q.sharpness, 0, 1e-3f);
    assert_float_equal(q.contrast, 0, 1e-2f);
    quality_measure(&f, NULL, 0, 0, 50, 50, DEMAND_STRICT, &q); /* nothing of it could be seen */
    assert_true(q.weight == 0 && q.defect != UNKNOWN_NOT);
    uint8_t one[3] = {1, 2, 3};
    quality_measure(&f, one, 1, 1, 50, 50, DEMAND_STRICT, &q);
    assert_true(q.weight == 0);
}

static void turn_follows_the_nose_and_not_the_tilt(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        float a = between(0, 6.28f), c = cosf(a), s = sinf(a), d = between(5, 100);
        float nose = between(0, 1.5f);
        struct face f = {.has_marks = true};
        f.mark[LANDMARK_RIGHT_EYE] = (struct point){-c * d, -s * d};
        f.mark[LANDMARK_LEFT_EYE] = (struct point){c * d, s * d};
        f.mark[LANDMARK_NOSE] = (struct point){c * d * nose - s * d, s * d * nose + c * d};
        assert_float_equal(face_turn(&f), fminf(nose, 1), 1e-3f);
    }
    struct face none = {.has_marks = false}, one = {.has_marks = true};
    assert_float_equal(face_turn(&none), 0, 0);
    assert_float_equal(face_turn(&one), 1, 0); /* both eyes in one place */
}

static void square_has_its_size_and_its_centre(void **state)
{
    (void)state;
    struct card_crop crop = {.square = 0.9f};
    for (int i = 0; i < 5000; i++) {
        struct box b = {between(-50, 600), between(-50, 400), between(1, 300), between(1, 300)};
        struct rect r;
        if (!crop_rect(&crop, &b, 640, 480, &r)) {
            assert_true(b.x > 450 || b.y > 300 || b.x + b.w < 160 || b.y + b.h < 160);
            continue;
        }
        assert_int_equal(r.w, r.h);
        assert_true(fabsf((float)r.w - 0.9f * fmaxf(b.w, b.h)) <= 1);
        assert_true(fabsf((float)r.x + (float)r.w / 2 - b.x - b.w / 2) <= 1);
        assert_true(fabsf((float)r.y + (float)r.h / 2 - b.y - b.h / 2) <= 1);
        assert_true(r.x < 640 && r.y < 480 && r.x + r.w > 0 && r.y + r.h > 0);
    }
}

/* frame[max(0, y1-20):min(y2+20, h-1), max(0, x1-20):min(x2+20, w-1)] */
static void margin_is_cut_as_the_classic_script_cuts(void **state)
{
    (void)state;
    struct card_crop crop = {.margin_px = 20};
    struct rect r;
    assert_true(crop_rect(&crop, &(struct box){100, 50, 40, 60}, 640, 480, &r));
    assert_memory_equal(&r, (&(struct rect){80, 30, 80, 100}), sizeof(r));
    assert_true(crop_rect(&crop, &(struct box){5, 10, 600, 460}, 640, 480, &r));
    assert_memory_equal(&r, (&(struct rect){0, 0, 625, 479}), sizeof(r));
    assert_true(crop_rect(&crop, &(struct box){0, 0, 640, 480}, 640, 480, &r));
    assert_memory_equal(&r, (&(struct rect){0, 0, 639, 479}), sizeof(r));
}

static void what_is_no_box_has_no_crop(void **state)
{
    (void)state;
    static const struct box bad[] = {{NAN, 0, 5, 5}, {0, 0, NAN, 5}, {0, INFINITY, 5, 5},
            {0, 0, 5, INFINITY}, {0, 0, 0, 5}, {0, 0, -5, 5}, {1e30f, 0, 5, 5}, {0, 0, 1e9f, 1e9f},
            {700, 0, 20, 20}, {-90, 10, 20, 20}};
    static const struct card_crop crops[] = {{.square = 0.9f}, {.margin_px = 20}};
    struct rect r;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(crop_rect(&crops[0], &bad[i], 640, 480, &r));
        assert_false(crop_rect(&crops[1], &bad[i], 640, 480, &r));
        assert_false(crop_box(&bad[i], 640, 480, &r));
    }
    assert_true(crop_box(&(struct box){-10, 470, 30, 30}, 640, 480, &r));
    assert_memory_equal(&r, (&(struct rect){0, 470, 20, 10}), sizeof(r));
}

static void average_is_the_mean_of_blocks(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        int w = 1 + rand_r(&seed) % 90, h = 1 + rand_r(&seed) % 90, nw = w, nh = h;
        uint8_t *bgr = malloc(3 * (size_t)w * (size_t)h), *old = malloc(3 * (size_t)w * (size_t)h);
        for (int i = 0; i < 3 * w * h; i++)
            old[i] = bgr[i] = (uint8_t)(rand_r(&seed) >> 5);
        crop_average(bgr, &nw, &nh, 10, 10);
        int k = w / 10 < h / 10 ? w / 10 : h / 10;
        k = k < 1 ? 1 : k;
        assert_int_equal(nw, w / k);
        assert_int_equal(nh, h / k);
        int x = rand_r(&seed) % nw, y = rand_r(&seed) % nh, sum = 0;
        int left = (w - nw * k) / 2 + x * k, top = (h - nh * k) / 2 + y * k;
        for (int i = 0; i < k * k; i++)
            sum += old[3 * ((top + i / k) * w + left + i % k) + 1];
        assert_in_range(bgr[3 * (y * nw + x) + 1] + 1 - sum / (k * k), 1, 2);
        free(bgr);
        free(old);
    }
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : 20261123;
    print_message("SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(better_is_never_worth_less),
            cmocka_unit_test(each_defect_has_its_name),
            cmocka_unit_test(a_calibrated_model_sees_poorer_pictures),
            cmocka_unit_test(fine_detail_is_sharper_at_any_size),
            cmocka_unit_test(turn_follows_the_nose_and_not_the_tilt),
            cmocka_unit_test(square_has_its_size_and_its_centre),
            cmocka_unit_test(margin_is_cut_as_the_classic_script_cuts),
            cmocka_unit_test(what_is_no_box_has_no_crop),
            cmocka_unit_test(average_is_the_mean_of_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
