#include "vision/attrs.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "vision/attr.h"
#include "vision/card.h"
#include "vision/crop.h"
#include "vision/quality.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct attrs {
    const struct attr_engine *kind;
    void *engine;
    struct card_crop crop;
    struct scaler *scaler;
    uint8_t *bgr; /* of the latest crop */
    size_t size;
};

static const struct attr_engine *const engines[] = {&attr_years, &attr_ranges};

static int warm(struct attrs *a, struct err *e)
{
    uint8_t blank[64 * 64 * 3] = {0};
    struct estimate estimate;
    return a->kind->run(a->engine, blank, 64, 64, &estimate, e);
}

struct attrs *attrs_open(const struct card *card, struct err *e)
{
    const struct attr_engine *kind = NULL;
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        if (strcmp(card->engine, engines[i]->name) == 0)
            kind = engines[i];
    }
    if (card->kind != CARD_ATTRIBUTES || !kind) {
        (void)err_set(e, -EINVAL,
                "%s: not an attribute model of a known engine: those are \"years\" and \"ranges\"",
                card->path);
        return NULL;
    }
    if (card_verify(card, e) < 0)
        return NULL;
    struct attrs *a = mem_new(1, sizeof(*a));
    a->kind = kind;
    a->crop = card->crop;
    a->scaler = scaler_new();
    a->engine = kind->open(card, e);
    if (!a->engine || warm(a, e) < 0) {
        (void)err_wrap(e, "model '%s'", card->name);
        attrs_close(a);
        return NULL;
    }
    return a;
}

void attrs_close(struct attrs *a)
{
    if (!a)
        return;
    if (a->engine)
        a->kind->close(a->engine);
    scaler_free(a->scaler);
    free(a->bgr);
    free(a);
}

static int cut(struct attrs *a, const struct frame *f, const struct rect *r)
{
    size_t size = (size_t)r->w * (size_t)r->h * 3;
    if (size > a->size) {
        free(a->bgr);
        a->bgr = malloc(size);
        a->size = a->bgr ? size : 0;
    }
    if (!a->bgr)
        return -ENOMEM;
    return scale_crop(a->scaler, f, r->x, r->y, r->w, r->h, a->crop.outside, a->bgr);
}

static void measure(
        struct attrs *a, const struct frame *f, const struct face *face, struct quality *q)
{
    int width = frame_width(f), height = frame_height(f);
    struct rect r = {0, 0, 0, 0};
    bool there = crop_box(&face->box, width, height, &r) && cut(a, f, &r) == 0;
    quality_measure(face, there ? a->bgr : NULL, r.w, r.h, width, height, q);
}

static int estimate(
        struct attrs *a, const struct frame *f, const struct face *face, struct estimate *ret)
{
    struct rect r;
    if (!crop_rect(&a->crop, &face->box, frame_width(f), frame_height(f), &r))
        return -EINVAL;
    int rc = cut(a, f, &r);
    return rc < 0 ? rc : a->kind->run(a->engine, a->bgr, r.w, r.h, ret, NULL);
}

int attrs_look(struct attrs *a, const struct frame *f, const struct face *face,
        struct quality *ret_quality, struct estimate *ret_estimate)
{
    measure(a, f, face, ret_quality);
    return estimate(a, f, face, ret_estimate);
}

void attrs_run(struct attrs *a, const struct frame *f, struct sightings *sightings)
{
    for (int i = 0; i < sightings->n; i++) {
        struct sighting *s = &sightings->list[i];
        s->estimated = false;
        if (!s->chosen)
            continue;
        measure(a, f, &s->face, &s->quality);
        if (s->quality.defect == UNKNOWN_NOT)
            s->estimated = estimate(a, f, &s->face, &s->estimate) == 0;
    }
}
