/*
 * Plays recorded detections through tracker and emitter and prints the events, one JSON object a
 * line, in a form in which two runs are equal: persons are numbered in the order in which they
 * appear, and times are seconds of the recording.
 *
 *     replay [-r FPS] [-p PHASE] [-s START_SCORE] [-c] FILE.detections.jsonl
 *
 * The first line is {"width": .., "height": .., "start_score": ..}, then one line a picture:
 *     {"time": 0.4, "faces": [[x, y, w, h, score], ...]}
 * A face may go on with years, female_p and weight, what a look at it would say; without them a
 * look finds it too small below 40 px and cannot estimate it above. In place of "faces" stands
 * "hold": true, "tick": true, or "end": "source_ended". A recording that is not ended ends so.
 * "observations": true in the first line adds them.
 * -r takes FPS pictures a second, the first at PHASE (0 to 1) of that interval; -s replaces the
 * start_score; -c prints no more than the number of records.
 */
#include "base/mem.h"
#include "emit/emitter.h"
#include "track/tracker.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL_PX 40

struct replay {
    double fps, phase, start_score;
    bool count_only;
    int width, height;
    double next; /* when the next picture is due */
    int64_t now_us;
    struct tracker *tracker;
    struct emitter *emitter;
    int persons;
    char (*ids)[UUID_TEXT];
    struct sightings sightings;
    struct face faces[FACES_MAX];
    float answer[FACES_MAX][3]; /* years, female_p, weight */
    int n;
};

static double rounded(double x)
{
    return round(x * 1000) / 1000;
}

static json_t *real(double x)
{
    return isnan(x) ? json_null() : json_real(rounded(x));
}

static json_t *text(const char *s)
{
    return s ? json_string(s) : json_null();
}

static int person(struct replay *r, const char *id)
{
    for (int i = 0; i < r->persons; i++) {
        if (strcmp(r->ids[i], id) == 0)
            return i + 1;
    }
    r->ids = mem_grow(r->ids, (size_t)r->persons + 1, sizeof(*r->ids));
    memcpy(r->ids[r->persons], id, UUID_TEXT);
    return ++r->persons;
}

static const char *type_name(enum event_type type)
{
    if (type == EVENT_SEEN)
        return "seen";
    return type == EVENT_OBSERVATION ? "observation" : event_type_name(type);
}

static void print_event(struct replay *r, const struct event *ev)
{
    const struct record *c = &ev->record;
    const struct answers *a = &c->answers;
    int number = person(r, c->id);
    if (r->count_only)
        return;
    const char *gender = a->female ? "female" : "male";
    json_t *o = json_pack("{s:o, s:s, s:i, s:o, s:o, s:o}", "time", real((double)ev->time_us / 1e6),
            "type", type_name(ev->type), "person", number, "start", real((double)c->start_us / 1e6),
            "end", real((double)c->end_us / 1e6), "reason",
            text(ev->type == EVENT_END ? end_reason_name(c->reason) : NULL));
    json_object_set_new(o, "box",
            json_pack("[oooo]", real(c->box.x), real(c->box.y), real(c->box.w), real(c->box.h)));
    json_object_set_new(o, "width_px", json_integer(c->width_px));
    json_object_set_new(o, "score", real(c->score));
    json_object_set_new(o, "samples", json_integer(c->samples));
    json_object_set_new(o, "age",
            json_pack("{s:o, s:o, s:o, s:o}", "range",
                    text(a->age_range < 0 ? NULL : age_range_name(a->age_range)), "years",
                    real(a->age_years), "probability", real(a->age_probability), "unknown",
                    text(unknown_name(a->age_unknown))));
    json_object_set_new(o, "gender",
            json_pack("{s:o, s:o, s:o}", "value", text(a->gender_unknown ? NULL : gender),
                    "probability", real(a->gender_probability), "unknown",
                    text(unknown_name(a->gender_unknown))));
    char *line = json_dumps(o, JSON_REAL_PRECISION(7));
    puts(mem_check(line));
    free(line);
    json_decref(o);
}

/* What attrs_run() would do. */
static void look(const struct replay *r, struct sighting *s)
{
    for (int i = 0; i < r->n; i++) {
        if (memcmp(&r->faces[i], &s->face, sizeof(s->face)) != 0)
            continue;
        s->quality.width_px = s->face.box.w;
        s->quality.weight = r->answer[i][2];
        s->quality.defect = UNKNOWN_NOT;
        if (!(s->quality.weight > 0))
            s->quality.defect =
                    s->face.box.w < SMALL_PX ? UNKNOWN_TOO_SMALL : UNKNOWN_NOT_ESTIMATED;
        s->estimated = s->quality.weight > 0;
        s->estimate = (struct estimate){.has_age = true,
                .has_gender = true,
                .years = r->answer[i][0],
                .female_p = r->answer[i][1]};
        return;
    }
}

static void tell(struct replay *r)
{
    struct event *events[EMITTER_EVENTS_MAX];
    struct sightings *all = &r->sightings;
    emitter_choose(r->emitter, all, r->now_us);
    for (int i = 0; i < all->n; i++) {
        if (all->list[i].chosen)
            look(r, &all->list[i]);
    }
    size_t n = emitter_step(
            r->emitter, all, r->width, r->height, r->now_us, 0, events, EMITTER_EVENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        print_event(r, events[i]);
        event_free(events[i]);
    }
}

