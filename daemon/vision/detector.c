#include "vision/detector.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "vision/card.h"
#include "vision/detect.h"
#include "vision/nms.h"
#include "vision/regions.h"
#include "vision/tiles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct detector {
    const struct detect_engine *kind;
    void *engine;
    struct scaler *scaler;
    float overlap;
    struct face *whole, *cut; /* of all tiles, FACES_MAX each; made with the first */
};

static const struct detect_engine *const engines[] = {&detect_yunet, &detect_ssd};

/* A blank picture of the usual shape: the first run of a net allocates, and shows whether it has
 * its outputs. */
static int warm(struct detector *d, struct err *e)
{
    static const uint8_t blank[640 * 360 * 3];
    struct frame *f = frame_from_bgr(blank, 640, 360);
    if (!f)
        return err_set(e, -ENOMEM, "not enough memory for a picture");
    struct face *faces;
    int n;
    int rc = d->kind->run(d->engine, d->scaler, f, NULL, &faces, &n, e);
    frame_unref(f);
    return rc;
}

struct detector *detector_open(const struct card *card, struct err *e)
{
    const struct detect_engine *kind = NULL;
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        if (strcmp(card->engine, engines[i]->name) == 0)
            kind = engines[i];
    }
    if (card->kind != CARD_DETECTOR || !kind) {
        (void)err_set(e, -EINVAL,
                "%s: not a detector of a known engine: those are \"yunet\" and \"ssd\"",
                card->path);
        return NULL;
    }
    if (card_verify(card, e) < 0)
        return NULL;
    struct detector *d = mem_new(1, sizeof(*d));
    d->kind = kind;
    d->overlap = card->overlap;
    d->scaler = scaler_new();
    d->engine = kind->open(card, e);
    if (!d->engine || warm(d, e) < 0) {
        (void)err_wrap(e, "model '%s'", card->name);
        detector_close(d);
        return NULL;
    }
    return d;
}

void detector_close(struct detector *d)
{
    if (!d)
        return;
    if (d->engine)
        d->kind->close(d->engine);
    scaler_free(d->scaler);
    free(d->whole);
    free(d->cut);
    free(d);
}

int detector_run(
        struct detector *d, const struct frame *f, struct face faces[FACES_MAX], int *ret_n)
{
    struct face *found;
    int n;
    int rc = d->kind->run(d->engine, d->scaler, f, NULL, &found, &n, NULL);
    if (rc < 0)
        return rc;
    n = nms(found, n, d->overlap, FACES_MAX);
    memcpy(faces, found, (size_t)n * sizeof(*faces));
    *ret_n = n;
    return 0;
}

static int make_room(struct detector *d)
{
    size_t most = (size_t)(REGIONS_MAX + TILES_MAX) * FACES_MAX;
    if (!d->whole)
        d->whole = malloc(most * sizeof(*d->whole));
    if (!d->cut)
        d->cut = malloc(most * sizeof(*d->cut));
    return d->whole && d->cut ? 0 : -ENOMEM;
}

/* Adds its faces to those that are whole, or to those that may go on beyond its edge. */
static int look_at_part(struct detector *d, const struct frame *f, const struct tile *t,
        float scale, bool any_size, int *n, int *n_cut)
{
    struct detect_part part = {t->x, t->y, t->w, t->h, scale, any_size};
    struct face *found;
    int k;
    int rc = d->kind->run(d->engine, d->scaler, f, &part, &found, &k, NULL);
    if (rc < 0)
        return rc;
    k = nms(found, k, d->overlap, FACES_MAX);
    for (int i = 0; i < k; i++) {
        if (tile_cuts(t, scale, frame_width(f), frame_height(f), &found[i].box))
            d->cut[(*n_cut)++] = found[i];
        else
            d->whole[(*n)++] = found[i];
    }
    return 0;
}

/* Of the parts' faces one is left for each; how many. */
static int suppress(struct detector *d, int n, int n_cut)
{
    n = nms(d->whole, n, d->overlap, FACES_MAX);
    return nms_cut(d->whole, n, d->cut, n_cut, FACES_MAX);
}

int detector_scan(struct detector *d, const struct frame *f, const struct tiles *tiles,
        struct face faces[FACES_MAX], int *ret_n)
{
    int n = 0, n_cut = 0;
    if (tiles->n == 0)
        return detector_run(d, f, faces, ret_n);
    int rc = make_room(d);
    if (rc == 0)
        rc = detector_run(d, f, d->whole, &n);
    for (int i = 0; rc == 0 && i < tiles->n; i++)
        rc = look_at_part(d, f, &tiles->list[i], tiles->scale, false, &n, &n_cut);
    if (rc < 0)
        return rc;
    n = suppress(d, n, n_cut);
    memcpy(faces, d->whole, (size_t)n * sizeof(*faces));
    *ret_n = n;
    return 0;
}

int detector_look(struct detector *d, const struct frame *f, const struct tiles *tiles,
        const struct regions *regions, struct face faces[FACES_MAX], int *ret_n)
{
    int n = 0, n_cut = 0;
    int rc = make_room(d);
    for (int i = 0; rc == 0 && i < regions->n; i++)
        rc = look_at_part(d, f, &regions->list[i], regions->scale, true, &n, &n_cut);
    if (rc == 0 && n_cut > 0)
        return 1;
    for (int i = 0; rc == 0 && i < tiles->n; i++) {
        if (regions_touch(regions, &tiles->list[i]))
            rc = look_at_part(d, f, &tiles->list[i], tiles->scale, false, &n, &n_cut);
    }
    if (rc < 0)
        return rc;
    n = suppress(d, n, n_cut);
    *ret_n = 0;
    for (int i = 0; i < n; i++) {
        if (regions_hold(regions, &d->whole[i].box))
            faces[(*ret_n)++] = d->whole[i];
    }
    return 0;
}
