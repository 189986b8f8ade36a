#include "vision/card.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "vision/fields.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_combined(const struct card *c)
{
    return c->kind == CARD_ATTRIBUTES && c->engine && strcmp(c->engine, "combined") == 0;
}

static void read_files(struct fields *r, json_t *root, const char *dir, struct card *c)
{
    json_t *all = fields_list(r, root, "files", 1, CARD_FILES), *o;
    size_t i;
    json_array_foreach(all, i, o)
    {
        struct card_file *f = &c->file[c->n_files++];
        if (!json_is_object(o)) {
            fields_bad(r, "files", "must be a list of objects");
            return;
        }
        fields_only(r, o, "a file", "role name sha256");
        f->role = fields_text(r, o, "role");
        char *name = fields_text(r, o, "name");
        if (name && (strchr(name, '/') || name[0] == '.'))
            fields_bad(r, "name", "must be a file beside the card");
        f->path = name ? mem_format("%s/%s", dir, name) : NULL;
        free(name);
        f->sha256 = fields_text_or_null(r, o, "sha256");
        if (f->sha256 && (strlen(f->sha256) != SHA256_TEXT - 1 ||
                                 strspn(f->sha256, "0123456789abcdef") != SHA256_TEXT - 1))
            fields_bad(
                    r, "sha256", "must be 64 lower-case hexadecimal digits, or null for unknown");
    }
}

static void read_input(struct fields *r, json_t *root, struct card *c)
{
    json_t *o = fields_object(r, root, "input"), *v;
    if (!o)
        return;
    fields_only(r, o, "input", "width height max_side mean scale swap_rb average");
    if (json_object_get(o, "max_side")) {
        c->input.max_side = fields_whole_number(r, o, "max_side", 32, 4096);
    } else {
        c->input.width = fields_whole_number(r, o, "width", 8, 2048);
        c->input.height = fields_whole_number(r, o, "height", 8, 2048);
    }
    size_t i;
    json_array_foreach(fields_list(r, o, "mean", 3, 3), i, v) c->input.mean[i] =
            (float)fields_number_in(r, v, "mean", 0, 255);
    c->input.scale = (float)fields_number(r, o, "scale", 1e-6, 1e6);
    c->input.swap_rb = fields_yes_no(r, o, "swap_rb");
    c->input.average = json_object_get(o, "average") && fields_yes_no(r, o, "average");
}

/* The keys of a crop stand in o, beside others that its caller knows. */
static void read_crop(struct fields *r, json_t *o, struct card_crop *c)
{
    c->mirror = json_object_get(o, "mirror") && fields_yes_no(r, o, "mirror");
    if (json_object_get(o, "margin_px")) {
        c->margin_px = fields_whole_number(r, o, "margin_px", 0, 1000);
        return;
    }
    c->square = (float)fields_number(r, o, "square", 0.3, 10);
    c->landmarks = json_object_get(o, "landmarks") && fields_yes_no(r, o, "landmarks");
    char *outside = fields_text(r, o, "outside");
    if (outside && strcmp(outside, "edge") == 0)
        c->outside = SCALE_EDGE;
    else if (outside && strcmp(outside, "black") == 0)
        c->outside = SCALE_BLACK;
    else
        fields_bad(r, "outside", "must be \"black\" or \"edge\"");
    free(outside);
}

#define CROP_KEYS "square outside margin_px landmarks mirror"

/* member: it is read for a combination, which takes models of years alone. */
static struct card *load(const char *dir, const char *name, bool member, struct err *e);

/* The member of that name, read when it is the first view of it; -1: there is a complaint. */
static int member_of(struct fields *r, const char *dir, const char *name, struct card *c)
{
    for (int i = 0; i < c->n_members; i++) {
        if (strcmp(c->member[i]->name, name) == 0)
            return i;
    }
    if (c->n_members == CARD_MEMBERS) {
        fields_bad(r, "model", "must not name more than %d models in all", CARD_MEMBERS);
        return -1;
    }
    struct card *m = load(dir, name, true, r->e);
    if (!m)
        r->rc = -EINVAL; /* the sentence is the member's own */
    else
        c->member[c->n_members++] = m;
    return m ? c->n_members - 1 : -1;
}

static void read_views(struct fields *r, json_t *root, const char *dir, struct card *c)
{
    json_t *all = fields_list(r, root, "views", 1, CARD_VIEWS), *o;
    size_t i;
    json_array_foreach(all, i, o)
    {
        if (!json_is_object(o)) {
            fields_bad(r, "views", "must be a list of objects");
            return;
        }
        fields_only(r, o, "a view", "model " CROP_KEYS);
        struct card_view *v = &c->view[c->n_views++];
        read_crop(r, o, &v->crop);
        char *name = fields_text(r, o, "model");
        v->member = name ? member_of(r, dir, name, c) : -1;
        free(name);
        if (r->rc < 0)
            return;
    }
}

