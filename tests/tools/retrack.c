/*
 * For tuning the tracker: the detections of a clip are recorded once, then tracked and scored in a
 * moment, at any rate.
 *
 *     retrack -d MODELS CLIP >DETECTIONS          every picture of the clip, as detected
 *     retrack [-r FPS] [-p PHASE] [-v] TRUTH DETECTIONS    a line of JSON: the score
 *
 * The first line of DETECTIONS is {"width", "height", "start_score", "start_eyes"}, then one a
 * picture: {"time", "faces": [[x, y, w, h, score, distance of the eyes in widths], ...]}. -p: the
 * first picture is the one at PHASE (0 to 1) of an interval. -v tells how each record goes.
 */
#include "app/score.h"
#include "app/truth.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stop.h"
#include "flow/box.h"
#include "flow/frame.h"
#include "sample/sampler.h"
#include "source/decoder.h"
#include "source/source.h"
#include "track/tracker.h"
#include "vision/card.h"
#include "vision/detector.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    double fps, phase;
    bool tell;
    const char *models;
} opt = {.fps = 5};

static int fail(const char *text)
{
    (void)fprintf(stderr, "retrack: %s\n", text);
    return 1;
}

/* ------------------------------------------------------------- recording --- */

static void print_faces(struct detector *d, const struct frame *f, int64_t first_us)
{
    static struct face faces[FACES_MAX];
    int n = 0;
    if (detector_run(d, f, faces, &n) < 0)
        n = 0;
    printf("{\"time\": %.4f, \"faces\": [", (double)(frame_time_us(f) - first_us) / MONO_SECOND);
    for (int i = 0; i < n; i++) {
        const struct face *k = &faces[i];
        const struct point *r = &k->mark[LANDMARK_RIGHT_EYE], *l = &k->mark[LANDMARK_LEFT_EYE];
        printf("%s[%.1f, %.1f, %.1f, %.1f, %.3f, %.3f]", i ? ", " : "", (double)k->box.x,
                (double)k->box.y, (double)k->box.w, (double)k->box.h, (double)k->score,
                (double)(hypotf(l->x - r->x, l->y - r->y) / k->box.w));
    }
    printf("]}\n");
}

static int record(const char *clip, struct err *e)
{
    struct conf_camera conf = {.url = (char *)clip, .url_shown = (char *)clip, .pace = PACE_MAX};
    struct card *card = card_load(opt.models, "yunet", e);
    struct detector *d = card ? detector_open(card, e) : NULL;
    if (!d)
        return -1;
    struct stop *stop = stop_new();
    struct beat beat = {0};
    enum source_fault fault = SOURCE_OK;
    struct source *src = source_open(&conf, &source_limits_usual, stop, &beat, &fault, e);
    struct decoder *dec = src ? decoder_open(source_stream(src), NULL, &fault, e) : NULL;
    struct packet packet;
    int64_t first_us = 0;
    bool begun = false;
    for (bool more = dec; more;) {
        fault = source_read(src, &packet, e);
        more = fault == SOURCE_OK;
        (void)decoder_push(dec, more ? &packet : NULL, NULL);
        for (struct frame *f; (f = decoder_pull(dec)); frame_unref(f)) {
            if (!begun) {
                printf("{\"width\": %d, \"height\": %d, \"start_score\": %g, \"start_eyes\": %g}\n",
                        frame_width(f), frame_height(f), (double)card->start_score,
                        (double)card->start_eyes);
                first_us = frame_time_us(f);
            }
            begun = true;
            print_faces(d, f, first_us);
        }
    }
    decoder_close(dec);
    source_close(src);
    stop_free(stop);
    detector_close(d);
    card_free(card);
    return begun ? 0 : -1;
}

/* ------------------------------------------------------------- tracking --- */

struct run {
    struct truth *truth;
    struct score *score;
    struct tracker *tracker;
    struct sampler sampler;
    int width, height;
    uint64_t records[SCORE_MANY];
    int n_records;
};

static void know(struct run *r, uint64_t track)
{
    for (int i = 0; i < r->n_records; i++) {
        if (r->records[i] == track)
            return;
    }
    if (r->n_records < SCORE_MANY)
        r->records[r->n_records++] = track;
    score_record(r->score, track);
}

static void tell(double time, const struct sighting *s, const struct score_face *there, int n)
{
    int who = 0;
    float best = 0;
    for (int i = 0; i < n; i++) {
        float iou = box_iou(&there[i].box, &s->face.box);
        if (iou > best) {
            best = iou;
            who = there[i].id;
        }
    }
    static const char states[] = {'t', 'c', 'g'};
    (void)fprintf(stderr, "%.2f track %llu%c%s person %d at %.0f,%.0f %.0f score %.2f\n", time,
            (unsigned long long)s->track, states[s->state], s->found ? "" : "?", who,
            (double)s->face.box.x, (double)s->face.box.y, (double)s->face.box.w,
            (double)s->face.score);
}

