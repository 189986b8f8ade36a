#include "flow/event.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/when.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* With 15 significant digits a rounded number prints as it was rounded: 0.41, never 0.4099999. */
#define JSON_STYLE (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* When whole records must go, this share of the line goes at once: a store that stands still must
 * not cost every put a pass over the line. */
#define SQUEEZE_SHARE 64

static const char *const states[CAMERA_STATE_COUNT] = {
        [CAMERA_CONNECTING] = "connecting",
        [CAMERA_ONLINE] = "online",
        [CAMERA_OFFLINE] = "offline",
        [CAMERA_DISABLED] = "disabled",
        [CAMERA_ENDED] = "ended",
};

const char *camera_state_name(enum camera_state state)
{
    return states[state];
}

const char *event_type_name(enum event_type type)
{
    switch (type) {
    case EVENT_NEW: return "new";
    case EVENT_UPDATE: return "update";
    case EVENT_END: return "end";
    default: return NULL;
    }
}

struct event *event_new(enum event_type type, const char *camera)
{
    struct event *ev = mem_new(1, sizeof(*ev));
    ev->type = type;
    strncpy(ev->camera, camera, sizeof(ev->camera) - 1);
    ev->time_us = mono_wall_us();
    ev->time_boot_us = mono_boot_us();
    return ev;
}

void event_free(void *event)
{
    struct event *ev = event;
    if (ev && ev->type != EVENT_CAMERA)
        free(ev->jpeg);
    free(ev);
}

double event_round(double value, int digits)
{
    double unit = pow(10, digits);
    return round(value * unit) / unit;
}

double event_duration_s(int64_t start_us, int64_t end_us)
{
    return (double)((end_us - start_us + 500) / 1000) / 1000;
}

/* ---- squeeze ---- */

/* All events of one record, or one camera's state: a place in a hash table without removal. */
struct subject {
    const char *key; /* inside one of the events; used only while none is freed */
    unsigned types;  /* bits of enum event_type that were met */
    bool goes;
};

#define BIT(type) (1u << (type))

static const char *key_of(const struct event *ev)
{
    /* A record's id is longer than any camera's name, so they do not meet. */
    return ev->type == EVENT_CAMERA ? ev->camera : ev->record.id;
}

static struct subject *subject_of(struct subject *table, size_t size, const char *key)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *p = key; *p; p++)
        h = (h ^ (uint8_t)*p) * UINT64_C(1099511628211);
    size_t i = h % size;
    while (table[i].key && strcmp(table[i].key, key) != 0)
        i = (i + 1) % size;
    table[i].key = key;
    return &table[i];
}

/* Does what comes later in the line, of the same record or camera, say all that this one says? */
static bool is_repeated(enum event_type type, unsigned later)
{
    switch (type) {
    case EVENT_SEEN: return later & (BIT(EVENT_SEEN) | BIT(EVENT_UPDATE) | BIT(EVENT_END));
    case EVENT_UPDATE: return later & (BIT(EVENT_UPDATE) | BIT(EVENT_END));
    case EVENT_CAMERA: return later & BIT(EVENT_CAMERA);
    default: return false;
    }
}

/* Frees the marked and moves the others together. */
static size_t close_up(void **items, const bool *gone, size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        if (gone[i])
            event_free(items[i]);
        else
            items[left++] = items[i];
    }
    return left;
}

static size_t mark_types(void **items, size_t n, unsigned types, bool *gone)
{
    size_t marked = 0;
    for (size_t i = 0; i < n; i++) {
        gone[i] = types & BIT(((struct event *)items[i])->type);
        marked += gone[i];
    }
    return marked;
}

static void count_loss(struct event_loss *loss, const struct event *ev, bool first_of_record)
{
    if (!loss)
        return;
    int64_t from = atomic_load(&loss->from_us), to = atomic_load(&loss->to_us);
    if (!from || ev->record.start_us < from)
        atomic_store(&loss->from_us, ev->record.start_us);
    if (ev->record.end_us > to)
        atomic_store(&loss->to_us, ev->record.end_us);
    if (first_of_record)
        atomic_fetch_add(&loss->records, 1);
}

/*
 * Oldest records first, until enough have gone: at first those that are in the line from NEW to
 * END and so leave no trace; then those that have begun, which their END brings back; at last
 * those that only end, and stay open in the database until the next start.
 */
static void mark_records(void **items, struct subject **of, size_t n, bool *gone, void *arg)
{
    static const unsigned turns[] = {
            BIT(EVENT_NEW) | BIT(EVENT_END), BIT(EVENT_NEW), BIT(EVENT_END)};
    size_t wanted = n / SQUEEZE_SHARE ? n / SQUEEZE_SHARE : 1, marked = 0;
    for (size_t turn = 0; turn < sizeof(turns) / sizeof(turns[0]); turn++) {
        for (size_t i = 0; i < n && marked < wanted; i++) {
            if (of[i]->goes || (of[i]->types & turns[turn]) != turns[turn])
                continue;
            of[i]->goes = true;
            count_loss(arg, items[i], true);
            marked++; /* one at least; a record whose END is there too frees two */
        }
    }
    for (size_t i = 0; i < n; i++) {
        gone[i] = of[i]->goes;
        if (gone[i])
            count_loss(arg, items[i], false);
    }
}

