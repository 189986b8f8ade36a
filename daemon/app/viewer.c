#include "app/viewer.h"

#include "app/models.h"
#include "base/mem.h"
#include "emit/votes.h"
#include "flow/box.h"
#include "flow/frame.h"
#include "vision/attrs.h"
#include "vision/detector.h"

#include <math.h>
#include <stdlib.h>

struct viewer {
    struct models models;
    double certainty;
    struct detector *detector;
    struct attrs *attrs;
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

static struct answers answers_of(struct viewer *v, const struct frame *f, const struct face *face)
{
    struct sighting s = {.found = true, .chosen = true, .face = *face};
    s.estimated = attrs_look(v->attrs, f, face, &s.quality, &s.estimate) == 0;
    s.estimated = s.estimated && s.quality.defect == UNKNOWN_NOT;
    struct votes votes = {0};
    struct answers answers = answers_none();
    votes_add(&votes, &s);
    votes_answer(&votes, &v->models.traits, v->certainty, &answers);
    return answers;
}

int viewer_look(struct viewer *v, const struct frame *f, struct view_face ret_faces[FACES_MAX])
{
    int found = 0, n = 0;
    int r = detector_run(v->detector, f, v->found, &found);
    if (r < 0)
        return r;
    for (int i = 0; i < found; i++) {
        const struct face *face = &v->found[i];
        if (face->score < v->models.traits.start_score)
            continue;
        ret_faces[n++] = (struct view_face){
                {face->box, answers_of(v, f, face), true}, fminf(face->score, 1)};
    }
    return n;
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
