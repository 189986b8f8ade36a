/*
 * About main's part. It owns the signals, the control socket and the clock tick; everything else
 * is done by threads that it starts and stops. It waits in one poll().
 */
#include "app/daemon.h"

#include "app/control.h"
#include "app/health.h"
#include "app/line.h"
#include "app/pipeline.h"
#include "app/plan.h"
#include "app/roster.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "conf/compare.h"
#include "conf/load.h"
#include "flow/event.h"
#include "flow/queue.h"
#include "source/source.h"
#include "store/reader.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS   4096 /* worker -> store: some minutes of a busy house while the disk is slow */
#define TICK_MS  1000
#define LEAVE_MS 50 /* the tick while somebody who was asked to leave is still there */

/* What each step of the end may take. Together they may take STOP_MS, under the 5 s promised. */
#define STOP_MS    4500
#define CAMERAS_MS 1000
#define WORKERS_MS 800
#define DRAIN_MS   500
#define STORE_MS   700 /* kept for the last commit, whatever came before */

struct daemon {
    struct conf *conf; /* in effect; what began with an earlier one holds that */
    int once;
    struct queue *events;
    struct store *store;
    struct line *line;
    struct pipeline *pipeline;
    struct conf *pipeline_conf;    /* held */
    struct pipeline *old_pipeline; /* until its last camera has left; NULL: none */
    struct conf *old_pipeline_conf;
    struct roster *roster;
    struct health *health;
    struct control *control;
    struct beat store_beat;
    struct event_loss loss; /* what the events' queue had to give up */
    int signals;            /* a signalfd */
    int wake;               /* an eventfd: a camera or a count has changed, a command has come */
    bool leaving;           /* somebody was asked to and is still there */
    bool stopping;
    bool threads;      /* some may be running */
    bool store_hangs;  /* then something may not have been written */
    const char *hangs; /* a thread that did not come to its end, for the last line */
};

static void wake_main(void *arg)
{
    struct daemon *d = arg;
    uint64_t one = 1;
    (void)!write(d->wake, &one, sizeof(one));
}

/* ------------------------------------------------------------- start --- */

static int open_wakers(struct daemon *d, struct err *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->signals < 0 || d->wake < 0)
        return err_set(e, -errno, "no descriptor for signals: %s", err_name(errno));
    return 0;
}

static int open_store(struct daemon *d, struct err *e)
{
    const struct conf *conf = d->conf;
    struct store_options options = {
            .path = conf->database.path,
            .node = conf->node,
            .observations = conf->database.observations,
            .mqtt = conf->mqtt.configured,
            .outbox_age_us = conf->mqtt.outbox_age_us,
            .outbox_size = conf->mqtt.outbox_size,
            .loss = &d->loss,
    };
    d->store = store_open(&options, e);
    return d->store ? 0 : -1;
}

static void tell(struct daemon *d, const char *camera, const char *what, const char *payload)
{
    char topic[NAME_SIZE + 16];
    (void)snprintf(topic, sizeof(topic), "%s/%s", camera, what);
    bus_state(line_bus(d->line), topic, payload);
}

/* A camera that an earlier run knew: if it is gone from the configuration, so are its topics. */
static int clear_if_removed(const char *camera, void *arg)
{
    struct daemon *d = arg;
    if (conf_camera_named(d->conf, camera))
        return 0;
    tell(d, camera, "status", NULL);
    tell(d, camera, "count", NULL);
    tell(d, camera, "enabled/state", NULL);
    return 0;
}

static void clear_removed(struct daemon *d, struct reader *r)
{
    struct err e = {0};
    if (r && reader_cameras(r, clear_if_removed, d, &e) < 0)
        log_warn("main", "topics of removed cameras stay: %s", e.text);
}

/* What a command said of the camera last holds, else what the configuration says. */
static int add_camera(struct daemon *d, struct reader *r, const struct conf_camera *camera)
{
    bool enabled = camera->enabled;
    struct err e = {0};
    if (r && reader_camera_enabled(r, camera->name, &enabled, &e) < 0)
        log_warn("main", "whether '%s' was switched off is not known: %s", camera->name, e.text);
    return roster_add(d->roster, d->conf, camera, d->pipeline, enabled);
}

/* NULL, and said why: what an earlier run left is not known. */
static struct reader *open_reader(const struct daemon *d)
{
    struct err e = {0};
    struct reader *r = reader_open(d->conf->database.path, &e);
    if (!r)
        log_warn("main", "what was said of cameras before is not known: %s", e.text);
    return r;
}

