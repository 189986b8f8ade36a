#include "vision/detector.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "vision/card.h"
#include "vision/detect.h"
#include "vision/nms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct detector {
    const struct detect_engine *kind;
    void *engine;
    struct scaler *scaler;
    float overlap;
};

static const struct detect_engine *const engines[] = {&detect_yunet, &detect_ssd};

/* A blank picture: the first run of a net allocates, and shows whether it has its outputs. */
static int warm(struct detector *d, struct err *e)
{
    static const uint8_t blank[320 * 192 * 3];
    struct frame *f = frame_from_bgr(blank, 320, 192);
    if (!f)
        return err_set(e, -ENOMEM, "not enough memory for a picture");
    struct face *faces;
    int n;
    int rc = d->kind->run(d->engine, d->scaler, f, &faces, &n, e);
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
    free(d);
}

int detector_run(
        struct detector *d, const struct frame *f, struct face faces[FACES_MAX], int *ret_n)
{
    struct face *found;
    int n;
    int rc = d->kind->run(d->engine, d->scaler, f, &found, &n, NULL);
    if (rc < 0)
        return rc;
    n = nms(found, n, d->overlap, FACES_MAX);
    memcpy(faces, found, (size_t)n * sizeof(*faces));
    *ret_n = n;
    return 0;
}
