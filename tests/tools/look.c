/*
 * Runs the models of two cards on raw pictures, one JSON line for each: the door through which
 * tests and measurements outside of C reach the daemon's own path.
 *
 * usage: look CARDS ATTRIBUTES [DETECTOR] <JOBS
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

static void print_face(struct attrs *a, const struct frame *f, const struct face *face)
{
    struct quality q;
    struct estimate e;
    memset(&e, 0, sizeof(e));
    int rc = attrs_look(a, f, face, &q, &e);
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
    if (e.has_gender)
        printf(", \"female_p\": %.9g", e.female_p);
    printf("}");
}

static int look(struct attrs *a, struct detector *d, const char *job)
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
        print_face(a, f, &faces[i]);
    }
    printf("]}\n");
    frame_unref(f);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        (void)fprintf(stderr, "usage: look CARDS ATTRIBUTES [DETECTOR] <JOBS\n");
        return 2;
    }
    struct err e = {0};
    struct card *ac = card_load(argv[1], argv[2], &e);
    struct card *dc = argc > 3 && ac ? card_load(argv[1], argv[3], &e) : NULL;
    struct attrs *a = ac && !e.code ? attrs_open(ac, &e) : NULL;
    struct detector *d = dc && !e.code ? detector_open(dc, &e) : NULL;
    int bad = 0;
    char job[2048];
    while (!e.code && fgets(job, sizeof(job), stdin))
        bad |= look(a, d, job) < 0;
    if (e.code)
        (void)fprintf(stderr, "look: %s\n", e.text);
    detector_close(d);
    attrs_close(a);
    card_free(dc);
    card_free(ac);
    return bad || e.code ? 1 : 0;
}
