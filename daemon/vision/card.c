#include "vision/card.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first complaint wins; after it the readers below do nothing. */
struct reader {
    const char *path;
    struct err *e;
    int rc;
};

__attribute__((format(printf, 3, 4))) static void bad(
        struct reader *r, const char *key, const char *fmt, ...)
{
    if (r->rc < 0)
        return;
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    r->rc = err_set(r->e, -EINVAL, "%s: '%s' %s", r->path, key, what);
}

/* keys: all that o may hold, separated by blanks. */
static void only(struct reader *r, json_t *o, const char *where, const char *keys)
{
    const char *key;
    json_t *v;
    json_object_foreach(o, key, v)
    {
        size_t n = strlen(key);
        const char *at = keys;
        while ((at = strstr(at, key))) {
            if ((at == keys || at[-1] == ' ') && (at[n] == ' ' || !at[n]) && n)
                break;
            at++;
        }
        if (!at)
            bad(r, key, "is not a key of %s: it has %s", where, keys);
    }
}

static json_t *need(struct reader *r, json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    if (!v)
        bad(r, key, "is missing");
    return v;
}

static json_t *object(struct reader *r, json_t *o, const char *key)
{
    json_t *v = need(r, o, key);
    if (v && !json_is_object(v)) {
        bad(r, key, "must be an object, { ... }");
        return NULL;
    }
    return v;
}

static char *text(struct reader *r, json_t *o, const char *key)
{
    json_t *v = need(r, o, key);
    if (v && (!json_is_string(v) || !*json_string_value(v)))
        bad(r, key, "must be text");
    return r->rc < 0 ? NULL : mem_strdup(json_string_value(v));
}

/* null means unknown, and has to be said. */
static char *text_or_null(struct reader *r, json_t *o, const char *key)
{
    return json_is_null(json_object_get(o, key)) ? NULL : text(r, o, key);
}

static double number_in(struct reader *r, const json_t *v, const char *key, double low, double high)
{
    double n = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(n >= low && n <= high)) {
        bad(r, key, "must be a number from %g to %g", low, high);
        return low;
    }
    return n;
}

static double number(struct reader *r, json_t *o, const char *key, double low, double high)
{
    json_t *v = need(r, o, key);
    return v ? number_in(r, v, key, low, high) : low;
}

static int whole_number(struct reader *r, json_t *o, const char *key, int low, int high)
{
    double n = number(r, o, key, low, high);
    if (n != floor(n))
        bad(r, key, "must be a whole number");
    return (int)n;
}

static bool yes_no(struct reader *r, json_t *o, const char *key)
{
    json_t *v = need(r, o, key);
    if (v && !json_is_boolean(v))
        bad(r, key, "must be true or false");
    return json_is_true(v);
}

static json_t *list(struct reader *r, json_t *o, const char *key, size_t low, size_t high)
{
    json_t *v = need(r, o, key);
    if (v && (!json_is_array(v) || json_array_size(v) < low || json_array_size(v) > high)) {
        bad(r, key, "must be a list of %zu to %zu", low, high);
        return NULL;
    }
    return v;
}

static void read_files(struct reader *r, json_t *root, const char *dir, struct card *c)
{
    json_t *all = list(r, root, "files", 1, CARD_FILES), *o;
    size_t i;
    json_array_foreach(all, i, o)
    {
        struct card_file *f = &c->file[c->n_files++];
        if (!json_is_object(o)) {
            bad(r, "files", "must be a list of objects");
            return;
        }
        only(r, o, "a file", "role name sha256");
        f->role = text(r, o, "role");
        char *name = text(r, o, "name");
        if (name && (strchr(name, '/') || name[0] == '.'))
            bad(r, "name", "must be a file beside the card");
        f->path = name ? mem_format("%s/%s", dir, name) : NULL;
        free(name);
        f->sha256 = text_or_null(r, o, "sha256");
        if (f->sha256 && (strlen(f->sha256) != SHA256_TEXT - 1 ||
                                 strspn(f->sha256, "0123456789abcdef") != SHA256_TEXT - 1))
            bad(r, "sha256", "must be 64 lower-case hexadecimal digits, or null for unknown");
    }
}