static double number(const json_t *array, size_t i)
{
    const json_t *x = json_array_get(array, i);
    return json_is_number(x) ? json_number_value(x) : NAN;
}

static void read_faces(struct replay *r, const json_t *list)
{
    r->n = 0;
    for (size_t i = 0; i < json_array_size(list) && r->n < FACES_MAX; i++) {
        const json_t *a = json_array_get(list, i);
        struct face *f = &r->faces[r->n];
        memset(f, 0, sizeof(*f));
        f->box.x = (float)number(a, 0);
        f->box.y = (float)number(a, 1);
        f->box.w = (float)number(a, 2);
        f->box.h = (float)number(a, 3);
        f->score = (float)number(a, 4);
        for (size_t k = 0; k < 3; k++)
            r->answer[r->n][k] = (float)number(a, 5 + k);
        r->n++;
    }
}

static bool due(struct replay *r, double time)
{
    if (r->fps <= 0)
        return true;
    if (time + 1e-6 < r->next)
        return false;
    while (r->next <= time + 1e-6)
        r->next += 1 / r->fps;
    return true;
}

static enum end_reason reason_named(const char *name)
{
    for (int i = 0; i < END_COUNT; i++) {
        if (strcmp(end_reason_name(i), name) == 0)
            return i;
    }
    return END_SOURCE_ENDED;
}

static void play(struct replay *r, const json_t *line)
{
    double time = json_number_value(json_object_get(line, "time"));
    const json_t *end = json_object_get(line, "end");
    r->now_us = (int64_t)llround(time * 1e6);
    r->n = 0;
    if (end) {
        tracker_end(r->tracker, reason_named(json_string_value(end)), &r->sightings);
    } else if (json_object_get(line, "tick")) {
        tracker_tick(r->tracker, r->now_us, &r->sightings);
    } else if (json_object_get(line, "hold")) {
        tracker_hold(r->tracker, r->now_us, &r->sightings);
    } else if (due(r, time)) {
        read_faces(r, json_object_get(line, "faces"));
        tracker_step(r->tracker, r->faces, r->n, r->now_us, &r->sightings);
    } else {
        return;
    }
    tell(r);
}

static void open_camera(struct replay *r, const json_t *header)
{
    /* Round numbers like those that a card has. */
    struct traits traits = {.detector = "recorded",
            .attributes = "recorded",
            .age_min = 3,
            .age_max = 90,
            .age_error = {{5, 2}, {20, 4}, {40, 6}, {70, 9}},
            .n_age_error = 4,
            .gender_measured = true};
    struct conf_track conf = {.confirm = 3, .lost_us = 3000000};
    r->width = (int)json_integer_value(json_object_get(header, "width"));
    r->height = (int)json_integer_value(json_object_get(header, "height"));
    if (r->start_score <= 0)
        r->start_score = json_number_value(json_object_get(header, "start_score"));
    r->tracker = tracker_new(&conf, (float)r->start_score, 0);
    tracker_view(r->tracker, r->width, r->height);
    r->emitter = emitter_new(
            "replay", &traits, 0.8, json_is_true(json_object_get(header, "observations")));
    r->next = r->fps > 0 ? r->phase / r->fps : 0;
}

static int play_file(struct replay *r, const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
        return 1;
    }
    char *line = NULL;
    size_t size = 0;
    int at = 0, bad = 0;
    while (!bad && getline(&line, &size, f) > 0) {
        json_error_t e;
        json_t *o = json_loads(line, 0, &e);
        at++;
        if (!json_is_object(o)) {
            fprintf(stderr, "replay: %s:%d: not a JSON object: %s\n", path, at, e.text);
            bad = 1;
        } else if (at == 1) {
            open_camera(r, o);
        } else {
            play(r, o);
        }
        json_decref(o);
    }
    if (!bad && r->tracker) {
        tracker_end(r->tracker, END_SOURCE_ENDED, &r->sightings);
        tell(r);
    }
    free(line);
    (void)fclose(f);
    return bad;
}

int main(int argc, char **argv)
{
    struct replay *r = mem_new(1, sizeof(*r));
    int c, status = 2;
    while ((c = getopt(argc, argv, "r:p:s:c")) != -1) {
        switch (c) {
        case 'r': r->fps = strtod(optarg, NULL); break;
        case 'p': r->phase = strtod(optarg, NULL); break;
        case 's': r->start_score = strtod(optarg, NULL); break;
        case 'c': r->count_only = true; break;
        default: goto out;
        }
    }
    if (optind != argc - 1) {
        fprintf(stderr, "usage: replay [-r FPS] [-p PHASE] [-s SCORE] [-c] FILE\n");
        goto out;
    }
    status = play_file(r, argv[optind]);
    if (status == 0 && r->count_only)
        printf("%d\n", r->persons);
out:
    tracker_free(r->tracker);
    emitter_free(r->emitter);
    free(r->ids);
    free(r);
    return status;
}
