/*
 * About main's part. It owns the signals, the control socket and the clock tick; everything else
 * is done by threads that it starts and stops. It waits in one poll().
 */
#include "app/daemon.h"

#include "app/control.h"
#include "app/errand.h"
#include "app/health.h"
#include "app/plan.h"
#include "app/watch.h"
#include "app/web/live.h"
#include "app/web/news.h"
#include "app/web/web.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "base/when.h"
#include "conf/load.h"
#include "flow/event.h"
#include "flow/queue.h"
#include "source/hardware.h"
#include "source/source.h"
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
    struct conf *conf; /* in effect */
    int once;
    struct queue *events;
    struct store *store;
    struct watch *watch;
    struct health *health;
    struct control *control;
    struct errand *errand;
    struct live *live;
    struct news *news;
    struct web *web; /* NULL: not configured */
    struct beat store_beat;
    struct event_loss loss; /* what the events' queue had to give up */
    int signals;            /* a signalfd */
    int wake;               /* an eventfd: a camera or a count has changed, a command has come */
    bool unfinished;        /* of the last reload */
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

/* Whoever runs it shall know, also when somebody else wrote the configuration. */
static void tell_privacy(const struct conf *conf)
{
    char kept[WHEN_TEXT];
    when_format_duration(kept, conf->privacy.crops_retention_us);
    if (conf->privacy.store_crops)
        log_warn("main",
                "a picture of each person's face is kept in '%s.crops' for %s "
                "(privacy.store_crops)",
                conf->database.path, kept);
    if (conf->privacy.aggregate_only)
        log_info("main", "sums are kept, and nothing about anybody (privacy.aggregate_only)");
}

static struct store_settings settings_of(const struct conf *conf)
{
    return (struct store_settings){
            .observations = conf->database.observations,
            .mqtt = conf->mqtt.configured,
            .aggregate_only = conf->privacy.aggregate_only,
            .outbox_age_us = conf->mqtt.outbox_age_us,
            .outbox_size = conf->mqtt.outbox_size,
            .kept = {conf->database.retention_us, conf->database.max_size,
                    conf->privacy.crops_retention_us},
    };
}

static int open_store(struct daemon *d, struct err *e)
{
    struct store_options options = {
            .path = d->conf->database.path,
            .node = d->conf->node,
            .settings = settings_of(d->conf),
            .loss = &d->loss,
    };
    d->store = store_open(&options, e);
    return d->store ? 0 : -1;
}

static char *answer(void *arg, const char *command, const struct json_t *request, uint64_t token)
{
    struct daemon *d = arg;
    if (strcmp(command, "status") == 0)
        return health_status(d->health);
    if (strcmp(command, "prune") == 0 || strcmp(command, "erase") == 0)
        return errand_begin(d->errand, command, request, token);
    return mem_strdup("{\"error\":\"unknown command\"}");
}

/* A daemon without its control socket does its job all the same: it is said and survived. */
static void open_control(struct daemon *d)
{
    struct err e = {0};
    d->control = control_open(d->conf->control, answer, d, &e);
    if (!d->control)
        log_warn("control", "%s; going on without it, so facectl cannot ask", e.text);
}

static void committed(void *arg, const struct event *ev)
{
    news_committed(arg, ev);
}

/* The server that this configuration wants, in the place of the present one; none: NULL is fine. */
static int open_web(struct daemon *d, struct conf *conf, struct web **ret, struct err *e)
{
    const struct web_links links = {d->live, d->news};
    *ret = conf->http.listen ? web_open(conf, &links, d->web, e) : NULL;
    return conf->http.listen && !*ret ? (e->code ? e->code : -EINVAL) : 0;
}

static void tell_web(struct daemon *d)
{
    if (d->web)
        web_status(d->web, health_status(d->health));
}

static int start(struct daemon *d, struct err *e)
{
    if (open_wakers(d, e) < 0)
        return -1;
    d->events = queue_new(EVENTS, event_free, event_squeeze, &d->loss);
    if (open_store(d, e) < 0)
        return -1;
    tell_privacy(d->conf);
    store_on_progress(d->store, wake_main, d);
    d->errand = errand_new(d->store);
    d->live = live_new();
    d->news = news_new(d->conf->database.path);
    store_on_commit(d->store, committed, d->news);
    d->health = health_new(d->store);
    health_watch(d->health, "store", &d->store_beat);
    struct watch_links links = {d->events, d->health, wake_main, d, d->once, live_links(d->live)};
    d->watch = watch_new(d->conf, &links, e);
    if (!d->watch)
        return -1;
    open_control(d);
    int r = open_web(d, d->conf, &d->web, e);
    if (r < 0)
        return r;
    d->threads = true;
    r = store_start(
            d->store, d->events, watch_messages(d->watch), watch_acks(d->watch), &d->store_beat);
    if (r < 0)
        return err_set(e, r, "cannot start a thread: %s", err_name(r));
    return watch_start(d->watch, e);
}