static void read_input(struct reader *r, json_t *root, struct card *c)
{
    json_t *o = object(r, root, "input"), *v;
    if (!o)
        return;
    only(r, o, "input", "width height max_side mean scale swap_rb average");
    if (json_object_get(o, "max_side")) {
        c->input.max_side = whole_number(r, o, "max_side", 32, 4096);
    } else {
        c->input.width = whole_number(r, o, "width", 8, 2048);
        c->input.height = whole_number(r, o, "height", 8, 2048);
    }
    size_t i;
    json_array_foreach(list(r, o, "mean", 3, 3), i, v) c->input.mean[i] =
            (float)number_in(r, v, "mean", 0, 255);
    c->input.scale = (float)number(r, o, "scale", 1e-6, 1e6);
    c->input.swap_rb = yes_no(r, o, "swap_rb");
    c->input.average = json_object_get(o, "average") && yes_no(r, o, "average");
}

static void read_crop(struct reader *r, json_t *root, struct card *c)
{
    json_t *o = object(r, root, "crop");
    if (!o)
        return;
    only(r, o, "crop", "square outside margin_px");
    if (json_object_get(o, "margin_px")) {
        c->crop.margin_px = whole_number(r, o, "margin_px", 0, 1000);
        return;
    }
    c->crop.square = (float)number(r, o, "square", 0.3, 5);
    char *outside = text(r, o, "outside");
    if (outside && strcmp(outside, "edge") == 0)
        c->crop.outside = SCALE_EDGE;
    else if (outside && strcmp(outside, "black") == 0)
        c->crop.outside = SCALE_BLACK;
    else
        bad(r, "outside", "must be \"black\" or \"edge\"");
    free(outside);
}

static void read_age_error(struct reader *r, json_t *root, struct traits *t)
{
    json_t *v = need(r, root, "age_error");
    if (!v || json_is_null(v))
        return;
    json_t *all = list(r, root, "age_error", 1, AGE_RANGES), *pair;
    size_t i;
    json_array_foreach(all, i, pair)
    {
        if (!json_is_array(pair) || json_array_size(pair) != 2) {
            bad(r, "age_error", "must be a list of pairs [estimated years, standard deviation]");
            return;
        }
        t->age_error[i].years = (float)number_in(r, json_array_get(pair, 0), "age_error", 0, 120);
        t->age_error[i].sd = (float)number_in(r, json_array_get(pair, 1), "age_error", 0.1, 60);
        if (i > 0 && t->age_error[i].years <= t->age_error[i - 1].years)
            bad(r, "age_error", "must be sorted by rising years");
        t->n_age_error = (int)i + 1;
    }
}

static void read_detector(struct reader *r, json_t *root, struct card *c)
{
    c->start_score = (float)number(r, root, "start_score", 0.01, 1);
    c->start_eyes = (float)number(r, root, "start_eyes", 0, 1);
    c->keep_score = (float)number(r, root, "keep_score", 0.01, 1);
    c->overlap = (float)number(r, root, "overlap", 0, 1);
    if (c->keep_score > c->start_score)
        bad(r, "keep_score", "must not be above start_score");
}

/* What only the engine with a number of years has. */
static void read_years(struct reader *r, json_t *o, struct card *c)
{
    c->age_scale = (float)number(r, o, "age_scale", 0.001, 1000);
    if (json_object_get(o, "gender_min_years"))
        c->gender_min_years = (float)number(r, o, "gender_min_years", 0, 120);
    c->gender_slope = 1;
    if (json_object_get(o, "gender_logit")) {
        json_t *v = list(r, o, "gender_logit", 2, 2);
        c->gender_slope = (float)number_in(r, json_array_get(v, 0), "gender_logit", 0.01, 100);
        c->gender_shift = (float)number_in(r, json_array_get(v, 1), "gender_logit", -10, 10);
    }
}

