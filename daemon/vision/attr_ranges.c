#include "base/mem.h"
#include "vision/attr.h"
#include "vision/dnn.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two nets that see the same crop: one names the eight age ranges, the other the gender. */
struct ranges {
    struct dnn *age, *gender;
    struct dnn_prep prep;
    char *age_output, *gender_output;
    bool female_first;
};

static void ranges_close(void *engine)
{
    struct ranges *r = engine;
    dnn_close(r->age);
    dnn_close(r->gender);
    free(r->age_output);
    free(r->gender_output);
    free(r);
}

static void *ranges_open(const struct card *card, struct err *e)
{
    const char *age = card_path(card, "age_weights"), *gender = card_path(card, "gender_weights");
    if (!age || !gender || !card->input.width) {
        (void)err_set(e, -EINVAL,
                "%s: this engine needs files \"age_weights\" and \"gender_weights\", "
                "'width' and 'height'",
                card->path);
        return NULL;
    }
    struct ranges *r = mem_new(1, sizeof(*r));
    r->prep = (struct dnn_prep){.width = card->input.width,
            .height = card->input.height,
            .scale = card->input.scale,
            .swap_rb = card->input.swap_rb};
    memcpy(r->prep.mean, card->input.mean, sizeof(r->prep.mean));
    r->age_output = mem_strdup(card->age_output);
    r->gender_output = mem_strdup(card->gender_output);
    r->female_first = card->female_first;
    r->age = dnn_open(age, card_path(card, "age_graph"), e);
    if (r->age)
        r->gender = dnn_open(gender, card_path(card, "gender_graph"), e);
    if (!r->gender) {
        ranges_close(r);
        return NULL;
    }
    return r;
}

static int run_one(struct ranges *r, struct dnn *dnn, const char *output, size_t n,
        const uint8_t *bgr, int w, int h, struct dnn_output *ret, struct err *e)
{
    int rc = dnn_run(dnn, bgr, w, h, &r->prep, &output, 1, ret, e);
    if (rc == 0 && ret->n != n)
        return err_set(e, -EINVAL, "its output '%s' has %zu numbers, not %zu", output, ret->n, n);
    return rc;
}

static bool take_ranges(const float *p, float ret[AGE_RANGES])
{
    float sum = 0;
    for (int i = 0; i < AGE_RANGES; i++) {
        if (!(p[i] >= 0))
            return false;
        sum += p[i];
    }
    if (!(sum > 0) || !isfinite(sum))
        return false;
    for (int i = 0; i < AGE_RANGES; i++)
        ret[i] = p[i] / sum;
    return true;
}

static int ranges_run(void *engine, uint8_t *bgr, int w, int h, struct estimate *ret, struct err *e)
{
    struct ranges *r = engine;
    struct dnn_output age, gender;
    int rc = run_one(r, r->age, r->age_output, AGE_RANGES, bgr, w, h, &age, e);
    if (rc == 0)
        rc = run_one(r, r->gender, r->gender_output, 2, bgr, w, h, &gender, e);
    if (rc < 0)
        return rc;
    float female = attr_female(gender.data, r->female_first);
    memset(ret, 0, sizeof(*ret));
    ret->years = NAN;
    ret->has_age = take_ranges(age.data, ret->range_p);
    ret->has_gender = isfinite(female);
    ret->female_p = ret->has_gender ? female : 0.5f;
    return 0;
}

const struct attr_engine attr_ranges = {"ranges", ranges_open, ranges_run, ranges_close};
