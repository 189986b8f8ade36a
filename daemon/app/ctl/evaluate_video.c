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
#include "app/pipeline.h"
#include "app/truth.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/redact.h"
#include "conf/load.h"
#include "flow/frame.h"
#include "flow/queue.h"
#include "source/source.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FPS     5.0
#define TURN_MS 50
#define JOIN_MS 5000
#define EVENTS  4096

struct session {
    /* set at birth */
    struct conf *conf;
    struct conf_camera camera_conf;
    struct queue *events;
    struct pipeline *pipeline;
    struct lane *lane;
    struct camera *camera;
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

static bool wanted(void *arg, const char *camera)
{
    (void)arg;
    (void)camera;
    return true;
}

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

static void nothing(void *arg)
{
    (void)arg;
}

/* ------------------------------------------------------------- birth and death --- */

static int begin(struct session *s, struct err *e)
{
    struct pipeline_links links = {s->events, nothing, NULL, {wanted, seen, s}};
    s->pipeline = pipeline_new(s->conf, &links, e);
    if (!s->pipeline)
        return -1;
    s->lane = pipeline_add(s->pipeline, &s->camera_conf);
    struct camera_links news = {lane_slot(s->lane), s->events, nothing, NULL};
    s->camera = camera_new(&s->camera_conf, &news, true, 0);
    lane_attach(s->lane, s->camera);
    int r = pipeline_start(s->pipeline);
    if (r == 0)
        r = camera_start(s->camera);
    return r < 0 ? err_set(e, r, "no thread to be had: %s", err_name(r)) : 0;
}

static void release(struct session *s)
{
    pipeline_free(s->pipeline);
    camera_free(s->camera);
    queue_free(s->events);
    truth_close(s->truth);
    score_free(s->score);
    free(s->records);
    conf_free(s->conf);
}

/* ------------------------------------------------------------- while it runs --- */

static void take_events(struct session *s)
{
    struct event *list[64];
    size_t n;
    while ((n = queue_take(s->events, (void **)list, 64, 0)) > 0) {
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
    camera_status(s->camera, &status);
    bar->total = status.duration_us / MONO_SECOND;
    if (bar->total > 0)
        bar_show(bar, atomic_load(&s->reached_us) / MONO_SECOND);
}

/* Until the clip has ended or somebody presses Ctrl-C. */
static int run(struct session *s, const sigset_t *signals, struct err *e)
{
    struct bar bar = {.what = "s of video"};
    int rc = 0;
    for (bool over = false; !over;) {
        const struct timespec turn = {0, TURN_MS * INT64_C(1000000)};
        bool stopped = sigtimedwait(signals, NULL, &turn) > 0;
        bool finished = camera_finished(s->camera);
        bar_clear(&bar);
        take_events(s);
        if (stopped)
            rc = err_set(e, -ECANCELED, "stopped before the end of the clip");
        if (camera_failed(s->camera)) {
            struct camera_status status;
            camera_status(s->camera, &status);
            rc = err_set(e, -EIO, "%s", status.trouble);
        }
        over = stopped || finished;
        if (!over)
            show_bar(s, &bar);
    }
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    return rc;
}

/* What is in the slot is still looked at. */
static int finish(struct session *s, struct err *e)
{
    camera_stop(s->camera);
    int rc = camera_join(s->camera, JOIN_MS);
    pipeline_stop(s->pipeline);
    if (pipeline_join(s->pipeline, JOIN_MS) < 0)
        rc = -ETIMEDOUT;
    take_events(s);
    return rc < 0 ? err_set(e, rc, "the clip's reader hangs") : 0;
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
        print_json(s->camera_conf.url_shown, s->camera_conf.fps, &sum);
    else
        print_text(&sum);
    return 0;
}

static int evaluate(struct session *s, bool json, const sigset_t *signals, struct err *e)
{
    if (begin(s, e) < 0)
        return -1;
    int rc = run(s, signals, e);
    struct err hangs = {0};
    if (finish(s, &hangs) < 0) {
        (void)ctl_fail(CTL_FAILED, "evaluate", "%s", hangs.text);
        _exit(CTL_FAILED);
    }
    return rc < 0 ? rc : report(s, json, e);
}

int evaluate_video(
        const struct ctl_common *common, const char *video, const char *truth, double fps)
{
    struct session s = {.conf = ctl_conf("evaluate", common->file)};
    if (!s.conf)
        return CTL_CONFIG;
    char shown[512];
    redact_text(shown, sizeof(shown), video);
    s.conf->workers = 1;
    s.conf->database.observations = s.conf->privacy.store_crops = false;
    s.camera_conf = (struct conf_camera){.name = "evaluate",
            .url = (char *)video,
            .url_shown = shown,
            .fps = fps > 0 ? fps : FPS,
            .pace = PACE_MAX,
            .enabled = true,
            .min_face = 12};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    log_open(LEVEL_NONE); /* what the camera's thread would say is told here, once */
    source_log_init();

    struct err e = {0};
    int rc = -1;
    s.events = queue_new(EVENTS, event_free, event_squeeze, NULL);
    s.score = score_new();
    s.truth = truth_open(truth, &e);
    if (s.truth) {
        truth_people(s.truth, s.score);
        rc = evaluate(&s, common->json, &signals, &e);
    }
    release(&s);
    return rc < 0 ? ctl_fail(CTL_FAILED, "evaluate", "%s", e.text) : CTL_OK;
}
