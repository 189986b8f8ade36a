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
#include "app/solo.h"
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

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FPS     5.0
#define FPS_ALL 1000.0 /* for a video every picture counts */
#define TURN_MS 100

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
    struct solo solo;
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

/* ------------------------------------------------------------- while it runs --- */

static void tell(struct session *s)
{
    struct event *list[64];
    size_t n;
    while ((n = queue_take(s->solo.events, (void **)list, 64, 0)) > 0) {
        int64_t anchor_us = camera_is_file(s->solo.camera) ? s->recorder.first_wall_us : 0;
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
    camera_status(s->solo.camera, &status);
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
    camera_status(s->solo.camera, &status);
    if (status.duration_us <= 0 || !s->recorder.latest_us)
        return;
    bar->total = status.duration_us / MONO_SECOND;
    bar_show(bar, (s->recorder.latest_us - s->recorder.first_us) / MONO_SECOND);
}

/* Until the file has ended, somebody presses Ctrl-C, or nothing can come of it. */
static int run(struct session *s)
{
    struct bar bar = {.what = "s of video"};
    int code = CTL_OK;
    for (;;) {
        bool over = solo_wait(&s->solo, TURN_MS);
        bool finished = camera_finished(s->solo.camera);
        bar_clear(&bar);
        tell(s);
        if (!hears(s) || camera_failed(s->solo.camera))
            code = ctl_fail(CTL_FAILED, "watch", "%s", s->trouble);
        if (over || finished || code != CTL_OK || atomic_load(&s->recorder.failed))
            break;
        if (camera_is_file(s->solo.camera))
            show_bar(s, &bar);
    }
    return code;
}

static int end(struct session *s, int code)
{
    struct recorder *r = &s->recorder;
    if (!solo_finish(&s->solo)) {
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

    struct conf *conf = ctl_conf("watch", a.common.file);
    if (!conf)
        return CTL_CONFIG;
    struct session s = {.recorder = {.path = a.out, .scaler = scaler_new()}};
    solo_init(&s.solo, conf, "watch", a.source, shown);
    s.solo.want.fps = a.fps > 0 ? a.fps : a.out ? FPS_ALL : FPS;
    s.solo.want.decode = DECODE_ALL; /* who watches wants to see every picture */
    s.solo.want.transport = a.udp ? TRANSPORT_UDP : TRANSPORT_TCP;
    s.people = people_new(a.common.json, shown);
    struct err e = {0};
    int code = CTL_OK;
    if (solo_begin(&s.solo, seen, &s.recorder, &e) < 0)
        code = ctl_fail(CTL_FAILED, "watch", "%s", e.text);
    else
        code = end(&s, run(&s));
    solo_done(&s.solo);
    people_free(s.people);
    scaler_free(s.recorder.scaler);
    conf_free(conf);
    return code;
}
