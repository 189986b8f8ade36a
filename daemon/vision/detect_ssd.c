#include "base/mem.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "vision/detect.h"
#include "vision/dnn.h"
#include "vision/ssd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES 512 /* the classic net gives out 200 */

/* The whole picture is squeezed to the net's square, as its authors and the classic script do. */
struct ssd {
    struct dnn *dnn;
    struct dnn_prep prep;
    float keep;
    uint8_t *bgr;
    struct face faces[CANDIDATES];
};

static void ssd_close(void *engine)
{
    struct ssd *s = engine;
    dnn_close(s->dnn);
    free(s->bgr);
    free(s);
}

static void *ssd_open(const struct card *card, struct err *e)
{
    const char *weights = card_path(card, "weights"), *graph = card_path(card, "graph");
    if (!weights || !card->input.width) {
        (void)err_set(e, -EINVAL, "%s: this engine needs a file \"weights\", 'width' and 'height'",
                card->path);
        return NULL;
    }
    if (card->min_width > 0) {
        (void)err_set(e, -EINVAL,
                "%s: this engine looks at a picture as a whole: take 'min_width' away", card->path);
        return NULL;
    }
    struct ssd *s = mem_new(1, sizeof(*s));
    s->keep = card->keep_score;
    s->prep = (struct dnn_prep){.width = card->input.width,
            .height = card->input.height,
            .scale = card->input.scale,
            .swap_rb = card->input.swap_rb};
    memcpy(s->prep.mean, card->input.mean, sizeof(s->prep.mean));
    s->bgr = mem_new((size_t)s->prep.width * (size_t)s->prep.height, 3);
    s->dnn = dnn_open(weights, graph, e);
    if (!s->dnn) {
        ssd_close(s);
        return NULL;
    }
    return s;
}

static int ssd_run(void *engine, struct scaler *scaler, const struct frame *f,
        const struct detect_part *part, struct face **ret_faces, int *ret_n, struct err *e)
{
    (void)part; /* never one: see ssd_open() */
    struct ssd *s = engine;
    int rc = scale_squeeze(scaler, f, s->prep.width, s->prep.height, s->bgr);
    if (rc < 0)
        return err_set(e, rc, "cannot scale the picture");
    static const char *const outputs[] = {"detection_out"};
    struct dnn_output out;
    rc = dnn_run(s->dnn, s->bgr, s->prep.width, s->prep.height, &s->prep, outputs, 1, &out, e);
    if (rc < 0)
        return rc;
    if (out.n % 7)
        return err_set(e, -EINVAL, "its output is not rows of seven numbers");
    *ret_n = ssd_decode(
            out.data, out.n / 7, frame_width(f), frame_height(f), s->keep, s->faces, CANDIDATES);
    *ret_faces = s->faces;
    return 0;
}

const struct detect_engine detect_ssd = {"ssd", ssd_open, ssd_run, ssd_close};