static char *answer(void *arg, const char *command)
{
    struct daemon *d = arg;
    if (strcmp(command, "status") == 0)
        return health_status(d->health);
    return mem_strdup("{\"error\":\"unknown command\"}");
}

/* A daemon without its control socket does its job all the same: it is said and survived. */
static void open_control(struct daemon *d)
{
    struct err e = {0};
    d->control = control_open(d->conf->control, answer, d, &e);
    if (!d->control)
        log_warn("control", "%s; going on without it, so facectl status cannot ask", e.text);
}

static struct pipeline *make_pipeline(struct daemon *d, const struct conf *conf, struct err *e)
{
    struct pipeline_links links = {.to_store = d->events, .counted = wake_main, .arg = d};
    return pipeline_new(conf, &links, e);
}

static void watch_workers(struct daemon *d, const struct pipeline *p)
{
    for (int i = 0; i < pipeline_workers(p); i++)
        health_watch(d->health, "infer", pipeline_beat(p, i));
}

static void make_roster(struct daemon *d)
{
    struct roster_links links = {
            .to_store = d->events,
            .health = d->health,
            .wake = wake_main,
            .arg = d,
            .once = d->once,
    };
    d->roster = roster_new(&links);
    roster_tell(d->roster, line_bus(d->line), d->conf->mqtt.camera_down_after_us);
}

static int start_threads(struct daemon *d, struct err *e)
{
    d->threads = true;
    int r = store_start(
            d->store, d->events, line_messages(d->line), line_acks(d->line), &d->store_beat);
    if (r == 0)
        r = pipeline_start(d->pipeline);
    struct reader *reader = open_reader(d);
    if (line_bus(d->line))
        clear_removed(d, reader);
    for (int i = 0; r == 0 && i < d->conf->n_cameras; i++)
        r = add_camera(d, reader, &d->conf->cameras[i]);
    reader_close(reader);
    if (r == 0)
        r = line_start(d->line, e);
    if (r < 0 && !e->code)
        err_set(e, r, "cannot start a thread: %s", err_name(r));
    return r;
}

static int start(struct daemon *d, struct err *e)
{
    if (open_wakers(d, e) < 0)
        return -1;
    d->events = queue_new(EVENTS, event_free, event_squeeze, &d->loss);
    if (open_store(d, e) < 0)
        return -1;
    d->line = line_new(wake_main, d);
    line_open(d->line, d->conf);
    d->pipeline = make_pipeline(d, d->conf, e);
    if (!d->pipeline)
        return -1;
    d->pipeline_conf = conf_hold(d->conf);
    d->health = health_new(d->store);
    health_set(d->health, d->conf, d->pipeline, line_bus(d->line));
    make_roster(d);
    health_watch(d->health, "store", &d->store_beat);
    health_watch(d->health, "bus", line_beat(d->line));
    watch_workers(d, d->pipeline);
    open_control(d);
    return start_threads(d, e);
}

/* ------------------------------------------------------------- reload --- */

static void take_step(struct daemon *d, struct reader *reader, const struct plan_step *step)
{
    const char *name = step->camera->name;
    int r = 0;
    switch (step->what) {
    case PLAN_KEEP: break;
    case PLAN_REMOVE: roster_remove(d->roster, name, END_REMOVED); break;
    case PLAN_SWITCH: roster_enable(d->roster, name, step->camera->enabled); break;
    case PLAN_CHANGE:
        roster_remove(d->roster, name, END_RESTART);
        r = add_camera(d, reader, step->camera);
        if (step->switched)
            roster_enable(d->roster, name, step->camera->enabled);
        break;
    case PLAN_ADD: r = add_camera(d, reader, step->camera); break;
    }
    if (r < 0)
        log_error("main", "camera '%s' is not watched: %s", name, err_name(r));
}

/* The new models work before the old ones are let go. */
static int change_pipeline(struct daemon *d, struct conf *conf, struct err *e)
{
    if (d->old_pipeline)
        return err_set(e, -EBUSY, "an earlier reload is still being carried out; try again");
    struct pipeline *p = make_pipeline(d, conf, e);
    if (!p)
        return -EINVAL;
    int r = pipeline_start(p);
    if (r < 0) {
        pipeline_stop(p);
        (void)pipeline_join(p, WORKERS_MS);
        pipeline_free(p);
        return err_set(e, r, "cannot start a thread: %s", err_name(r));
    }
    d->old_pipeline = d->pipeline;
    d->old_pipeline_conf = d->pipeline_conf;
    d->pipeline = p;
    d->pipeline_conf = conf_hold(conf);
    watch_workers(d, p);
    return 0;
}

