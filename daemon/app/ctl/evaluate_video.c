/*
 * About facectl evaluate --video: the daemon's camera and pipeline, as facectl watch has them, with
 * a score in the place of store and broker.
 *
 *     camera thread -> slot -> worker -> seen(): where everybody was found -> score
 *                              worker -> queue of events -> main thread: which tracks are records
 *
 * The worker alone writes the score until it was joined; main notes records apart, and adds them
 * then. The file's reader waits for the worker, so every sampled picture is looked at.
 */
#include "app/ctl/evaluate_video.h"

#include "app/camera.h"
#include "app/ctl/bar.h"
#include "app/solo.h"
#include "app/truth.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/redact.h"
#include "conf/load.h"
#include "flow/frame.h"
#include "flow/queue.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FPS     5.0
#define TURN_MS 50

struct session {
    /* set at birth */
    struct solo solo;
    struct truth *truth;

    /* the worker's until it was joined */
    struct score *score;
    bool begun;
    int64_t first_us; /* time of the first picture */

    /* main's */
    size_t n_records;
    uint64_t *records; /* tracks */

    atomic_int_fast64_t reached_us; /* from the first picture */
};

/* ------------------------------------------------------------- on the worker's thread --- */

static void seen(
        void *arg, const char *camera, struct frame *f, const struct portrait *faces, int n)
{
    struct session *s = arg;
    (void)camera;
    if (!s->begun)
        s->first_us = frame_time_us(f);
    s->begun = true;
    int64_t at_us = frame_time_us(f) - s->first_us;

    struct score_face there[FACES_MAX];
    struct score_seen found[VIEW_MAX];
    int n_found = 0;
    for (int i = 0; i < n; i++) {
        if (faces[i].track && faces[i].found)
            found[n_found++] = (struct score_seen){faces[i].track, faces[i].box};
    }
    int n_there =
            truth_at(s->truth, (double)at_us / MONO_SECOND, frame_width(f), frame_height(f), there);
    score_picture(s->score, there, n_there, found, n_found);
    atomic_store(&s->reached_us, at_us);
}

/* ------------------------------------------------------------- while it runs --- */

static void take_events(struct session *s)
{
    struct event *list[64];
    size_t n;
    while ((n = queue_take(s->solo.events, (void **)list, 64, 0)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (list[i]->type == EVENT_NEW) {
                s->records = mem_grow(s->records, s->n_records + 1, sizeof(*s->records));
                s->records[s->n_records++] = list[i]->record.track;
            }
            event_free(list[i]);
        }
    }
}

static void show_bar(struct session *s, struct bar *bar)
{
    struct camera_status status;
    camera_status(s->solo.camera, &status);
    bar->total = status.duration_us / MONO_SECOND;
    if (bar->total > 0)
        bar_show(bar, atomic_load(&s->reached_us) / MONO_SECOND);
}

/* Until the clip has ended or somebody presses Ctrl-C. */
static int run(struct session *s, struct err *e)
{
    struct bar bar = {.what = "s of video"};
    int rc = 0;
    for (bool over = false; !over;) {
        bool stopped = solo_wait(&s->solo, TURN_MS);
        bool finished = camera_finished(s->solo.camera);
        bar_clear(&bar);
        take_events(s);
        if (stopped)
            rc = err_set(e, -ECANCELED, "stopped before the end of the clip");
        if (camera_failed(s->solo.camera)) {
            struct camera_status status;
            camera_status(s->solo.camera, &status);
            rc = err_set(e, -EIO, "%s", status.trouble);
        }
        over = stopped || finished;
        if (!over)
            show_bar(s, &bar);
    }
    return rc;
}

/* ------------------------------------------------------------- what came of it --- */

static json_t *share(double x)
{
    return isnan(x) ? json_null() : json_real(round(x * 10000) / 10000);
}

static void print_json(const char *video, double fps, const struct score_sum *sum)
{
    json_t *o = json_pack("{s:s, s:f, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:i, s:i, s:I, "
                          "s:I, s:I, s:I}",
            "video", video, "fps", fps, "pictures", sum->pictures, "people", sum->people, "records",
            sum->records, "missed", sum->missed, "doubled", sum->doubled, "swapped", sum->swapped,
            "extra", sum->extra, "mota", share(sum->mota), "idf1", share(sum->idf1),
            "mostly_tracked", sum->mostly_tracked, "identity_switches", sum->switches, "faces",
            (json_int_t)sum->faces, "faces_matched", (json_int_t)sum->matched, "faces_missing",
            (json_int_t)sum->missing, "sightings_wrong", (json_int_t)sum->wrong);
    if (!o) /* a path that is not UTF-8 */
        o = json_object();
    json_dumpf(o, stdout, JSON_REAL_PRECISION(6) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(o);
}

static void print_text(const struct score_sum *sum)
{
    printf("%-18s %d\n", "pictures", sum->pictures);
    printf("%-18s %d\n", "people", sum->people);
    printf("%-18s %d: %d missed, %d doubled, %d swapped, %d extra\n", "records", sum->records,
            sum->missed, sum->doubled, sum->swapped, sum->extra);
    printf("%-18s %ld of %ld, and %ld of nobody\n", "faces found", sum->matched, sum->faces,
            sum->wrong);
    printf("%-18s %d of %d people\n", "mostly tracked", sum->mostly_tracked, sum->people);
    printf("%-18s %d\n", "identity switches", sum->switches);
    printf("%-18s %.3f\n%-18s %.3f\n", "MOTA", sum->mota, "IDF1", sum->idf1);
}

static int report(struct session *s, bool json, struct err *e)
{
    for (size_t i = 0; i < s->n_records; i++)
        score_record(s->score, s->records[i]);
    struct score_sum sum;
    if (score_sum(s->score, &sum) < 0)
        return err_set(e, -E2BIG, "more than %d people or records", SCORE_MANY);
    if (json)
        print_json(s->solo.want.url_shown, s->solo.want.fps, &sum);
    else
        print_text(&sum);
    return 0;
}

static int evaluate(struct session *s, bool json, struct err *e)
{
    if (solo_begin(&s->solo, seen, s, e) < 0)
        return -1;
    int rc = run(s, e);
    if (!solo_finish(&s->solo)) {
        (void)ctl_fail(CTL_FAILED, "evaluate", "the clip's reader hangs");
        _exit(CTL_FAILED);
    }
    take_events(s);
    return rc < 0 ? rc : report(s, json, e);
}

int evaluate_video(const struct ctl_common *common, const char *video, const char *truth,
        double fps, enum decoding decode)
{
    struct conf *conf = ctl_conf("evaluate", common->file);
    if (!conf)
        return CTL_CONFIG;
    char shown[512];
    redact_text(shown, sizeof(shown), video);
    struct session s = {.score = score_new()};
    solo_init(&s.solo, conf, "evaluate", video, shown);
    s.solo.want.fps = fps > 0 ? fps : FPS;
    s.solo.want.decode = decode;

    struct err e = {0};
    int rc = -1;
    s.truth = truth_open(truth, &e);
    if (s.truth) {
        truth_people(s.truth, s.score);
        rc = evaluate(&s, common->json, &e);
    }
    solo_done(&s.solo);
    truth_close(s.truth);
    score_free(s.score);
    free(s.records);
    conf_free(conf);
    return rc < 0 ? ctl_fail(CTL_FAILED, "evaluate", "%s", e.text) : CTL_OK;
}
