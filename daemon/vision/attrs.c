#include "vision/attrs.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "vision/align.h"
#include "vision/attr.h"
#include "vision/card.h"
#include "vision/crop.h"
#include "vision/fusion.h"
#include "vision/quality.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An upright square of a face near the camera is sampled to so many sides of the net's input, and
 * averaged down from there. */
#define TURNED_MAX 4

/* One net, as its card says: of the card itself, or of a member of a combination. */
struct member {
    const struct attr_engine *kind;
    void *engine;
    int input_w;
    float gender_min_years, gender_slope, gender_shift;
};

struct attrs {
    int n_members, n_views;
    struct member member[CARD_MEMBERS];
    struct card_view view[CARD_VIEWS];
    bool combined; /* by ... */
    struct fusion fusion;
    struct scaler *scaler;
    uint8_t *bgr, *turned; /* of the latest crop, and the same upright */
    size_t size, turned_size;
};

static const struct attr_engine *const engines[] = {&attr_years, &attr_ranges};

/* ------------------------------------------------------------- birth and death --- */

static int open_member(struct member *m, const struct card *card, struct err *e)
{
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        if (strcmp(card->engine, engines[i]->name) == 0)
            m->kind = engines[i];
    }
    if (card->kind != CARD_ATTRIBUTES || !m->kind)
        return err_set(e, -EINVAL,
                "%s: not an attribute model of a known engine: those are \"years\", \"ranges\" and "
                "\"combined\"",
                card->path);
    m->input_w = card->input.width;
    m->gender_min_years = card->gender_min_years;
    m->gender_slope = card->gender_slope;
    m->gender_shift = card->gender_shift;
    m->engine = m->kind->open(card, e);
    if (!m->engine)
        return -EINVAL;
    uint8_t blank[64 * 64 * 3] = {0};
    struct estimate estimate;
    return m->kind->run(m->engine, blank, 64, 64, &estimate, e);
}