static void track(struct run *r, double time, const json_t *list)
{
    static struct sightings all;
    struct face faces[FACES_MAX];
    int n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < FACES_MAX; i++) {
        double v[6];
        for (size_t k = 0; k < 6; k++)
            v[k] = json_number_value(json_array_get(json_array_get(list, i), k));
        struct face *f = &faces[n++];
        *f = (struct face){.box = {(float)v[0], (float)v[1], (float)v[2], (float)v[3]},
                .score = (float)v[4],
                .has_marks = true};
        f->mark[LANDMARK_LEFT_EYE].x = (float)(v[5] * v[2]);
    }
    tracker_step(r->tracker, faces, n, (int64_t)llround(time * 1e6), &all);
    struct score_face there[FACES_MAX];
    struct score_seen seen[SIGHTINGS_MAX];
    int n_there = truth_at(r->truth, time, r->width, r->height, there), n_seen = 0;
    for (int i = 0; i < all.n; i++) {
        const struct sighting *s = &all.list[i];
        if (s->state == TRACK_CONFIRMED)
            know(r, s->track);
        if (s->found)
            seen[n_seen++] = (struct score_seen){s->track, s->face.box};
        if (opt.tell)
            tell(time, s, there, n_there);
    }
    score_picture(r->score, there, n_there, seen, n_seen);
}

static int play(struct run *r, FILE *f)
{
    char *line = NULL;
    size_t size = 0;
    bool header = true;
    while (getline(&line, &size, f) > 0) {
        json_t *o = json_loads(line, 0, NULL);
        double time = json_number_value(json_object_get(o, "time"));
        if (header) {
            const struct conf_track conf = {.confirm = 3, .lost_us = 3 * MONO_SECOND};
            r->width = (int)json_integer_value(json_object_get(o, "width"));
            r->height = (int)json_integer_value(json_object_get(o, "height"));
            r->tracker =
                    tracker_new(&conf, (float)json_number_value(json_object_get(o, "start_score")),
                            (float)json_number_value(json_object_get(o, "start_eyes")));
            tracker_view(r->tracker, r->width, r->height);
        } else if (time >= opt.phase / opt.fps &&
                   sampler_take(&r->sampler, (int64_t)llround(time * 1e6))) {
            track(r, time, json_object_get(o, "faces"));
        }
        header = false;
        json_decref(o);
    }
    free(line);
    return header ? -1 : 0;
}

static void print_sum(const struct score *score)
{
    struct score_sum s;
    if (score_sum(score, &s) < 0)
        memset(&s, 0, sizeof(s));
    printf("{\"pictures\": %d, \"people\": %d, \"records\": %d, \"missed\": %d, \"doubled\": %d, "
           "\"swapped\": %d, \"extra\": %d, \"mota\": %.4f, \"idf1\": %.4f, "
           "\"mostly_tracked\": %d, \"identity_switches\": %d, \"faces\": %ld, "
           "\"faces_matched\": %ld, \"faces_missing\": %ld, \"sightings_wrong\": %ld}\n",
            s.pictures, s.people, s.records, s.missed, s.doubled, s.swapped, s.extra,
            isnan(s.mota) ? 1 : s.mota, isnan(s.idf1) ? 1 : s.idf1, s.mostly_tracked, s.switches,
            s.faces, s.matched, s.missing, s.wrong);
}

static int score(const char *truth, const char *detections, struct err *e)
{
    struct run *r = mem_new(1, sizeof(*r));
    FILE *f = fopen(detections, "r");
    int rc = f ? 0 : err_set(e, -1, "%s: cannot be read", detections);
    sampler_init(&r->sampler, opt.fps);
    r->score = score_new();
    r->truth = rc == 0 ? truth_open(truth, e) : NULL;
    if (r->truth) {
        truth_people(r->truth, r->score);
        rc = play(r, f);
        print_sum(r->score);
    }
    tracker_free(r->tracker);
    score_free(r->score);
    if (f)
        (void)fclose(f);
    rc = r->truth ? rc : -1;
    truth_close(r->truth);
    free(r);
    return rc;
}

int main(int argc, char **argv)
{
    int c;
    while ((c = getopt(argc, argv, "d:r:p:v")) != -1) {
        switch (c) {
        case 'd': opt.models = optarg; break;
        case 'r': opt.fps = strtod(optarg, NULL); break;
        case 'p': opt.phase = strtod(optarg, NULL); break;
        case 'v': opt.tell = true; break;
        default: return 2;
        }
    }
    struct err e = {0};
    if (argc - optind != (opt.models ? 1 : 2) || !(opt.fps > 0))
        return fail("retrack -d MODELS CLIP, or retrack [-r FPS] [-p PHASE] [-v] TRUTH DETECTIONS");
    log_open(LEVEL_ERROR);
    source_log_init();
    int rc = opt.models ? record(argv[optind], &e) : score(argv[optind], argv[optind + 1], &e);
    return rc < 0 ? fail(e.text) : 0;
}
