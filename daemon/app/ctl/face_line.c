#include "app/ctl/face_line.h"

#include "flow/box.h"
#include "flow/event.h"
#include "flow/frame.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

static json_t *real(float v)
{
    return isfinite(v) ? json_real((double)v) : json_null();
}

static json_t *label_json(const struct label *l)
{
    static const char *const genders[] = {[LABEL_MALE] = "male", [LABEL_FEMALE] = "female"};
    json_t *j = json_object();
    json_t *age = l->age ? json_string(l->age_text) : json_null();
    json_object_set_new(j, "age", age ? age : json_null());
    json_object_set_new(j, "gender", l->gender ? json_string(genders[l->gender]) : json_null());
    return j;
}

static json_t *estimate_json(const struct view_face *face)
{
    const struct estimate *e = &face->estimate;
    bool age = face->estimated && e->has_age, gender = face->estimated && e->has_gender;
    bool ranges = false;
    for (int i = 0; i < AGE_RANGES; i++)
        ranges = ranges || (age && e->range_p[i] > 0);
    json_t *j = json_object(), *p = ranges ? json_array() : json_null();
    for (int i = 0; ranges && i < AGE_RANGES; i++)
        json_array_append_new(p, real(e->range_p[i]));
    json_object_set_new(j, "years", age ? real(e->years) : json_null());
    json_object_set_new(j, "years_sd", age && e->years_sd > 0 ? real(e->years_sd) : json_null());
    json_object_set_new(j, "range_p", p);
    json_object_set_new(j, "female_p", gender ? real(e->female_p) : json_null());
    return j;
}

static json_t *quality_json(const struct quality *q)
{
    const char *defect = unknown_name(q->defect), *poorest = unknown_name(q->poorest);
    json_t *j = json_object();
    json_object_set_new(j, "sharpness", real(q->sharpness));
    json_object_set_new(j, "turn", real(q->turn));
    json_object_set_new(j, "brightness", real(q->brightness));
    json_object_set_new(j, "contrast", real(q->contrast));
    json_object_set_new(j, "inside", real(q->inside));
    json_object_set_new(j, "weight", real(q->weight));
    json_object_set_new(j, "defect", defect ? json_string(defect) : json_null());
    json_object_set_new(j, "poorest", poorest ? json_string(poorest) : json_null());
    return j;
}

void face_line_print(
        const struct label *l, const struct frame *f, int n, const struct view_face *face)
{
    json_t *j = json_object(), *path = json_string(l->path);
    json_object_set_new(j, "path", path ? path : json_string("?"));
    json_object_set_new(j, "label", label_json(l));
    json_object_set_new(j, "faces", json_integer(n));
    if (face) {
        const struct portrait *p = &face->portrait;
        struct box box = box_relative(&p->box, frame_width(f), frame_height(f));
        json_object_set_new(j, "box", box_json(&box));
        json_object_set_new(j, "width_px", real(p->box.w));
        json_object_set_new(j, "score", real(face->score));
        json_object_set_new(j, "estimate", estimate_json(face));
        json_object_set_new(j, "quality", quality_json(&face->quality));
        json_object_set_new(j, "age", answers_age_json(&p->answers));
        json_object_set_new(j, "gender", answers_gender_json(&p->answers));
    }
    json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(j);
}