static int open_all(struct attrs *a, const struct card *card, struct err *e)
{
    a->combined = card->n_members > 0;
    a->n_members = a->combined ? card->n_members : 1;
    a->n_views = a->combined ? card->n_views : 1;
    a->view[0] = (struct card_view){0, card->crop};
    if (a->combined) {
        memcpy(a->view, card->view, sizeof(a->view));
        const char *calibration = card_path(card, "calibration");
        if (!calibration)
            return err_set(e, -EINVAL, "%s: this engine needs a file \"calibration\"", card->path);
        int rc = fusion_load(calibration, a->n_views, &a->fusion, e);
        if (rc < 0)
            return rc;
    }
    for (int i = 0; i < a->n_members; i++) {
        int rc = open_member(&a->member[i], a->combined ? card->member[i] : card, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

struct attrs *attrs_open(const struct card *card, struct err *e)
{
    if (card_verify(card, e) < 0)
        return NULL;
    struct attrs *a = mem_new(1, sizeof(*a));
    a->scaler = scaler_new();
    if (open_all(a, card, e) < 0) {
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
    for (int i = 0; i < a->n_members; i++) {
        if (a->member[i].engine)
            a->member[i].kind->close(a->member[i].engine);
    }
    scaler_free(a->scaler);
    free(a->bgr);
    free(a->turned);
    free(a);
}

/* ------------------------------------------------------------- what a net gets to see --- */

static int make_room(uint8_t **bgr, size_t *size, size_t want)
{
    if (want <= *size)
        return 0;
    free(*bgr);
    *bgr = malloc(want);
    *size = *bgr ? want : 0;
    return *bgr ? 0 : -ENOMEM;
}

static int cut(
        struct attrs *a, const struct frame *f, const struct rect *r, enum scale_outside outside)
{
    int rc = make_room(&a->bgr, &a->size, (size_t)r->w * (size_t)r->h * 3);
    return rc < 0 ? rc : scale_crop(a->scaler, f, r->x, r->y, r->w, r->h, outside, a->bgr);
}

/* The crop of a view, packed: in a's memory until the next one. */
struct look {
    uint8_t *bgr;
    int w, h;
};

static int cut_upright(struct attrs *a, const struct frame *f, const struct face *face,
        const struct card_view *v, struct look *ret)
{
    struct upright u;
    struct rect r;
    if (!align_square(face, v->crop.square, &u))
        u = align_box(&face->box, v->crop.square);
    if (!align_rect(&u, frame_width(f), frame_height(f), &r))
        return -EINVAL;
    int input = a->member[v->member].input_w, side = (int)lrintf(u.side);
    side = side < input ? input : side > TURNED_MAX * input ? TURNED_MAX * input : side;
    int rc = make_room(&a->turned, &a->turned_size, (size_t)side * (size_t)side * 3);
    if (rc == 0)
        rc = cut(a, f, &r, v->crop.outside);
    if (rc < 0)
        return rc;
    align_turn(&u, &r, a->bgr, side, a->turned);
    *ret = (struct look){a->turned, side, side};
    return 0;
}

static int cut_view(struct attrs *a, const struct frame *f, const struct face *face,
        const struct card_view *v, struct look *ret)
{
    int rc;
    if (v->crop.landmarks) {
        rc = cut_upright(a, f, face, v, ret);
    } else {
        struct rect r;
        if (!crop_rect(&v->crop, &face->box, frame_width(f), frame_height(f), &r))
            return -EINVAL;
        rc = cut(a, f, &r, v->crop.outside);
        *ret = (struct look){a->bgr, r.w, r.h};
    }
    if (rc == 0 && v->crop.mirror)
        crop_mirror(ret->bgr, ret->w, ret->h);
    return rc;
}

/* ------------------------------------------------------------- what is made of its answers --- */

/* Nets are surer of themselves than they are right: the card says how much. */
static void as_measured(const struct member *m, struct estimate *e)
{
    if (m->gender_min_years > 0)
        e->has_gender = e->has_gender && e->has_age && e->years >= m->gender_min_years;
    if (m->gender_slope > 0 && (m->gender_slope != 1 || m->gender_shift != 0))
        e->female_p = attr_probability(m->gender_slope * attr_logit(e->female_p) + m->gender_shift);
    if (!e->has_gender)
        e->female_p = 0.5f;
}

static void measure(
        struct attrs *a, const struct frame *f, const struct face *face, struct quality *q)
{
    int width = frame_width(f), height = frame_height(f);
    struct rect r = {0, 0, 0, 0};
    bool there = crop_box(&face->box, width, height, &r) && cut(a, f, &r, SCALE_EDGE) == 0;
    quality_measure(face, there ? a->bgr : NULL, r.w, r.h, width, height,
            a->combined ? DEMAND_CALIBRATED : DEMAND_STRICT, q);
}

static int estimate(struct attrs *a, const struct frame *f, const struct face *face,
        const struct quality *q, struct estimate *ret)
{
    struct opinion opinions[CARD_VIEWS];
    for (int i = 0; i < a->n_views; i++) {
        struct member *m = &a->member[a->view[i].member];
        struct look look;
        int rc = cut_view(a, f, face, &a->view[i], &look);
        if (rc == 0)
            rc = m->kind->run(m->engine, look.bgr, look.w, look.h, ret, NULL);
        if (rc == 0 && a->combined && !(ret->has_age && ret->has_gender))
            rc = -EDOM; /* no number: there is nothing to combine */
        if (rc < 0)
            return rc;
        opinions[i] = (struct opinion){ret->years, ret->female_p};
    }
    if (a->combined)
        fusion_answer(&a->fusion, opinions, q, face->has_marks ? face->score : 1, ret);
    else
        as_measured(&a->member[0], ret);
    return 0;
}

int attrs_look(struct attrs *a, const struct frame *f, const struct face *face,
        struct quality *ret_quality, struct estimate *ret_estimate)
{
    measure(a, f, face, ret_quality);
    return estimate(a, f, face, ret_quality, ret_estimate);
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
            s->estimated = estimate(a, f, &s->face, &s->quality, &s->estimate) == 0;
    }
}

int attrs_whole(struct attrs *a, uint8_t *bgr, int w, int h, struct estimate *ret)
{
    if (a->combined)
        return -ENOTSUP; /* its views are cut out of a picture around a face */
    int rc = a->member[0].kind->run(a->member[0].engine, bgr, w, h, ret, NULL);
    if (rc == 0)
        as_measured(&a->member[0], ret);
    return rc;
}