/* ------------------------------------------------------------- reload --- */

int daemon_check(const struct conf *conf, struct err *e)
{
    for (int i = 0; i < conf->n_cameras; i++) {
        const struct conf_camera *cam = &conf->cameras[i];
        if (hardware_check(cam->hwaccel, e) < 0) {
            err_wrap(e, "%s: camera '%s': hwaccel", conf->file, cam->name);
            return -EINVAL;
        }
    }
    return 0;
}

/* Any failure leaves everything as it was. */
static void reload(struct daemon *d)
{
    struct err e = {0};
    struct conf *conf = NULL;
    struct plan plan = {0};
    health_reloading();
    struct web *web = NULL;
    int r = conf_load(d->conf->file, 0, &conf, &e);
    if (r == 0)
        r = daemon_check(conf, &e);
    if (r == 0)
        r = plan_make(d->conf, conf, &plan, &e);
    if (r == 0 && plan.web)
        r = open_web(d, conf, &web, &e);
    if (r == 0)
        r = watch_change(d->watch, conf, &plan, &e);
    if (r == 0 && plan.web) {
        struct web *old = d->web;
        d->web = web;
        web = old;
        tell_web(d);
    }
    web_close(web); /* the old one, or one that is not to be */
    if (r == 0 && plan.store) {
        struct store_settings settings = settings_of(conf);
        store_set(d->store, &settings);
        tell_privacy(conf);
    }
    if (r == 0) {
        char words[160];
        plan_words(&plan, words, sizeof(words));
        log_info("main", "reloaded %s: %s", conf->file, words);
        conf_free(d->conf);
        d->conf = conf;
    } else {
        log_error("main", "not reloaded, the running configuration stays: %s", e.text);
        conf_free(conf);
    }
    plan_done(&plan);
    health_reload(d->health, r < 0 ? e.text : NULL);
    health_ready(d->health);
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

/* A store that began failing has opened its database by now. */
static void remember(struct daemon *d)
{
    struct store_stats stats;
    store_stats(d->store, &stats);
    if (!stats.failing)
        watch_remember(d->watch);
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
        (void)poll(fds, 2 + n, d->unfinished && wait_ms > LEAVE_MS ? LEAVE_MS : wait_ms);

        uint64_t count;
        (void)!read(d->wake, &count, sizeof(count));
        take_signals(d);
        d->unfinished = watch_turn(d->watch);
        errand_turn(d->errand, d->control);
        if (d->control)
            control_serve(d->control, fds + 2, n);
        if (mono_us() >= tick_us) {
            tick_us = mono_us() + TICK_MS * INT64_C(1000);
            health_tick(d->health);
            remember(d);
            tell_web(d);
        }
        if (d->once >= 0 && watch_finished(d->watch)) {
            log_info("main", d->once ? "every camera has finished" : "every file has ended");
            d->stopping = true;
        }
    }
}

/* ------------------------------------------------------------- stop --- */

/* One step of the end; the last thread that hangs is named. */
static void step(struct daemon *d, const char *hangs, const char *done)
{
    if (hangs)
        d->hangs = hangs;
    log_info("main", "%s", done);
}

static void stop(struct daemon *d)
{
    int64_t deadline_us = mono_us() + STOP_MS * INT64_C(1000);
    health_stopping();
    web_close(d->web);
    d->web = NULL;
    step(d, watch_stop_cameras(d->watch, CAMERAS_MS), "cameras stopped");
    step(d, watch_stop_workers(d->watch, WORKERS_MS), "records ended");

    store_stop(d->store);
    if (store_drained(d->store, DRAIN_MS) < 0)
        log_warn("main", "the database is slow; what waits is written while the broker is left");
    int most_ms = left_ms(deadline_us) - STORE_MS;
    step(d, watch_stop_line(d->watch, most_ms > 0 ? most_ms : 0), "broker left");
    if (store_join(d->store, left_ms(deadline_us)) < 0) {
        d->hangs = "store";
        d->store_hangs = true;
    }
    log_info("main", "database closed");
}

static void release(struct daemon *d)
{
    control_close(d->control);
    web_close(d->web);
    watch_free(d->watch);
    live_free(d->live);
    health_free(d->health);
    errand_free(d->errand);
    store_close(d->store);
    news_stop(d->news);
    news_free(d->news);
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
    const char *failed = watch_failed(d->watch);
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
