#include "base/mem.h"
#include "vision/attr.h"
#include "vision/crop.h"
#include "vision/dnn.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One net with two heads: an age as one number, and a pair for the gender. */
struct years {
    struct dnn *dnn;
    struct dnn_prep prep;
    char *output[2];
    float age_scale;
    bool female_first, average;
};

static void years_close(void *engine)
{
    struct years *y = engine;
    dnn_close(y->dnn);
    free(y->output[0]);
    free(y->output[1]);
    free(y);
}

static void *years_open(const struct card *card, struct err *e)
{
    const char *weights = card_path(card, "weights");
    if (!weights || !card->input.width) {
        (void)err_set(e, -EINVAL, "%s: this engine needs a file \"weights\", 'width' and 'height'",
                card->path);
        return NULL;
    }
    struct years *y = mem_new(1, sizeof(*y));
    y->prep = (struct dnn_prep){.width = card->input.width,
            .height = card->input.height,
            .scale = card->input.scale,
            .swap_rb = card->input.swap_rb};
    memcpy(y->prep.mean, card->input.mean, sizeof(y->prep.mean));
    y->output[0] = mem_strdup(card->age_output);
    y->output[1] = mem_strdup(card->gender_output);
    y->age_scale = card->age_scale;
    y->female_first = card->female_first;
    y->average = card->input.average;
    y->dnn = dnn_open(weights, card_path(card, "graph"), e);
    if (!y->dnn) {
        years_close(y);
        return NULL;
    }
    return y;
}

static int years_run(void *engine, uint8_t *bgr, int w, int h, struct estimate *ret, struct err *e)
{
    struct years *y = engine;
    struct dnn_output out[2];
    const char *const names[2] = {y->output[0], y->output[1]};
    if (y->average)
        crop_average(bgr, &w, &h, y->prep.width, y->prep.height);
    int rc = dnn_run(y->dnn, bgr, w, h, &y->prep, names, 2, out, e);
    if (rc < 0)
        return rc;
    if (out[0].n != 1 || out[1].n != 2)
        return err_set(e, -EINVAL, "its outputs have %zu and %zu numbers, not 1 and 2", out[0].n,
                out[1].n);
    float years = out[0].data[0] * y->age_scale;
    float female = attr_female(out[1].data, y->female_first);
    memset(ret, 0, sizeof(*ret));
    ret->has_age = isfinite(years);
    ret->years = ret->has_age ? fminf(fmaxf(years, 0), 120) : NAN;
    ret->has_gender = isfinite(female);
    ret->female_p = ret->has_gender ? female : 0.5f;
    return 0;
}

const struct attr_engine attr_years = {"years", years_open, years_run, years_close};