static void read_attributes(struct reader *r, json_t *root, struct card *c)
{
    read_crop(r, root, c);
    json_t *o = object(r, root, "outputs");
    if (o) {
        only(r, o, "outputs", "age gender gender_order age_scale gender_min_years gender_logit");
        c->age_output = text(r, o, "age");
        c->gender_output = text(r, o, "gender");
        char *order = text(r, o, "gender_order");
        c->female_first = order && strcmp(order, "female male") == 0;
        if (order && !c->female_first && strcmp(order, "male female") != 0)
            bad(r, "gender_order", "must be \"female male\" or \"male female\"");
        free(order);
        if (c->engine && strcmp(c->engine, "years") == 0)
            read_years(r, o, c);
    }
    json_t *ages = list(r, root, "ages", 2, 2);
    c->age_min = (float)number_in(r, json_array_get(ages, 0), "ages", 0, 120);
    c->age_max = (float)number_in(r, json_array_get(ages, 1), "ages", c->age_min, 120);
    read_age_error(r, root, &c->measured);
    c->measured.gender_measured = yes_no(r, root, "gender_measured");
}

static const char *const common_keys = "name kind engine about source files input licence "
                                       "training_data not_fit_for accuracy_published "
                                       "accuracy_measured";

static void read_card(struct reader *r, json_t *root, const char *dir, struct card *c)
{
    char *kind = text(r, root, "kind");
    c->engine = text(r, root, "engine");
    if (r->rc == 0 && strcmp(kind, "detector") == 0)
        c->kind = CARD_DETECTOR;
    else if (r->rc == 0 && strcmp(kind, "attributes") == 0)
        c->kind = CARD_ATTRIBUTES;
    else
        bad(r, "kind", "must be \"detector\" or \"attributes\"");
    free(kind);
    char *keys = mem_format("%s %s", common_keys,
            c->kind == CARD_DETECTOR ? "start_score start_eyes keep_score overlap"
                                     : "crop outputs ages age_error gender_measured");
    only(r, root, "such a card", keys);
    free(keys);
    char *name = text(r, root, "name");
    if (name && strcmp(name, c->name) != 0)
        bad(r, "name", "must be the file's own, \"%s\"", c->name);
    free(name);
    read_files(r, root, dir, c);
    read_input(r, root, c);
    if (c->kind == CARD_DETECTOR)
        read_detector(r, root, c);
    else
        read_attributes(r, root, c);
    c->about = text(r, root, "about");
    c->source = text(r, root, "source");
    c->licence = text(r, root, "licence");
    c->training_data = text(r, root, "training_data");
    c->not_fit_for = text(r, root, "not_fit_for");
    c->accuracy_published = text_or_null(r, root, "accuracy_published");
    c->accuracy_measured = text_or_null(r, root, "accuracy_measured");
}

static json_t *parse(struct reader *r)
{
    json_error_t je;
    json_t *root = json_load_file(r->path, JSON_REJECT_DUPLICATES, &je);
    if (!root && je.line < 0)
        r->rc = err_set(r->e, -ENOENT, "%s: there is no such model card that can be read", r->path);
    else if (!root)
        r->rc = err_set(r->e, -EINVAL, "%s:%d: not a model card: %s", r->path, je.line, je.text);
    else if (!json_is_object(root))
        r->rc = err_set(r->e, -EINVAL, "%s: not a model card: it must be one object", r->path);
    return root;
}

struct card *card_load(const char *dir, const char *name, struct err *e)
{
    struct card *c = mem_new(1, sizeof(*c));
    c->path = mem_format("%s/%s.card.json", dir, name);
    struct reader r = {.path = c->path, .e = e};
    json_t *root = NULL;
    if (!*name || strlen(name) >= sizeof(c->name) || strchr(name, '/'))
        r.rc = err_set(e, -EINVAL, "'%s' cannot be the name of a model card", name);
    if (r.rc == 0) {
        (void)snprintf(c->name, sizeof(c->name), "%s", name);
        root = parse(&r);
    }
    if (r.rc == 0)
        read_card(&r, root, dir, c);
    json_decref(root);
    if (r.rc < 0) {
        card_free(c);
        return NULL;
    }
    return c;
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