/* conf is taken over when it succeeds. */
static int apply(struct daemon *d, struct conf *conf, const struct plan *plan, struct err *e)
{
    int r = plan->look ? change_pipeline(d, conf, e) : 0;
    if (r < 0)
        return r;
    struct conf *old = d->conf;
    d->conf = conf;
    if (plan->bus) {
        roster_tell(d->roster, NULL, conf->mqtt.camera_down_after_us);
        line_change(d->line, conf);
    }
    struct reader *reader = open_reader(d);
    for (int i = 0; i < plan->n; i++)
        take_step(d, reader, &plan->steps[i]);
    reader_close(reader);
    health_set(d->health, conf, d->pipeline, line_bus(d->line));
    conf_free(old);
    return 0;
}

/* Any failure leaves everything as it was. */
static void reload(struct daemon *d)
{
    struct err e = {0};
    struct conf *conf = NULL;
    struct plan plan = {0};
    health_reloading();
    int r = conf_load(d->conf->file, 0, &conf, &e);
    if (r == 0)
        r = plan_make(d->conf, conf, &plan, &e);
    if (r == 0)
        r = apply(d, conf, &plan, &e);
    if (r == 0) {
        char words[160];
        plan_words(&plan, words, sizeof(words));
        log_info("main", "reloaded %s: %s", d->conf->file, words);
    } else {
        log_error("main", "not reloaded, the running configuration stays: %s", e.text);
        conf_free(conf);
    }
    plan_done(&plan);
    health_reload(d->health, r < 0 ? e.text : NULL);
    health_ready(d->health);
}

/* Goes on with what a reload began and nobody waited for. */
static void carry_on(struct daemon *d)
{
    d->leaving = roster_turn(d->roster, mono_us());
    if (d->old_pipeline && !roster_uses(d->roster, d->old_pipeline)) {
        pipeline_stop(d->old_pipeline);
        if (pipeline_join(d->old_pipeline, 0) == 0) {
            for (int i = 0; i < pipeline_workers(d->old_pipeline); i++)
                health_unwatch(d->health, pipeline_beat(d->old_pipeline, i));
            pipeline_free(d->old_pipeline);
            conf_free(d->old_pipeline_conf);
            d->old_pipeline = NULL;
        }
    }
    bool new_bus = false;
    d->leaving |= d->old_pipeline || line_turn(d->line, &new_bus);
    if (new_bus) {
        roster_tell(d->roster, line_bus(d->line), d->conf->mqtt.camera_down_after_us);
        health_set(d->health, d->conf, d->pipeline, line_bus(d->line));
        struct reader *reader = line_bus(d->line) ? open_reader(d) : NULL;
        clear_removed(d, reader);
        reader_close(reader);
        (void)roster_turn(d->roster, mono_us());
    }
}

/* ------------------------------------------------------------- run --- */

static int left_ms(int64_t deadline_us)
{
    int64_t left_us = deadline_us - mono_us();
    return left_us > 0 ? (int)(left_us / 1000) : 0;
}

static void take_signals(struct daemon *d)
{
    struct signalfd_siginfo info;
    while (read(d->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            log_info("main", "asked to stop by SIG%s", sigabbrev_np((int)info.ssi_signo));
            d->stopping = true;
        } else if (info.ssi_signo == SIGHUP) {
            reload(d);
        } else if (info.ssi_signo == SIGUSR1) {
            char *text = health_status(d->health);
            log_document("main", text);
            free(text);
        }
    }
}

static void take_commands(struct daemon *d)
{
    void *item;
    while (queue_take(line_commands(d->line), &item, 1, 0) == 1) {
        struct command *command = item;
        if (!roster_enable(d->roster, command->camera, command->enabled))
            log_info("main", "enabled/set for '%s': there is no such camera", command->camera);
        free(command);
    }
}

