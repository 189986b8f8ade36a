/*
 * About main's part. It owns the signals, the control socket and the clock tick; everything else
 * is done by threads that it starts and stops. It waits in one poll().
 */
#include "app/daemon.h"

#include "app/camera.h"
#include "app/control.h"
#include "app/health.h"
#include "app/pipeline.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "conf/load.h"
#include "flow/event.h"
#include "flow/message.h"
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
#define MESSAGES 256  /* store -> bus */
#define ACKS     (MESSAGES + 20)
#define COMMANDS 64
#define TICK_MS  1000

/* What each step of the end may take. Together they may take STOP_MS, under the 5 s promised. */
#define STOP_MS    4500
#define CAMERAS_MS 1000
#define WORKERS_MS 800
#define DRAIN_MS   500
#define STORE_MS   700 /* kept for the last commit, whatever came before */

struct daemon {
    struct conf *conf;
    int once;
    struct queue *events, *messages, *acks, *commands;
    struct store *store;
    struct bus *bus;
    struct pipeline *pipeline;
    struct health *health;
    struct control *control;
    int n_cameras;
    struct camera **cameras;
    struct beat store_beat, bus_beat;
    struct event_loss loss; /* what the events' queue had to give up */
    int signals;            /* a signalfd */
    int wake;               /* an eventfd: a camera has finished, a command has come */
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

static void make_queues(struct daemon *d)
{
    d->events = queue_new(EVENTS, event_free, event_squeeze, &d->loss);
    d->messages = queue_new(MESSAGES, message_free, NULL, NULL);
    d->acks = queue_new(ACKS, message_free, NULL, NULL);
    d->commands = queue_new(COMMANDS, free, command_squeeze, NULL);
    queue_on_put(d->commands, wake_main, d);
}

static void tell(struct daemon *d, const char *camera, const char *what, const char *payload)
{
    char topic[NAME_SIZE + 16];
    (void)snprintf(topic, sizeof(topic), "%s/%s", camera, what);
    bus_state(d->bus, topic, payload);
}

/* A camera that an earlier run knew: if it is gone from the configuration, so are its topics. */
static int clear_if_removed(const char *camera, void *arg)
{
    struct daemon *d = arg;
    for (int i = 0; i < d->conf->n_cameras; i++) {
        if (strcmp(d->conf->cameras[i].name, camera) == 0)
            return 0;
    }
    tell(d, camera, "status", NULL);
    tell(d, camera, "count", NULL);
    tell(d, camera, "enabled/state", NULL);
    return 0;
}

static void clear_removed(struct daemon *d)
{
    struct err e = {0};
    struct reader *r = reader_open(d->conf->database.path, &e);
    if (!r || reader_cameras(r, clear_if_removed, d, &e) < 0)
        log_warn("main", "topics of removed cameras stay: %s", e.text);
    reader_close(r);
}

static void add_camera(struct daemon *d, const struct conf_camera *conf)
{
    struct lane *lane = pipeline_add(d->pipeline, conf);
    struct camera_links links = {
            .slot = lane_slot(lane),
            .to_store = d->events,
            .bus = d->bus,
            .finished = wake_main,
            .arg = d,
    };
    bool enabled = conf->enabled;
    store_camera_enabled(d->store, conf->name, &enabled);
    if (d->bus) {
        /* What an earlier run left retained must not be taken for the present. */
        tell(d, conf->name, "status", enabled ? "offline" : "disabled");
        tell(d, conf->name, "count", "0");
    }
    struct camera *c = camera_new(conf, &links, enabled, d->once);
    lane_attach(lane, c);
    health_add_camera(d->health, c, lane);
    d->cameras[d->n_cameras++] = c;
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

static int start_threads(struct daemon *d, struct err *e)
{
    d->threads = true;
    int r = store_start(d->store, d->events, d->bus ? d->messages : NULL, d->bus ? d->acks : NULL,
            &d->store_beat);
    if (r == 0 && d->bus)
        r = bus_start(d->bus, e);
    if (r == 0)
        r = pipeline_start(d->pipeline);
    for (int i = 0; r == 0 && i < d->n_cameras; i++)
        r = camera_start(d->cameras[i]);
    if (r < 0 && !e->code)
        err_set(e, r, "cannot start a thread: %s", err_name(r));
    return r;
}

static int start(struct daemon *d, struct err *e)
{
    if (open_wakers(d, e) < 0)
        return -1;
    make_queues(d);
    if (open_store(d, e) < 0)
        return -1;
    if (d->conf->mqtt.configured)
        d->bus = bus_new(&d->conf->mqtt, d->conf->node, d->messages, d->acks, d->commands,
                &d->bus_beat, NULL);
    d->pipeline = pipeline_new(d->conf, d->events, d->bus, e);
    if (!d->pipeline)
        return -1;
    d->health = health_new(d->conf, d->pipeline, d->store, d->bus);
    d->cameras = mem_new((size_t)d->conf->n_cameras, sizeof(*d->cameras));
    for (int i = 0; i < d->conf->n_cameras; i++)
        add_camera(d, &d->conf->cameras[i]);
    health_watch(d->health, "store", &d->store_beat);
    if (d->bus) {
        clear_removed(d);
        health_watch(d->health, "bus", &d->bus_beat);
    }
    for (int i = 0; i < pipeline_workers(d->pipeline); i++)
        health_watch(d->health, "infer", pipeline_beat(d->pipeline, i));
    open_control(d);
    return start_threads(d, e);
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
            log_warn("main", "SIGHUP: the configuration is only read at the start; restart faced");
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
    while (queue_take(d->commands, &item, 1, 0) == 1) {
        struct command *command = item;
        bool found = false;
        for (int i = 0; i < d->n_cameras; i++) {
            if (strcmp(camera_conf(d->cameras[i])->name, command->camera) == 0) {
                camera_enable(d->cameras[i], command->enabled);
                found = true;
            }
        }
        if (!found)
            log_info("main", "enabled/set for '%s': there is no such camera", command->camera);
        free(command);
    }
}

static bool all_finished(const struct daemon *d)
{
    for (int i = 0; i < d->n_cameras; i++) {
        const struct camera *c = d->cameras[i];
        if (!camera_finished(c) && (d->once > 0 || camera_is_file(c)))
            return false;
    }
    return true;
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
        (void)poll(fds, 2 + n, left_ms(tick_us) + 1);

        uint64_t count;
        (void)!read(d->wake, &count, sizeof(count));
        take_signals(d);
        take_commands(d);
        if (d->control)
            control_serve(d->control, fds + 2, n);
        if (mono_us() >= tick_us) {
            tick_us = mono_us() + TICK_MS * INT64_C(1000);
            health_tick(d->health);
        }
        if (d->once >= 0 && all_finished(d)) {
            log_info("main", d->once ? "every camera has finished" : "every file has ended");
            d->stopping = true;
        }
    }
}

/* ------------------------------------------------------------- stop --- */

static void stop_cameras(struct daemon *d)
{
    for (int i = 0; i < d->n_cameras; i++)
        camera_stop(d->cameras[i]);
    int64_t deadline_us = mono_us() + CAMERAS_MS * INT64_C(1000);
    for (int i = 0; i < d->n_cameras; i++) {
        if (camera_join(d->cameras[i], left_ms(deadline_us)) < 0)
            d->hangs = camera_conf(d->cameras[i])->name;
    }
    log_info("main", "cameras stopped");
}

static void stop(struct daemon *d)
{
    int64_t deadline_us = mono_us() + STOP_MS * INT64_C(1000);
    health_stopping();
    stop_cameras(d);
    pipeline_stop(d->pipeline);
    if (pipeline_join(d->pipeline, WORKERS_MS) < 0)
        d->hangs = "infer";
    log_info("main", "records ended");

    store_stop(d->store);
    if (store_drained(d->store, DRAIN_MS) < 0)
        log_warn("main", "the database is slow; what waits is written while the broker is left");
    if (d->bus) {
        bus_stop(d->bus);
        int most_ms = left_ms(deadline_us) - STORE_MS;
        if (bus_join(d->bus, most_ms > 0 ? most_ms : 0) < 0)
            d->hangs = "bus";
        log_info("main", "broker left");
    }
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
    for (int i = 0; i < d->n_cameras; i++)
        camera_free(d->cameras[i]);
    free(d->cameras);
    pipeline_free(d->pipeline);
    bus_free(d->bus);
    store_close(d->store);
    queue_free(d->events);
    queue_free(d->messages);
    queue_free(d->acks);
    queue_free(d->commands);
    if (d->signals >= 0)
        close(d->signals);
    if (d->wake >= 0)
        close(d->wake);
    conf_free(d->conf);
}

/* With `once` a source that could not be used is a failure of the whole run. */
static int verdict(const struct daemon *d, struct err *e)
{
    for (int i = 0; i < d->n_cameras; i++) {
        if (camera_failed(d->cameras[i]))
            return err_set(e, -EIO, "camera '%s' could not be watched to its end",
                    camera_conf(d->cameras[i])->name);
    }
    return 0;
}

int daemon_run(struct conf *conf, int once, struct err *e)
{
    struct daemon d = {.conf = conf, .once = once, .signals = -1, .wake = -1};
    source_log_init();
    int r = start(&d, e);
    if (r == 0) {
        health_ready(d.health);
        log_info("main", "ready: %d camera%s, %d worker%s, database %s", d.n_cameras,
                d.n_cameras == 1 ? "" : "s", conf->workers, conf->workers == 1 ? "" : "s",
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
