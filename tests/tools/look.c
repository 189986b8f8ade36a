/*
 * Runs the models of two cards on raw pictures, one JSON line for each: the door through which
 * tests and measurements outside of C reach the daemon's own path.
 *
 * usage: look CARDS ATTRIBUTES [DETECTOR [views | tiles=PX]] <JOBS
 *
 * With "views", ATTRIBUTES is a combination, and printed is what each of its views says by itself,
 * [years, female]: what a calibration is made from. With "tiles=PX" pictures are looked at in tiles
 * besides, for faces so wide; printed is what the detector took of the processor's time, and how
 * much that is by pixels, 1 for a look at the picture as a whole.
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
#include "vision/tiles.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of this thread: what a neighbour takes is none of it. */
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

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

/* What finds the faces, and which. */
struct finder {
    const struct card *card;
    struct detector *detector; /* NULL: the boxes are given */
    float narrowest_px;        /* 0: no tiles */
};

static int find(const struct finder *d, const struct frame *f, struct face faces[FACES_MAX],
        int *ret_n, float *ret_work)
{
    struct tiles_wish wish = {frame_width(f), frame_height(f), d->card->input.max_side,
            d->card->min_width, d->narrowest_px, {0, 0, 1, 1}};
    struct tiles tiles = {.work = 1};
    if (d->narrowest_px > 0)
        tiles_plan(&wish, &tiles);
    *ret_work = tiles.work;
    return detector_scan(d->detector, f, &tiles, faces, ret_n);
}

static int look(const struct lookers *l, const struct finder *d, const char *job)
{
    float work = 0;
    char path[1024];
    int w, h, n = 1;
    struct face faces[FACES_MAX] = {{.score = 1}};
    struct box *b = &faces[0].box;
    int got = sscanf(job, "%1023s %d %d %f %f %f %f", path, &w, &h, &b->x, &b->y, &b->w, &b->h);
    bool search = got == 3 && d->detector;
    struct frame *f = got == 7 || search ? read_picture(path, w, h) : NULL;
    double begin = cpu_ms();
    if (!f || (search && find(d, f, faces, &n, &work) < 0)) {
        (void)fprintf(stderr, "look: cannot look at: %s", job);
        frame_unref(f);
        return -1;
    }
    printf("{\"file\": \"%s\", ", path);
    if (search)
        printf("\"ms\": %.3f, \"work\": %.3g, ", cpu_ms() - begin, work);
    printf("\"faces\": [");
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
    bool tiles = argc == 5 && strncmp(argv[4], "tiles=", 6) == 0;
    if (argc < 3 || argc > 5 || (argc == 5 && !views && !tiles)) {
        (void)fprintf(stderr, "usage: look CARDS ATTRIBUTES [DETECTOR [views | tiles=PX]] <JOBS\n");
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
    struct finder d = {.card = dc, .narrowest_px = tiles ? strtof(argv[4] + 6, NULL) : 0};
    d.detector = dc && !e.code ? detector_open(dc, &e) : NULL;
    int bad = 0;
    char job[2048];
    while (!e.code && fgets(job, sizeof(job), stdin))
        bad |= look(&l, &d, job) < 0;
    if (e.code)
        (void)fprintf(stderr, "look: %s\n", e.text);
    detector_close(d.detector);
    for (int i = 0; i < l.n; i++)
        attrs_close(l.list[i]);
    card_free(dc);
    card_free(ac);
    return bad || e.code ? 1 : 0;
}