static void run(struct daemon *d)
{
    int64_t tick_us = mono_us();
    while (!d->stopping) {
        struct pollfd fds[2 + CONTROL_POLL_MAX] = {
                {.fd = d->signals, .events = POLLIN},
                {.fd = d->wake, .events = POLLIN},
        };
        size_t n = d->control ? control_poll(d->control, fds + 2) : 0;
        int wait_ms = left_ms(tick_us) + 1;
        (void)poll(fds, 2 + n, d->leaving && wait_ms > LEAVE_MS ? LEAVE_MS : wait_ms);

        uint64_t count;
        (void)!read(d->wake, &count, sizeof(count));
        take_signals(d);
        take_commands(d);
        carry_on(d);
        if (d->control)
            control_serve(d->control, fds + 2, n);
        if (mono_us() >= tick_us) {
            tick_us = mono_us() + TICK_MS * INT64_C(1000);
            health_tick(d->health);
        }
        if (d->once >= 0 && roster_finished(d->roster)) {
            log_info("main", d->once ? "every camera has finished" : "every file has ended");
            d->stopping = true;
        }
    }
}

/* ------------------------------------------------------------- stop --- */

static void stop_cameras(struct daemon *d)
{
    roster_stop(d->roster);
    const char *hangs = roster_join(d->roster, CAMERAS_MS);
    if (hangs)
        d->hangs = hangs;
    log_info("main", "cameras stopped");
}

static void stop_workers(struct daemon *d, struct pipeline *p)
{
    pipeline_stop(p);
    if (pipeline_join(p, WORKERS_MS) < 0)
        d->hangs = "infer";
}

static void stop(struct daemon *d)
{
    int64_t deadline_us = mono_us() + STOP_MS * INT64_C(1000);
    health_stopping();
    stop_cameras(d);
    if (d->old_pipeline)
        stop_workers(d, d->old_pipeline);
    stop_workers(d, d->pipeline);
    (void)roster_turn(d->roster, mono_us());
    log_info("main", "records ended");

    store_stop(d->store);
    if (store_drained(d->store, DRAIN_MS) < 0)
        log_warn("main", "the database is slow; what waits is written while the broker is left");
    line_stop(d->line);
    int most_ms = left_ms(deadline_us) - STORE_MS;
    if (line_join(d->line, most_ms > 0 ? most_ms : 0) < 0)
        d->hangs = "bus";
    log_info("main", "broker left");
    if (store_join(d->store, left_ms(deadline_us)) < 0) {
        d->hangs = "store";
        d->store_hangs = true;
    }
    log_info("main", "database closed");
}

static void release(struct daemon *d)
{
    control_close(d->control);
    health_free(d->health);
    roster_free(d->roster);
    pipeline_free(d->pipeline);
    pipeline_free(d->old_pipeline);
    conf_free(d->pipeline_conf);
    if (d->old_pipeline)
        conf_free(d->old_pipeline_conf);
    store_close(d->store);
    line_free(d->line);
    queue_free(d->events);
    if (d->signals >= 0)
        close(d->signals);
    if (d->wake >= 0)
        close(d->wake);
    conf_free(d->conf);
}

/* With `once` a source that could not be used is a failure of the whole run. */
static int verdict(const struct daemon *d, struct err *e)
{
    const char *failed = roster_failed(d->roster);
    if (failed)
        return err_set(e, -EIO, "camera '%s' could not be watched to its end", failed);
    return 0;
}

int daemon_run(struct conf *conf, int once, struct err *e)
{
    struct daemon d = {.conf = conf, .once = once, .signals = -1, .wake = -1};
    source_log_init();
    int r = start(&d, e);
    if (r == 0) {
        health_ready(d.health);
        log_info("main", "ready: %d camera%s, %d worker%s, database %s", conf->n_cameras,
                conf->n_cameras == 1 ? "" : "s", conf->workers, conf->workers == 1 ? "" : "s",
                conf->database.path);
        run(&d);
        stop(&d);
        r = verdict(&d, e);
    } else if (d.threads) {
        /* Some threads run and others could not: there is nothing yet that could be lost. */
        log_error("main", "%s", e->text);
        _exit(1);
    }
    if (d.hangs) {
        /* A thread inside the resolver cannot be asked; all that matters is on the disk. */
        control_close(d.control);
        if (r < 0)
            log_error("main", "%s", e->text);
        if (!d.store_hangs)
            store_close(d.store);
        log_warn("main", "the thread of '%s' hangs; leaving without it", d.hangs);
        _exit(r < 0 || d.store_hangs ? 1 : 0);
    }
    release(&d);
    return r;
}