static void read_age_error(struct fields *r, json_t *root, struct traits *t)
{
    json_t *v = fields_need(r, root, "age_error");
    if (!v || json_is_null(v))
        return;
    json_t *all = fields_list(r, root, "age_error", 1, AGE_RANGES), *pair;
    size_t i;
    json_array_foreach(all, i, pair)
    {
        if (!json_is_array(pair) || json_array_size(pair) != 2) {
            fields_bad(r, "age_error",
                    "must be a list of pairs [estimated years, standard deviation]");
            return;
        }
        t->age_error[i].years =
                (float)fields_number_in(r, json_array_get(pair, 0), "age_error", 0, 120);
        t->age_error[i].sd =
                (float)fields_number_in(r, json_array_get(pair, 1), "age_error", 0.1, 60);
        if (i > 0 && t->age_error[i].years <= t->age_error[i - 1].years)
            fields_bad(r, "age_error", "must be sorted by rising years");
        t->n_age_error = (int)i + 1;
    }
}

static void read_detector(struct fields *r, json_t *root, struct card *c)
{
    c->start_score = (float)fields_number(r, root, "start_score", 0.01, 1);
    c->start_eyes = (float)fields_number(r, root, "start_eyes", 0, 1);
    c->keep_score = (float)fields_number(r, root, "keep_score", 0.01, 1);
    c->overlap = (float)fields_number(r, root, "overlap", 0, 1);
    if (json_object_get(root, "min_width"))
        c->min_width = (float)fields_number(r, root, "min_width", 1, 1000);
    if (c->keep_score > c->start_score)
        fields_bad(r, "keep_score", "must not be above start_score");
}

/* What only the engine with a number of years has. */
static void read_years(struct fields *r, json_t *o, struct card *c)
{
    c->age_scale = (float)fields_number(r, o, "age_scale", 0.001, 1000);
    if (json_object_get(o, "gender_min_years"))
        c->gender_min_years = (float)fields_number(r, o, "gender_min_years", 0, 120);
    c->gender_slope = 1;
    if (json_object_get(o, "gender_logit")) {
        json_t *v = fields_list(r, o, "gender_logit", 2, 2);
        c->gender_slope =
                (float)fields_number_in(r, json_array_get(v, 0), "gender_logit", 0.01, 100);
        c->gender_shift = (float)fields_number_in(r, json_array_get(v, 1), "gender_logit", -10, 10);
    }
}

static void read_outputs(struct fields *r, json_t *root, struct card *c)
{
    json_t *o = fields_object(r, root, "outputs");
    if (!o)
        return;
    fields_only(r, o, "outputs", "age gender gender_order age_scale gender_min_years gender_logit");
    c->age_output = fields_text(r, o, "age");
    c->gender_output = fields_text(r, o, "gender");
    char *order = fields_text(r, o, "gender_order");
    c->female_first = order && strcmp(order, "female male") == 0;
    if (order && !c->female_first && strcmp(order, "male female") != 0)
        fields_bad(r, "gender_order", "must be \"female male\" or \"male female\"");
    free(order);
    if (c->engine && strcmp(c->engine, "years") == 0)
        read_years(r, o, c);
}

static void read_attributes(struct fields *r, json_t *root, const char *dir, struct card *c)
{
    if (is_combined(c)) {
        read_views(r, root, dir, c);
        c->measured.gender_measured = true; /* by the calibration, as the age's error is */
    } else {
        json_t *o = fields_object(r, root, "crop");
        if (o) {
            fields_only(r, o, "crop", CROP_KEYS);
            read_crop(r, o, &c->crop);
        }
        read_outputs(r, root, c);
        read_age_error(r, root, &c->measured);
        c->measured.gender_measured = fields_yes_no(r, root, "gender_measured");
    }
    json_t *ages = fields_list(r, root, "ages", 2, 2);
    c->age_min = (float)fields_number_in(r, json_array_get(ages, 0), "ages", 0, 120);
    c->age_max = (float)fields_number_in(r, json_array_get(ages, 1), "ages", c->age_min, 120);
}

static const char *const common_keys = "name kind engine about source files licence training_data "
                                       "not_fit_for accuracy_published accuracy_measured";

static const char *own_keys(const struct card *c)
{
    if (c->kind == CARD_DETECTOR)
        return "input start_score start_eyes keep_score min_width overlap";
    return is_combined(c) ? "views ages" : "input crop outputs ages age_error gender_measured";
}

