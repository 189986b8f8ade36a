/*
 * About facectl watch: the daemon's camera, pipeline and event queue, with a terminal and a video
 * file where the daemon has its store and its broker.
 *
 *     camera thread -> slot -> worker -> queue of events -> main thread: lines
 *                              worker -> seen(): the annotated video
 *
 * Main alone prints; the worker alone writes the video, and a file's reader waits for it, so that
 * every picture is in it.
 */
#include "app/camera.h"
#include "app/ctl/bar.h"
#include "app/ctl/ctl.h"
#include "app/ctl/people.h"
#include "app/pipeline.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/redact.h"
#include "conf/load.h"
#include "flow/frame.h"
#include "flow/queue.h"
#include "flow/scale.h"
#include "picture/annotate.h"
#include "picture/canvas.h"
#include "picture/movie.h"
#include "source/origin.h"
#include "source/source.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FPS     5.0
#define FPS_ALL 1000.0 /* for a video every picture counts */
#define TURN_MS 100
#define JOIN_MS 5000
#define EVENTS  4096

struct arguments {
    struct ctl_common common;
    const char *source, *out;
    double fps; /* 0: not given */
    bool udp;
};

/* The worker's part. */
struct recorder {
    const char *path; /* NULL: no video is asked for */
    struct movie *movie;
    struct scaler *scaler;
    struct err err;
    atomic_bool failed;
    atomic_int_fast64_t first_us, first_wall_us, latest_us; /* of the pictures looked at */
};

struct session {
    const struct arguments *args;
    struct conf *conf;
    struct conf_camera camera_conf;
    struct queue *events;
    struct pipeline *pipeline;
    struct lane *lane;
    struct camera *camera;
    struct recorder recorder;
    struct people *people;
    char trouble[256]; /* as it was last told */
    bool was_online;
};

