#include "app/viewer.h"

#include "app/models.h"
#include "base/mem.h"
#include "base/mono.h"
#include "emit/votes.h"
#include "flow/box.h"
#include "flow/frame.h"
#include "vision/attrs.h"
#include "vision/detector.h"
#include "vision/tiles.h"

#include <math.h>
#include <stdlib.h>

struct viewer {
    struct models models;
    double certainty;
    struct detector *detector;
    struct attrs *attrs;
    bool tiles;
    struct face found[FACES_MAX];
};

struct viewer *viewer_open(const struct conf *conf, struct err *e)
{
    struct viewer *v = mem_new(1, sizeof(*v));
    v->certainty = conf->certainty;
    if (models_load(&v->models, conf, e) == 0)
        v->detector = detector_open(v->models.detector, e);
    if (v->detector)
        v->attrs = attrs_open(v->models.attributes, e);
    if (v->attrs)
        return v;
    viewer_close(v);
    return NULL;
}

void viewer_close(struct viewer *v)
{
    if (!v)
        return;
    detector_close(v->detector);
    attrs_close(v->attrs);
    models_done(&v->models);
    free(v);
}

void viewer_use_tiles(struct viewer *v)
{
    v->tiles = true;
}

/* What the votes say of this one picture. */
static struct answers answers_of(
        const struct viewer *v, const struct view_face *face, double certainty)
{
    struct sighting s = {.found = true,
            .chosen = true,
            .estimated = face->estimated && face->quality.defect == UNKNOWN_NOT,
            .quality = face->quality,
            .estimate = face->estimate};
    struct votes votes = {0};
    struct answers answers = answers_none();
    votes_add(&votes, &s);
    votes_answer(&votes, &v->models.traits, certainty, &answers);
    return answers;
}

static void look(
        struct viewer *v, const struct frame *f, const struct face *face, struct view_face *ret)
{
    int64_t begin = mono_us();
    *ret = (struct view_face){.score = fminf(face->score, 1)};
    ret->estimated = attrs_look(v->attrs, f, face, &ret->quality, &ret->estimate) == 0;
    ret->took_us = mono_us() - begin;
    ret->portrait = (struct portrait){.box = face->box,
            .answers = answers_of(v, ret, v->certainty),
            .person = true,
            .found = true};
}

int viewer_look(struct viewer *v, const struct frame *f, struct view_face ret_faces[FACES_MAX])
{
    int found = 0, n = 0;
    const struct card *card = v->models.detector;
    struct tiles_wish wish = {.width = frame_width(f),
            .height = frame_height(f),
            .max_side = card->input.max_side,
            .min_width = card->min_width,
            .area = {0, 0, 1, 1}};
    struct tiles tiles = {.n = 0};
    if (v->tiles)
        tiles_plan(&wish, &tiles);
    int r = detector_scan(v->detector, f, &tiles, v->found, &found);
    if (r < 0)
        return r;
    for (int i = 0; i < found; i++) {
        const struct face *face = &v->found[i];
        if (face->score < v->models.traits.start_score)
            continue;
        look(v, f, face, &ret_faces[n++]);
    }
    return n;
}

/* Where one of the pictures gives no answer, none of them do. */
static void add_to_mean(struct estimate *mean, const struct estimate *one, int n)
{
    mean->has_age = mean->has_age && one->has_age;
    mean->has_gender = mean->has_gender && one->has_gender;
    mean->years += one->years / (float)n;
    mean->female_p += one->female_p / (float)n;
    for (int i = 0; i < AGE_RANGES; i++)
        mean->range_p[i] += one->range_p[i] / (float)n;
}

int viewer_whole(
        struct viewer *v, uint8_t *const *bgr, int n, int w, int h, struct view_face *ret_face)
{
    int64_t begin = mono_us();
    struct estimate mean = {.has_age = true, .has_gender = true};
    for (int i = 0; i < n; i++) {
        struct estimate one;
        int r = attrs_whole(v->attrs, bgr[i], w, h, &one);
        if (r < 0)
            return r;
        add_to_mean(&mean, &one, n);
    }
    *ret_face = (struct view_face){.score = 1,
            .quality = {.width_px = (float)w, .inside = 1, .weight = 1},
            .estimated = true,
            .estimate = mean,
            .took_us = mono_us() - begin};
    ret_face->portrait.person = true;
    ret_face->portrait.box = (struct box){0, 0, (float)w, (float)h};
    ret_face->portrait.answers = answers_of(v, ret_face, v->certainty);
    return 0;
}

struct answers viewer_odds(const struct viewer *v, const struct view_face *face)
{
    return answers_of(v, face, 0);
}

const struct models *viewer_models(const struct viewer *v)
{
    return &v->models;
}

json_t *viewer_json(const struct frame *f, const struct view_face *faces, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const struct portrait *p = &faces[i].portrait;
        struct box box = box_relative(&p->box, frame_width(f), frame_height(f));
        json_t *j = json_object();
        json_object_set_new(j, "box", box_json(&box));
        json_object_set_new(j, "width_px", json_integer(lroundf(p->box.w)));
        json_object_set_new(
                j, "score", json_real(event_round((double)faces[i].score, EVENT_SCORE_DIGITS)));
        json_object_set_new(j, "age", answers_age_json(&p->answers));
        json_object_set_new(j, "gender", answers_gender_json(&p->answers));
        json_array_append_new(list, j);
    }
    return json_pack(
            "{s:i, s:i, s:o}", "width", frame_width(f), "height", frame_height(f), "faces", list);
}
