#include "app/ctl/evaluate_pictures.h"

#include "app/adience.h"
#include "app/ctl/accuracy.h"
#include "app/ctl/bar.h"
#include "app/ctl/ctl.h"
#include "app/ctl/face_line.h"
#include "app/labels.h"
#include "app/models.h"
#include "app/paper.h"
#include "app/tally.h"
#include "app/viewer.h"
#include "base/mem.h"
#include "conf/load.h"
#include "flow/box.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "picture/still.h"
#include "source/source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADIENCE_URL "https://talhassner.github.io/home/projects/Adience/Adience-data.html"

/* ------------------------------------------------------------- before the first picture --- */

/* What the options say instead of the configuration. */
static int override(struct conf *conf, const struct evaluate_options *a, struct err *e)
{
    if (a->certainty > 0)
        conf->certainty = a->certainty;
    if (!a->models)
        return 0;
    const char *comma = strchr(a->models, ',');
    const char *attributes = comma ? comma + 1 : a->models;
    size_t n = comma ? (size_t)(comma - a->models) : 0;
    if (!*attributes || strlen(attributes) >= NAME_SIZE || strchr(attributes, ',') ||
            n >= NAME_SIZE || (comma && n == 0))
        return err_set(e, -EINVAL,
                "--models %s: expected a model card's name, or a detector's and one for "
                "attributes with a comma between",
                a->models);
    if (comma)
        (void)snprintf(conf->models.detector, NAME_SIZE, "%.*s", (int)n, a->models);
    (void)snprintf(conf->models.attributes, NAME_SIZE, "%s", attributes);
    return 0;
}

static int read_labels(struct labels *set, const struct evaluate_options *a, struct err *e)
{
    for (int i = 0; i < a->n_files; i++) {
        int r = labels_read(set, a->files[i], e);
        if (r < 0)
            return r;
        if (set->files[i].fold != set->files[0].fold)
            return err_set(e, -EINVAL, "%s and %s: a manifest and a fold file are two questions",
                    a->files[0], a->files[i]);
    }
    return set->n > 0 ? 0 : err_set(e, -ENOENT, "%s: there is no picture in it", a->files[0]);
}

/* Adience's pictures. Not all of them need be there, but some. */
static int find_pictures(
        struct labels *set, const struct evaluate_options *a, size_t *ret_missing, struct err *e)
{
    *ret_missing = 0;
    if (!set->files[0].fold)
        return 0;
    const char *slash = strrchr(a->files[0], '/');
    int upto = slash && slash > a->files[0] ? (int)(slash - a->files[0]) : 1;
    char *dir = a->pictures ? mem_strdup(a->pictures)
                            : mem_format("%.*s", upto, slash ? a->files[0] : ".");
    bool aligned;
    size_t found = adience_find(set, dir, &aligned);
    *ret_missing = set->n - found;
    int r = 0;
    if (found == 0)
        r = err_set(e, -ENOENT,
                "%s: none of the %zu pictures is there; Adience is had from %s, and its "
                "aligned.tar.gz must lie there unpacked, as "
                "aligned/USER/landmark_aligned_face.FACE.ORIGINAL (--pictures says where)",
                dir, set->n, ADIENCE_URL);
    free(dir);
    return r;
}

/* ------------------------------------------------------------- one picture --- */

struct evaluation {
    const struct evaluate_options *args;
    struct labels labels;
    size_t missing;
    struct viewer *viewer;
    bool paper;
    struct scaler *scaler;
    uint8_t *whole, *crops[PAPER_CROPS]; /* with the paper's protocol */
    struct tally all, *folds;
};

/* The largest and nearest to the middle: the one that the label is about. */
static const struct view_face *subject(const struct frame *f, const struct view_face *faces, int n)
{
    float width = (float)frame_width(f), height = (float)frame_height(f), most = -1;
    const struct view_face *best = NULL;
    for (int i = 0; i < n; i++) {
        const struct box *b = &faces[i].portrait.box;
        struct point c = box_centre(b);
        float away = hypotf(c.x - width / 2, c.y - height / 2) / hypotf(width / 2, height / 2);
        float value = sqrtf(b->w * b->h) * fmaxf(0, 1 - away);
        if (value > most) {
            most = value;
            best = &faces[i];
        }
    }
    return best;
}

static int look_at_whole(struct evaluation *v, const struct frame *f, struct view_face *ret)
{
    int r = scale_squeeze(v->scaler, f, PAPER_WHOLE, PAPER_WHOLE, v->whole);
    if (r < 0)
        return r;
    int n = paper_crops(v->whole, v->args->oversample, v->crops);
    r = viewer_whole(v->viewer, v->crops, n, PAPER_SIDE, PAPER_SIDE, ret);
    ret->portrait.box = (struct box){0, 0, (float)frame_width(f), (float)frame_height(f)};
    return r < 0 ? r : 1;
}

static int one(struct evaluation *v, const struct label *l, struct err *e)
{
    static struct view_face faces[FACES_MAX];
    struct frame *f = still_read(l->path, &still_limits_own, e);
    if (!f)
        return -1;
    int n = v->paper ? look_at_whole(v, f, faces) : viewer_look(v->viewer, f, faces);
    if (n < 0) {
        frame_unref(f);
        return err_set(e, n, "%s: cannot be looked at: %s", l->path, err_name(n));
    }
    const struct view_face *face = subject(f, faces, n);
    struct answers odds;
    if (face)
        odds = viewer_odds(v->viewer, face);
    if (v->args->faces)
        face_line_print(l, f, n, face);
    tally_add(&v->all, l, face, face ? &odds : NULL);
    tally_add(&v->folds[l->file], l, face, face ? &odds : NULL);
    frame_unref(f);
    return 0;
}