static void read_card(struct fields *r, json_t *root, const char *dir, bool member, struct card *c)
{
    char *kind = fields_text(r, root, "kind");
    c->engine = fields_text(r, root, "engine");
    if (r->rc == 0 && strcmp(kind, "detector") == 0)
        c->kind = CARD_DETECTOR;
    else if (r->rc == 0 && strcmp(kind, "attributes") == 0)
        c->kind = CARD_ATTRIBUTES;
    else
        fields_bad(r, "kind", "must be \"detector\" or \"attributes\"");
    free(kind);
    if (r->rc == 0 && member && (c->kind != CARD_ATTRIBUTES || strcmp(c->engine, "years") != 0))
        fields_bad(r, "engine", "must be \"years\" in a card that a combination names");
    if (r->rc < 0)
        return;
    char *keys = mem_format("%s %s", common_keys, own_keys(c));
    fields_only(r, root, "such a card", keys);
    free(keys);
    char *name = fields_text(r, root, "name");
    if (name && strcmp(name, c->name) != 0)
        fields_bad(r, "name", "must be the file's own, \"%s\"", c->name);
    free(name);
    read_files(r, root, dir, c);
    if (!is_combined(c))
        read_input(r, root, c);
    if (c->kind == CARD_DETECTOR)
        read_detector(r, root, c);
    else
        read_attributes(r, root, dir, c);
    c->about = fields_text(r, root, "about");
    c->source = fields_text(r, root, "source");
    c->licence = fields_text(r, root, "licence");
    c->training_data = fields_text(r, root, "training_data");
    c->not_fit_for = fields_text(r, root, "not_fit_for");
    c->accuracy_published = fields_text_or_null(r, root, "accuracy_published");
    c->accuracy_measured = fields_text_or_null(r, root, "accuracy_measured");
}

static struct card *load(const char *dir, const char *name, bool member, struct err *e)
{
    struct card *c = mem_new(1, sizeof(*c));
    c->path = mem_format("%s/%s.card.json", dir, name);
    struct fields r = {.path = c->path, .e = e};
    json_t *root = NULL;
    if (!*name || strlen(name) >= sizeof(c->name) || strchr(name, '/'))
        r.rc = err_set(e, -EINVAL, "'%s' cannot be the name of a model card", name);
    if (r.rc == 0) {
        (void)snprintf(c->name, sizeof(c->name), "%s", name);
        root = fields_open(&r, "a model card");
    }
    if (r.rc == 0)
        read_card(&r, root, dir, member, c);
    json_decref(root);
    if (r.rc < 0) {
        card_free(c);
        return NULL;
    }
    return c;
}

struct card *card_load(const char *dir, const char *name, struct err *e)
{
    return load(dir, name, false, e);
}

void card_free(struct card *c)
{
    if (!c)
        return;
    for (int i = 0; i < CARD_FILES; i++) {
        free(c->file[i].role);
        free(c->file[i].path);
        free(c->file[i].sha256);
    }
    for (int i = 0; i < c->n_members; i++)
        card_free(c->member[i]);
    char *texts[] = {c->path, c->engine, c->age_output, c->gender_output, c->about, c->source,
            c->licence, c->training_data, c->not_fit_for, c->accuracy_published,
            c->accuracy_measured};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    free(c);
}

const char *card_path(const struct card *c, const char *role)
{
    for (int i = 0; i < c->n_files; i++) {
        if (strcmp(c->file[i].role, role) == 0)
            return c->file[i].path;
    }
    return NULL;
}

int card_verify(const struct card *c, struct err *e)
{
    for (int i = 0; i < c->n_members; i++) {
        int rc = card_verify(c->member[i], e);
        if (rc < 0)
            return rc;
    }
    for (int i = 0; i < c->n_files; i++) {
        const struct card_file *f = &c->file[i];
        char sum[SHA256_TEXT];
        int rc = sha256_file(f->path, sum, e);
        if (rc < 0) {
            (void)err_wrap(e, "model '%s'", c->name);
            return rc;
        }
        if (f->sha256 && strcmp(sum, f->sha256) != 0)
            return err_set(e, -EINVAL,
                    "%s: not the file of the model card '%s': its SHA-256 is %.12s..., the card "
                    "says %.12s...; fetch it again, or correct the card",
                    f->path, c->name, sum, f->sha256);
    }
    return 0;
}

void card_traits(const struct card *detector, const struct card *attributes, struct traits *ret)
{
    *ret = attributes->measured;
    (void)snprintf(ret->detector, sizeof(ret->detector), "%s", detector->name);
    (void)snprintf(ret->attributes, sizeof(ret->attributes), "%s", attributes->name);
    ret->start_score = detector->start_score;
    ret->start_eyes = detector->start_eyes;
    ret->age_min = attributes->age_min;
    ret->age_max = attributes->age_max;
}
