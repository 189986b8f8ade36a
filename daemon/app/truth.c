#include "app/truth.h"

#include "base/mem.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Without `counts` in the header a person counts who can be seen for so long altogether. */
#define COUNTS_SECONDS 1.0

struct moment {
    double time;
    int n;
    struct score_face *faces;
};

struct truth {
    double width, height, fps;
    int n_people;
    struct somebody {
        int id;
        bool told, counts; /* told: by the header */
        int visible;       /* moments */
    } * people;
    int n;
    struct moment *moments;
};

void truth_close(struct truth *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->n; i++)
        free(t->moments[i].faces);
    free(t->moments);
    free(t->people);
    free(t);
}

static struct somebody *who(struct truth *t, int id)
{
    for (int i = 0; i < t->n_people; i++) {
        if (t->people[i].id == id)
            return &t->people[i];
    }
    t->people = mem_grow(t->people, (size_t)t->n_people + 1, sizeof(*t->people));
    t->people[t->n_people] = (struct somebody){.id = id};
    return &t->people[t->n_people++];
}

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static int read_header(struct truth *t, const json_t *o, struct err *e)
{
    t->width = number(o, "width");
    t->height = number(o, "height");
    t->fps = number(o, "fps");
    if (!(t->width >= 1) || !(t->height >= 1) || !(t->fps > 0))
        return err_set(e, -EINVAL, "the first line has no width, height and fps");
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(o, "people"), i, p)
    {
        struct somebody *s = who(t, (int)json_integer_value(json_object_get(p, "id")));
        const json_t *counts = json_object_get(p, "counts");
        s->told = json_is_boolean(counts);
        s->counts = json_is_true(counts);
    }
    return 0;
}

static bool read_box(const json_t *list, struct box *ret)
{
    if (json_array_size(list) != 4)
        return false;
    float *to[] = {&ret->x, &ret->y, &ret->w, &ret->h};
    for (size_t i = 0; i < 4; i++) {
        if (!json_is_number(json_array_get(list, i)))
            return false;
        *to[i] = (float)json_number_value(json_array_get(list, i));
    }
    return true;
}

static int read_moment(struct truth *t, const json_t *o, struct err *e)
{
    const json_t *list = json_object_get(o, "people");
    if (!json_is_number(json_object_get(o, "time")) || !json_is_array(list))
        return err_set(e, -EINVAL, "it has no time and people");
    struct moment m = {.time = number(o, "time")};
    if (t->n > 0 && m.time <= t->moments[t->n - 1].time)
        return err_set(e, -EINVAL, "its time does not come after the line before");
    m.faces = mem_new(json_array_size(list) + 1, sizeof(*m.faces));
    size_t i;
    json_t *p;
    int rc = 0;
    json_array_foreach(list, i, p)
    {
        struct score_face *f = &m.faces[m.n++];
        f->id = (int)json_integer_value(json_object_get(p, "id"));
        const json_t *visible = json_object_get(p, "visible");
        f->visible = json_is_number(visible) ? (float)json_number_value(visible) : 1;
        if (!read_box(json_object_get(p, "box"), &f->box))
            rc = err_set(e, -EINVAL, "a box is not [x, y, w, h]");
        who(t, f->id)->visible += f->visible >= SCORE_HIDDEN;
    }
    t->moments = mem_grow(t->moments, (size_t)t->n + 1, sizeof(*t->moments));
    t->moments[t->n++] = m;
    return rc;
}

static int read_line(struct truth *t, const char *line, int number, struct err *e)
{
    json_error_t wrong;
    json_t *o = json_loads(line, 0, &wrong);
    int rc = json_is_object(o) ? 0 : err_set(e, -EINVAL, "not a JSON object: %s", wrong.text);
    if (rc == 0)
        rc = number == 1 ? read_header(t, o, e) : read_moment(t, o, e);
    json_decref(o);
    return rc;
}

struct truth *truth_open(const char *path, struct err *e)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        (void)err_set(e, -errno, "%s: %s", path, err_name(errno));
        return NULL;
    }
    struct truth *t = mem_new(1, sizeof(*t));
    char *line = NULL;
    size_t size = 0;
    int rc = 0, at = 0;
    while (rc == 0 && getline(&line, &size, f) > 0)
        rc = read_line(t, line, ++at, e);
    if (rc < 0)
        (void)err_wrap(e, "%s, line %d", path, at);
    else if (t->n == 0)
        rc = err_set(e, -EINVAL, "%s: there is no picture in it", path);
    free(line);
    (void)fclose(f);
    if (rc == 0)
        return t;
    truth_close(t);
    return NULL;
}

void truth_people(const struct truth *t, struct score *s)
{
    for (int i = 0; i < t->n_people; i++) {
        const struct somebody *p = &t->people[i];
        score_person(s, p->id, p->told ? p->counts : p->visible >= COUNTS_SECONDS * t->fps);
    }
}

int truth_at(const struct truth *t, double seconds, int width, int height,
        struct score_face ret_faces[FACES_MAX])
{
    int low = 0, high = t->n - 1; /* the nearest is among these */
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (t->moments[middle].time <= seconds)
            low = middle;
        else
            high = middle;
    }
    bool later = fabs(t->moments[high].time - seconds) < fabs(t->moments[low].time - seconds);
    const struct moment *m = &t->moments[later ? high : low];
    if (fabs(m->time - seconds) > 1 / t->fps)
        return 0; /* the truth says nothing of this time */
    float kx = (float)(width / t->width), ky = (float)(height / t->height);
    int n = 0;
    for (int i = 0; i < m->n && n < FACES_MAX; i++) {
        struct score_face f = m->faces[i];
        f.box = (struct box){f.box.x * kx, f.box.y * ky, f.box.w * kx, f.box.h * ky};
        ret_faces[n++] = f;
    }
    return n;
}