static int all(struct evaluation *v)
{
    struct bar bar = {.what = "pictures", .total = (int64_t)(v->labels.n - v->missing)};
    bool quiet = v->args->faces && isatty(STDOUT_FILENO); /* its lines say how far it is */
    int64_t done = 0;
    int code = CTL_OK;
    for (size_t i = 0; i < v->labels.n; i++) {
        struct err e = {0};
        if (!v->labels.list[i].path)
            continue;
        int r = one(v, &v->labels.list[i], &e);
        if (r < 0) {
            bar_clear(&bar);
            code = ctl_fail(CTL_FAILED, "evaluate", "%s", e.text);
        }
        done++;
        if (!quiet)
            bar_show(&bar, done);
    }
    bar_clear(&bar);
    return code;
}

/* ------------------------------------------------------------- what comes of it --- */

static void print_head(const struct evaluation *v, double certainty)
{
    const struct models *m = viewer_models(v->viewer);
    const struct figures *f = &v->all.figures[0][0][TALLY_SAID];
    if (v->paper)
        printf("%lld aligned pictures as a whole, %s (Levi and Hassner 2015)",
                (long long)f->pictures,
                v->args->oversample ? "ten crops averaged" : "one crop, the middle");
    else
        printf("%lld picture%s, %lld face%s found by %s", (long long)f->pictures,
                f->pictures == 1 ? "" : "s", (long long)f->faces, f->faces == 1 ? "" : "s",
                m->detector->name);
    printf("; ages and genders by %s; certainty %g\n", m->attributes->name, certainty);
    if (v->missing)
        printf("%zu of %zu lines have no picture and are not counted\n", v->missing, v->labels.n);
    if (v->labels.files[0].fold && !v->paper)
        puts("Where no face is found a picture counts as not found and not as wrong; the paper "
             "answers every picture");
    putchar('\n');
}

static void print(const struct evaluation *v, double certainty)
{
    bool folds = v->labels.files[0].fold;
    if (v->args->json) {
        json_t *j = accuracy_json(&v->all);
        if (folds) {
            accuracy_add_folds(j, v->folds, &v->labels);
            json_object_set_new(j, "missing", json_integer((json_int_t)v->missing));
            json_object_set_new(j, "protocol", json_string(v->paper ? "paper" : "detect"));
        }
        json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(j);
        return;
    }
    print_head(v, certainty);
    if (folds)
        accuracy_print_folds(v->folds, &v->labels);
    accuracy_print(&v->all);
}

/* ------------------------------------------------------------- all of it --- */

static int choose_protocol(struct evaluation *v, struct err *e)
{
    const struct card *card = viewer_models(v->viewer)->attributes;
    bool ranges = strcmp(card->engine, "ranges") == 0;
    bool fits = ranges && v->labels.files[0].fold;
    v->paper = v->args->protocol == PROTOCOL_PAPER || (v->args->protocol == PROTOCOL_OPEN && fits);
    if (v->paper && !ranges)
        return err_set(e, -EINVAL,
                "--protocol paper: is for models of the engine \"ranges\", such as levi-hassner; "
                "%s is of \"%s\"",
                card->name, card->engine);
    if (v->args->oversample && !v->paper)
        return err_set(e, -EINVAL, "--oversample: belongs to --protocol paper");
    if (!v->paper)
        return 0;
    v->scaler = scaler_new();
    v->whole = mem_new((size_t)PAPER_WHOLE * PAPER_WHOLE, 3);
    for (int i = 0; i < PAPER_CROPS; i++)
        v->crops[i] = mem_new((size_t)PAPER_SIDE * PAPER_SIDE, 3);
    return 0;
}

static int evaluate(struct evaluation *v, const struct conf *conf)
{
    struct err e = {0};
    if (read_labels(&v->labels, v->args, &e) < 0 ||
            find_pictures(&v->labels, v->args, &v->missing, &e) < 0)
        return ctl_fail(CTL_FAILED, "evaluate", "%s", e.text);
    v->folds = mem_new((size_t)v->labels.n_files, sizeof(*v->folds));
    source_log_init();
    v->viewer = viewer_open(conf, &e);
    if (!v->viewer)
        return ctl_fail(CTL_FAILED, "evaluate", "%s", e.text);
    if (choose_protocol(v, &e) < 0)
        return ctl_fail(CTL_USAGE, "evaluate", "%s", e.text);
    int code = all(v);
    if (!v->args->faces)
        print(v, conf->certainty);
    return code;
}

static void done(struct evaluation *v)
{
    viewer_close(v->viewer);
    scaler_free(v->scaler);
    labels_done(&v->labels);
    free(v->folds);
    free(v->whole);
    for (int i = 0; i < PAPER_CROPS; i++)
        free(v->crops[i]);
}

int evaluate_pictures(struct conf *conf, const struct evaluate_options *options)
{
    struct err e = {0};
    struct evaluation v = {.args = options};
    int code = override(conf, options, &e) < 0 ? ctl_fail(CTL_USAGE, "evaluate", "%s", e.text)
                                               : evaluate(&v, conf);
    done(&v);
    return code;
}