static const struct argp_option options[] = {
        {"fps", 'r', "N", 0, "Look at so many pictures a second, 0.5 to 30; default 5, with -o all",
                0},
        {"output", 'o', "OUT.mp4", 0, "Write the video with boxes and labels", 0},
        {"udp", 'u', NULL, 0, "RTSP over UDP instead of TCP", 0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    char *end;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case 'o': a->out = arg; break;
    case 'u': a->udp = true; break;
    case 'r':
        a->fps = strtod(arg, &end);
        if (end == arg || *end || !(a->fps >= 0.5 && a->fps <= 30))
            argp_error(state, "--fps %s: a number from 0.5 to 30 is expected", arg);
        break;
    case ARGP_KEY_ARG:
        if (a->source)
            argp_error(state, "'%s': one source at a time", arg);
        a->source = arg;
        break;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name a webcam (/dev/video0), a file or a camera's URL");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ------------------------------------------------------------- on the worker's thread --- */

static void record(struct recorder *r, struct frame *f, const struct portrait *faces, int n)
{
    float scale;
    struct canvas *c = canvas_of(r->scaler, f, 0, &scale);
    int failed = c ? 0 : err_set(&r->err, -ENOMEM, "%s: not enough memory to draw", r->path);
    if (c) {
        annotate(c, faces, n, scale);
        if (!r->movie)
            r->movie = movie_open(r->path, c->width, c->height, &r->err);
        failed = r->movie ? movie_add(r->movie, c, frame_time_us(f), &r->err) : -1;
    }
    canvas_free(c);
    if (failed < 0)
        atomic_store(&r->failed, true);
}

static bool wanted(void *arg, const char *camera)
{
    (void)arg;
    (void)camera;
    return true;
}

static void seen(
        void *arg, const char *camera, struct frame *f, const struct portrait *faces, int n)
{
    struct recorder *r = arg;
    (void)camera;
    if (!atomic_load(&r->latest_us)) {
        atomic_store(&r->first_us, frame_time_us(f));
        atomic_store(&r->first_wall_us, frame_wall_us(f));
    }
    if (r->path && !atomic_load(&r->failed))
        record(r, f, faces, n);
    atomic_store(&r->latest_us, frame_time_us(f));
}

static void nothing(void *arg)
{
    (void)arg;
}

/* ------------------------------------------------------------- birth and death --- */

static void describe(struct session *s, const char *shown)
{
    const struct arguments *a = s->args;
    s->camera_conf = (struct conf_camera){.name = "watch",
            .url = (char *)a->source,
            .url_shown = (char *)shown,
            .fps = a->fps > 0 ? a->fps
                   : a->out   ? FPS_ALL
                              : FPS,
            .transport = a->udp ? TRANSPORT_UDP : TRANSPORT_TCP,
            .pace = PACE_MAX,
            .enabled = true,
            .min_face = 12};
    s->conf->workers = 1;
    s->conf->database.observations = s->conf->privacy.store_crops = false;
}

static int begin(struct session *s, struct err *e)
{
    struct pipeline_links links = {s->events, nothing, NULL, {wanted, seen, &s->recorder}};
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

/* What is in the slot is still looked at. False: something hangs. */
static bool finish(struct session *s)
{
    camera_stop(s->camera);
    bool done = camera_join(s->camera, JOIN_MS) == 0;
    pipeline_stop(s->pipeline);
    return pipeline_join(s->pipeline, JOIN_MS) == 0 && done;
}

static void release(struct session *s)
{
    pipeline_free(s->pipeline);
    camera_free(s->camera);
    queue_free(s->events);
    people_free(s->people);
    scaler_free(s->recorder.scaler);
    conf_free(s->conf);
}

/* ------------------------------------------------------------- while it runs --- */

static void tell(struct session *s)
{
    struct event *list[64];
    size_t n;
    while ((n = queue_take(s->events, (void **)list, 64, 0)) > 0) {
        int64_t anchor_us = camera_is_file(s->camera) ? s->recorder.first_wall_us : 0;
        for (size_t i = 0; i < n; i++) {
            if (event_type_name(list[i]->type))
                people_tell(s->people, list[i], anchor_us);
            event_free(list[i]);
        }
    }
}

/* A camera that was there and is lost may come back; it is told once. False: it never was there. */
static bool hears(struct session *s)
{
    struct camera_status status;
    camera_status(s->camera, &status);
    if (status.state == CAMERA_ONLINE)
        s->was_online = true;
    bool lost = status.state == CAMERA_OFFLINE;
    if (lost && s->was_online && strcmp(s->trouble, status.trouble) != 0)
        ctl_fail(CTL_FAILED, "watch", "%s; trying again until Ctrl-C", status.trouble);
    if (lost || status.state == CAMERA_ONLINE)
        memcpy(s->trouble, lost ? status.trouble : "", lost ? sizeof(s->trouble) : 1);
    return !lost || s->was_online;
}

static void show_bar(struct session *s, struct bar *bar)
{
    struct camera_status status;
    camera_status(s->camera, &status);
    if (status.duration_us <= 0 || !s->recorder.latest_us)
        return;
    bar->total = status.duration_us / MONO_SECOND;
    bar_show(bar, (s->recorder.latest_us - s->recorder.first_us) / MONO_SECOND);
}

/* Until the file has ended, somebody presses Ctrl-C, or nothing can come of it. */
static int run(struct session *s, const sigset_t *signals)
{
    struct bar bar = {.what = "s of video"};
    int code = CTL_OK;
    for (;;) {
        const struct timespec turn = {0, TURN_MS * INT64_C(1000000)};
        bool over = sigtimedwait(signals, NULL, &turn) > 0;
        bool finished = camera_finished(s->camera);
        bar_clear(&bar);
        tell(s);
        if (!hears(s) || camera_failed(s->camera))
            code = ctl_fail(CTL_FAILED, "watch", "%s", s->trouble);
        if (over || finished || code != CTL_OK || atomic_load(&s->recorder.failed))
            break;
        if (camera_is_file(s->camera))
            show_bar(s, &bar);
    }
    /* A second Ctrl-C does not wait. */
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    return code;
}

static int end(struct session *s, int code)
{
    struct recorder *r = &s->recorder;
    if (!finish(s)) {
        (void)ctl_fail(CTL_FAILED, "watch", "the source hangs; left without it");
        if (r->movie)
            (void)movie_close(r->movie, &r->err);
        (void)fflush(stdout);
        _exit(CTL_FAILED);
    }
    tell(s);
    if (r->movie && movie_close(r->movie, &r->err) < 0)
        atomic_store(&r->failed, true);
    if (atomic_load(&r->failed))
        code = ctl_fail(CTL_FAILED, "watch", "%s", r->err.text);
    if (code == CTL_OK)
        people_sum_up(s->people);
    return code;
}

static bool is_itself(const char *source, const char *out)
{
    struct stat a, b;
    return stat(origin_path(source), &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

int ctl_watch(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .children = ctl_common,
            .args_doc = "SOURCE",
            .doc = "Tell who appears before a webcam, in a file or before a camera, live. "
                   "Ctrl-C ends it."};
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);
    char shown[512];
    redact_text(shown, sizeof(shown), a.source);
    if (a.out && is_itself(a.source, a.out))
        return ctl_fail(CTL_USAGE, "watch", "%s: is the source itself; name another file", a.out);

    struct session s = {.args = &a};
    s.conf = ctl_conf("watch", a.common.file);
    if (!s.conf)
        return CTL_CONFIG;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    log_open(LEVEL_NONE); /* what the camera's thread would say is told here, once */
    source_log_init();
    describe(&s, shown);
    s.events = queue_new(EVENTS, event_free, event_squeeze, NULL);
    s.people = people_new(a.common.json, shown);
    s.recorder.path = a.out;
    s.recorder.scaler = scaler_new();
    struct err e = {0};
    int code = begin(&s, &e) < 0 ? ctl_fail(CTL_FAILED, "watch", "%s", e.text) : CTL_OK;
    if (code == CTL_OK)
        code = end(&s, run(&s, &signals));
    release(&s);
    return code;
}
