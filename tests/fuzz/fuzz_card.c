/* needs: vision/card vision/fields vision/fusion vision/attr base/err base/mem base/sha256 */
/*
 * A model card, or a calibration (first byte odd). A card that is accepted holds numbers that
 * somebody can reckon with, and what is refused says why.
 */
#include "base/err.h"
#include "fuzz.h"
#include "vision/card.h"
#include "vision/fusion.h"

#include <math.h>

static void reckon(const struct card *c)
{
    HOLDS(c->n_files >= 0 && c->n_files <= CARD_FILES);
    HOLDS(c->n_views >= 0 && c->n_views <= CARD_VIEWS);
    HOLDS(c->n_members >= 0 && c->n_members <= CARD_MEMBERS);
    HOLDS(c->engine && c->about && c->licence);
    HOLDS(isfinite(c->input.scale) && c->input.width >= 0 && c->input.max_side >= 0);
    HOLDS(isfinite(c->keep_score) && isfinite(c->start_score) && isfinite(c->overlap));
    HOLDS(isfinite(c->crop.square) && isfinite(c->age_scale) && isfinite(c->gender_slope));
    HOLDS(c->measured.n_age_error >= 0 && c->measured.n_age_error <= AGE_RANGES);
    for (int i = 0; i < c->measured.n_age_error; i++)
        HOLDS(isfinite(c->measured.age_error[i].sd) && c->measured.age_error[i].sd > 0);
    (void)card_path(c, "weights");
}

/* With numbers that the card's bounds allow, an answer is a number or none. */
static void answer(const struct fusion *f)
{
    static const struct opinion opinions[3] = {{20, 0.1f}, {45, 0.9f}, {70, 1}};
    struct quality q = {.width_px = 40, .sharpness = 20, .turn = 0.5f, .weight = 0.5f};
    struct estimate made = {0};
    fusion_answer(f, opinions, &q, 0.8f, &made);
    HOLDS(!made.has_age || (isfinite(made.years) && isfinite(made.years_sd)));
    HOLDS(!made.has_gender || (made.female_p >= 0 && made.female_p <= 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[128];
    const char *dir = take_folder();
    struct input in = {data, size};
    struct err e = {0};
    (void)snprintf(path, sizeof(path), "%s/m.card.json", dir);
    bool calibration = take_byte(&in) & 1;
    FILE *f = fopen(path, "w");
    HOLDS(f && fwrite(in.data, 1, in.left, f) == in.left);
    (void)fclose(f);
    if (calibration) {
        struct fusion fusion;
        int r = fusion_load(path, 3, &fusion, &e);
        HOLDS(r == 0 || *e.text);
        if (r == 0)
            answer(&fusion);
    } else {
        struct card *c = card_load(dir, "m", &e);
        HOLDS(c || *e.text);
        if (c)
            reckon(c);
        card_free(c);
    }
    return 0;
}