size_t event_squeeze(void **events, size_t n, void *arg)
{
    size_t size = 2 * n + 1;
    struct subject *table = mem_new(size, sizeof(*table));
    struct subject **of = mem_new(n, sizeof(struct subject *));
    bool *gone = mem_new(n, sizeof(*gone));

    size_t marked = 0;
    for (size_t i = n; i-- > 0;) {
        const struct event *ev = events[i];
        of[i] = subject_of(table, size, key_of(ev));
        gone[i] = is_repeated(ev->type, of[i]->types);
        marked += gone[i];
        of[i]->types |= BIT(ev->type);
    }
    if (!marked)
        marked = mark_types(events, n, BIT(EVENT_OBSERVATION), gone);
    if (!marked)
        marked = mark_types(
                events, n, BIT(EVENT_SEEN) | BIT(EVENT_UPDATE) | BIT(EVENT_CAMERA), gone);
    if (!marked)
        mark_records(events, of, n, gone, arg);

    size_t left = close_up(events, gone, n);
    free(gone);
    free(of);
    free(table);
    return left;
}

/* ---- JSON ---- */

static json_t *number(double value, int digits)
{
    return isfinite(value) ? json_real(event_round(value, digits)) : json_null();
}

/* What is not UTF-8 becomes "?": a model card may hold anything. */
static json_t *text(const char *s)
{
    json_t *t = s ? json_string(s) : json_null();
    return t ? t : json_string("?");
}

static json_t *moment(int64_t wall_us)
{
    char buf[WHEN_TEXT];
    when_format(buf, wall_us);
    return json_string(buf);
}

static void put(json_t *object, const char *key, json_t *value)
{
    mem_check(value);
    if (json_object_set_new(object, key, value) < 0)
        mem_check(NULL);
}

/* Keys stay in the order in which they are put. */
static json_t *object_new(void)
{
    return mem_check(json_object());
}

static char *dump(json_t *object)
{
    char *s = mem_check(json_dumps(object, JSON_STYLE));
    json_decref(object);
    return s;
}

json_t *box_json(const struct box *relative)
{
    json_t *box = mem_check(json_array());
    const float sides[] = {relative->x, relative->y, relative->w, relative->h};
    for (size_t i = 0; i < 4; i++) {
        if (json_array_append_new(box, number(sides[i], EVENT_BOX_DIGITS)) < 0)
            mem_check(NULL);
    }
    return box;
}

static json_t *face_of(const struct record *r)
{
    json_t *face = object_new();
    put(face, "box", box_json(&r->box));
    put(face, "width_px", json_integer(r->width_px));
    put(face, "score", number(r->score, EVENT_SCORE_DIGITS));
    put(face, "samples", json_integer(r->samples));
    return face;
}

json_t *answers_age_json(const struct answers *a)
{
    bool known = a->age_unknown == UNKNOWN_NOT;
    json_t *age = object_new();
    put(age, "range", text(known ? age_range_name(a->age_range) : NULL));
    put(age, "years", known ? number(a->age_years, EVENT_YEARS_DIGITS) : json_null());
    put(age, "probability",
            known ? number(a->age_probability, EVENT_PROBABILITY_DIGITS) : json_null());
    put(age, "unknown", text(unknown_name(a->age_unknown)));
    return age;
}

json_t *answers_gender_json(const struct answers *a)
{
    bool known = a->gender_unknown == UNKNOWN_NOT;
    json_t *gender = object_new();
    put(gender, "value", text(!known ? NULL : a->female ? "female" : "male"));
    put(gender, "probability",
            known ? number(a->gender_probability, EVENT_PROBABILITY_DIGITS) : json_null());
    put(gender, "unknown", text(unknown_name(a->gender_unknown)));
    return gender;
}

char *event_json(const struct event *ev, const struct envelope *env)
{
    const char *type = event_type_name(ev->type);
    if (!type)
        return NULL;
    const struct record *r = &ev->record;
    bool ended = ev->type == EVENT_END;
    json_t *o = object_new();
    put(o, "v", json_integer(1));
    put(o, "type", text(type));
    put(o, "epoch", text(env->epoch));
    put(o, "msg", json_integer(0));
    put(o, "id", text(r->id));
    put(o, "seq", ended ? json_integer(env->seq) : json_null());
    put(o, "node", text(env->node));
    put(o, "camera", text(ev->camera));
    put(o, "start_time", moment(r->start_us));
    put(o, "end_time", ended ? moment(r->end_us) : json_null());
    put(o, "duration_s", json_real(event_duration_s(r->start_us, r->end_us)));
    put(o, "end_reason", text(ended ? end_reason_name(r->reason) : NULL));
    put(o, "time", moment(ev->time_us));
    put(o, "published", json_null());
    put(o, "replayed", json_false());
    put(o, "face", face_of(r));
    put(o, "age", answers_age_json(&r->answers));
    put(o, "gender", answers_gender_json(&r->answers));
    json_t *models = object_new();
    put(models, "detector", text(r->detector));
    put(models, "attributes", text(r->attributes));
    put(o, "models", models);
    return dump(o);
}

char *event_json_lost(const struct envelope *env, int64_t time_us, uint64_t from, uint64_t to)
{
    json_t *o = object_new();
    put(o, "v", json_integer(1));
    put(o, "epoch", text(env->epoch));
    put(o, "msg", json_integer(0));
    put(o, "node", text(env->node));
    put(o, "time", moment(time_us));
    put(o, "published", json_null());
    put(o, "from", json_integer((json_int_t)from));
    put(o, "to", json_integer((json_int_t)to));
    return dump(o);
}

char *event_json_send(const char *json, uint64_t msg, int64_t published_us, bool replayed)
{
    json_t *o = json_loads(json, 0, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        return NULL;
    }
    /* A key that is there keeps its place. */
    put(o, "msg", json_integer((json_int_t)msg));
    put(o, "published", moment(published_us));
    if (json_object_get(o, "replayed"))
        put(o, "replayed", json_boolean(replayed));
    return dump(o);
}
