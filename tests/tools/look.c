/*
 * Runs the models of two cards on raw pictures, one JSON line for each: the door through which
 * tests and measurements outside of C reach the daemon's own path.
 *
 * usage: look CARDS ATTRIBUTES [DETECTOR [views]] <JOBS
 *
 * With "views", ATTRIBUTES is a combination, and printed is what each of its views says by itself,
 * [years, female]: what a calibration is made from.
 *
 * Each line of JOBS is "FILE WIDTH HEIGHT X Y W H", a file of packed BGR bytes and the box of a
 * face in it, or "FILE WIDTH HEIGHT" for the faces that DETECTOR finds. File names have no blanks.
 */
#include "base/err.h"
#include "flow/face.h"
#include "flow/frame.h"
#include "vision/attrs.h"
#include "vision/card.h"
#include "vision/detector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct frame *read_picture(const char *path, int w, int h)
{
    size_t size = 3 * (size_t)w * (size_t)h;
    uint8_t *bgr = malloc(size);
    FILE *in = fopen(path, "rb");
    struct frame *f = NULL;
    if (bgr && in && fread(bgr, 1, size, in) == size)
        f = frame_from_bgr(bgr, w, h);
    if (in)
        (void)fclose(in);
    free(bgr);
    return f;
}

/* One for each view of a combination; or one in all. */
struct lookers {
    int n;
    bool views;
    struct attrs *list[CARD_VIEWS];
};

/* Each view as if it were a model of its own, as its net says it. */
static int open_views(struct lookers *l, const struct card *c, struct err *e)
{
    l->views = true;
    for (; l->n < c->n_views && !e->code; l->n++) {
        struct card one = *c->member[c->view[l->n].member];
        one.crop = c->view[l->n].crop;
        one.gender_min_years = one.gender_shift = 0;
        one.gender_slope = 1;
        l->list[l->n] = attrs_open(&one, e);
    }
    return e->code ? -1 : 0;
}

static void print_views(const struct lookers *l, const struct frame *f, const struct face *face)
{
    printf(", \"views\": [");
    for (int i = 0; i < l->n; i++) {
        struct quality q;
        struct estimate e;
        memset(&e, 0, sizeof(e));
        (void)attrs_look(l->list[i], f, face, &q, &e);
        printf("%s[%.9g, %.9g]", i ? ", " : "", e.years, e.female_p);
    }
    printf("]");
}

static void print_face(const struct lookers *l, const struct frame *f, const struct face *face)
{
    struct quality q;
    struct estimate e;
    memset(&e, 0, sizeof(e));
    int rc = attrs_look(l->list[0], f, face, &q, &e);
    printf("{\"rc\": %d, \"box\": [%g, %g, %g, %g], \"score\": %g", rc, face->box.x, face->box.y,
            face->box.w, face->box.h, face->score);
    printf(", \"quality\": {\"width_px\": %g, \"sharpness\": %g, \"turn\": %g, \"brightness\": %g, "
           "\"contrast\": %g, \"inside\": %g, \"weight\": %g, \"defect\": \"%s\"}",
            q.width_px, q.sharpness, q.turn, q.brightness, q.contrast, q.inside, q.weight,
            q.defect ? unknown_name(q.defect) : "");
    if (e.has_age && !isnan(e.years))
        printf(", \"years\": %.9g", e.years);
    if (e.has_age && isnan(e.years)) {
        printf(", \"range_p\": [");
        for (int i = 0; i < AGE_RANGES; i++)
            printf("%s%.9g", i ? ", " : "", e.range_p[i]);
        printf("]");
    }
    if (e.years_sd > 0)
        printf(", \"years_sd\": %.9g", e.years_sd);
    if (e.has_gender)
        printf(", \"female_p\": %.9g", e.female_p);
    if (l->views)
        print_views(l, f, face);
    printf("}");
}

static int look(const struct lookers *l, struct detector *d, const char *job)
{
    char path[1024];
    int w, h, n = 1;
    struct face faces[FACES_MAX] = {{.score = 1}};
    struct box *b = &faces[0].box;
    int got = sscanf(job, "%1023s %d %d %f %f %f %f", path, &w, &h, &b->x, &b->y, &b->w, &b->h);
    struct frame *f = got == 7 || (got == 3 && d) ? read_picture(path, w, h) : NULL;
    if (!f || (got == 3 && detector_run(d, f, faces, &n) < 0)) {
        (void)fprintf(stderr, "look: cannot look at: %s", job);
        frame_unref(f);
        return -1;
    }
    printf("{\"file\": \"%s\", \"faces\": [", path);
    for (int i = 0; i < n; i++) {
        printf("%s", i ? ", " : "");
        print_face(l, f, &faces[i]);
    }
    printf("]}\n");
    frame_unref(f);
    return 0;
}

int main(int argc, char **argv)
{
    bool views = argc == 5 && strcmp(argv[4], "views") == 0;
    if (argc < 3 || argc > 5 || (argc == 5 && !views)) {
        (void)fprintf(stderr, "usage: look CARDS ATTRIBUTES [DETECTOR [views]] <JOBS\n");
        return 2;
    }
    struct err e = {0};
    struct lookers l = {0};
    struct card *ac = card_load(argv[1], argv[2], &e);
    struct card *dc = argc > 3 && ac ? card_load(argv[1], argv[3], &e) : NULL;
    if (ac && !e.code && views)
        (void)open_views(&l, ac, &e);
    else if (ac && !e.code)
        l.list[l.n++] = attrs_open(ac, &e);
    struct detector *d = dc && !e.code ? detector_open(dc, &e) : NULL;
    int bad = 0;
    char job[2048];
    while (!e.code && fgets(job, sizeof(job), stdin))
        bad |= look(&l, d, job) < 0;
    if (e.code)
        (void)fprintf(stderr, "look: %s\n", e.text);
    detector_close(d);
    for (int i = 0; i < l.n; i++)
        attrs_close(l.list[i]);
    card_free(dc);
    card_free(ac);
    return bad || e.code ? 1 : 0;
}
