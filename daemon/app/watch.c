#include "app/watch.h"

#include "app/health.h"
#include "app/line.h"
#include "app/pipeline.h"
#include "app/plan.h"
#include "app/roster.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "bus/bus.h"
#include "conf/compare.h"
#include "conf/load.h"
#include "flow/queue.h"
#include "store/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER_RAN_MS 1000 /* for workers that have had nothing to do yet */

/* A pipeline and the configuration that it was made from, which is held. */
struct working {
    struct pipeline *pipeline; /* NULL: none */
    struct conf *conf;
};

struct watch {
    struct watch_links links;
    struct conf *conf; /* in effect, held */
    struct line *line;
    struct roster *roster;
    struct working present;
    struct working past; /* until its last camera has left */
    bool unread;         /* what earlier runs left could not be read at the start */
};

/* ------------------------------------------------------------- pipelines --- */

static int working_open(struct watch *w, struct conf *conf, struct working *ret, struct err *e)
{
    struct pipeline_links links = {.to_store = w->links.events,
            .counted = w->links.wake,
            .arg = w->links.arg,
            .view = w->links.view};
    struct pipeline *p = pipeline_new(conf, &links, e);
    if (!p)
        return e->code ? e->code : -EINVAL;
    for (int i = 0; i < pipeline_workers(p); i++)
        health_watch(w->links.health, "infer", pipeline_beat(p, i));
    *ret = (struct working){p, conf_hold(conf)};
    return 0;
}

static void working_close(struct watch *w, struct working *x)
{
    if (!x->pipeline)
        return;
    for (int i = 0; i < pipeline_workers(x->pipeline); i++)
        health_unwatch(w->links.health, pipeline_beat(x->pipeline, i));
    pipeline_free(x->pipeline);
    conf_free(x->conf);
    *x = (struct working){0};
}

static int working_stop(struct working *x, int timeout_ms)
{
    if (!x->pipeline)
        return 0;
    pipeline_stop(x->pipeline);
    return pipeline_join(x->pipeline, timeout_ms);
}

/* ------------------------------------------------------------- what earlier runs left --- */

/* NULL, and said why: what an earlier run left is not known. */
static struct reader *open_reader(const struct watch *w)
{
    struct err e = {0};
    struct reader *r = reader_open(w->conf->database.path, &e);
    if (!r)
        log_warn("main", "what was said of cameras before is not known: %s", e.text);
    return r;
}

/* A camera that an earlier run knew: if it is gone from the configuration, so are its topics. */
static int clear_if_removed(const char *camera, void *arg)
{
    struct watch *w = arg;
    if (!conf_camera_named(w->conf, camera))
        roster_clear(w->roster, camera);
    return 0;
}

static void clear_removed(struct watch *w, struct reader *r)
{
    struct err e = {0};
    if (r && line_bus(w->line) && reader_cameras(r, clear_if_removed, w, &e) < 0)
        log_warn("main", "topics of removed cameras stay: %s", e.text);
}

/* What a command said of the camera last holds, else what the configuration says. */
static bool is_enabled(struct reader *r, const struct conf_camera *camera)
{
    bool enabled = camera->enabled;
    struct err e = {0};
    if (r && reader_camera_enabled(r, camera->name, &enabled, &e) < 0)
        log_warn("main", "whether '%s' was switched off is not known: %s", camera->name, e.text);
    return enabled;
}

static int add_camera(struct watch *w, struct reader *r, const struct conf_camera *camera)
{
    return roster_add(w->roster, w->conf, camera, w->present.pipeline, is_enabled(r, camera));
}

void watch_remember(struct watch *w)
{
    if (!w->unread)
        return;
    w->unread = false;
    struct reader *reader = open_reader(w);
    clear_removed(w, reader);
    for (int i = 0; i < w->conf->n_cameras; i++) {
        const struct conf_camera *camera = &w->conf->cameras[i];
        bool enabled = is_enabled(reader, camera);
        if (enabled != camera->enabled)
            (void)roster_enable(w->roster, camera->name, enabled);
    }
    reader_close(reader);
}

/* ------------------------------------------------------------- birth --- */

static void tell_health(struct watch *w)
{
    health_set(w->links.health, w->conf, w->present.pipeline, line_bus(w->line));
}

struct watch *watch_new(struct conf *conf, const struct watch_links *links, struct err *e)
{
    struct watch *w = mem_new(1, sizeof(*w));
    w->links = *links;
    w->conf = conf_hold(conf);
    w->line = line_new(links->wake, links->arg);
    struct roster_links to = {links->events, links->health, links->wake, links->arg, links->once};
    w->roster = roster_new(&to);
    if (working_open(w, conf, &w->present, e) < 0) {
        watch_free(w);
        return NULL;
    }
    line_open(w->line, conf);
    health_watch(links->health, "bus", line_beat(w->line));
    tell_health(w);
    roster_tell(w->roster, line_bus(w->line));
    roster_patience(w->roster, conf->mqtt.camera_down_after_us);
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    roster_free(w->roster);
    working_close(w, &w->past);
    working_close(w, &w->present);
    line_free(w->line);
    conf_free(w->conf);
    free(w);
}

struct queue *watch_messages(struct watch *w)
{
    return line_messages(w->line);
}

struct queue *watch_acks(struct watch *w)
{
    return line_acks(w->line);
}

int watch_start(struct watch *w, struct err *e)
{
    int r = pipeline_start(w->present.pipeline);
    struct reader *reader = open_reader(w);
    w->unread = !reader;
    clear_removed(w, reader);
    for (int i = 0; r == 0 && i < w->conf->n_cameras; i++)
        r = add_camera(w, reader, &w->conf->cameras[i]);
    reader_close(reader);
    if (r < 0)
        return err_set(e, r, "cannot start a thread: %s", err_name(r));
    return line_start(w->line, e); /* last: the broker hears of all cameras at once */
}

/* ------------------------------------------------------------- change --- */

static int change_pipeline(struct watch *w, struct conf *conf, struct err *e)
{
    if (w->past.pipeline)
        return err_set(e, -EBUSY, "an earlier reload is still being carried out; try again");
    struct working next = {0};
    int r = working_open(w, conf, &next, e);
    if (r < 0)
        return r;
    r = pipeline_start(next.pipeline);
    if (r < 0) {
        (void)working_stop(&next, NEVER_RAN_MS);
        working_close(w, &next);
        return err_set(e, r, "cannot start a thread: %s", err_name(r));
    }
    w->past = w->present;
    w->present = next;
    return 0;
}

static void take_step(struct watch *w, struct reader *reader, const struct plan_step *step)
{
    const char *name = step->camera->name;
    int r = 0;
    if (step->what == PLAN_REMOVE)
        roster_remove(w->roster, name, END_REMOVED);
    if (step->what == PLAN_CHANGE)
        roster_remove(w->roster, name, END_RESTART);
    if (step->what == PLAN_CHANGE || step->what == PLAN_ADD)
        r = add_camera(w, reader, step->camera);
    if (step->what == PLAN_SWITCH || step->switched)
        roster_enable(w->roster, name, step->camera->enabled);
    if (r < 0)
        log_error("main", "camera '%s' is not watched: %s", name, err_name(r));
}

/* Would Home Assistant find its devices again, where it looked for them before? */
static bool introduces_alike(const struct conf_mqtt *a, const struct conf_mqtt *b)
{
    return b->configured && a->discovery == b->discovery && a->discovery_prefix &&
           b->discovery_prefix && strcmp(a->discovery_prefix, b->discovery_prefix) == 0;
}

int watch_change(struct watch *w, struct conf *conf, const struct plan *plan, struct err *e)
{
    int r = plan->look ? change_pipeline(w, conf, e) : 0;
    if (r < 0)
        return r;
    struct conf *old = w->conf;
    w->conf = conf_hold(conf);
    if (plan->bus && !introduces_alike(&old->mqtt, &conf->mqtt))
        roster_hide(w->roster);
    if (plan->bus) {
        roster_tell(w->roster, NULL);
        line_change(w->line, conf);
    }
    roster_patience(w->roster, conf->mqtt.camera_down_after_us);
    struct reader *reader = open_reader(w);
    for (int i = 0; i < plan->n; i++)
        take_step(w, reader, &plan->steps[i]);
    reader_close(reader);
    tell_health(w);
    conf_free(old);
    return 0;
}

static void take_commands(struct watch *w)
{
    void *item;
    while (queue_take(line_commands(w->line), &item, 1, 0) == 1) {
        struct command *command = item;
        if (!roster_enable(w->roster, command->camera, command->enabled))
            log_info("main", "enabled/set for '%s': there is no such camera", command->camera);
        free(command);
    }
}

static void greet_bus(struct watch *w)
{
    roster_tell(w->roster, line_bus(w->line));
    tell_health(w);
    struct reader *reader = line_bus(w->line) ? open_reader(w) : NULL;
    clear_removed(w, reader);
    reader_close(reader);
}

bool watch_turn(struct watch *w)
{
    take_commands(w);
    bool new_bus;
    bool unfinished = line_turn(w->line, &new_bus);
    if (new_bus)
        greet_bus(w);
    unfinished |= roster_turn(w->roster, mono_us());
    if (w->past.pipeline && !roster_uses(w->roster, w->past.pipeline) &&
            working_stop(&w->past, 0) == 0)
        working_close(w, &w->past);
    return unfinished || w->past.pipeline;
}

bool watch_finished(const struct watch *w)
{
    return roster_finished(w->roster);
}

const char *watch_failed(const struct watch *w)
{
    return roster_failed(w->roster);
}

/* ------------------------------------------------------------- death --- */

const char *watch_stop_cameras(struct watch *w, int timeout_ms)
{
    roster_stop(w->roster);
    return roster_join(w->roster, timeout_ms);
}

const char *watch_stop_workers(struct watch *w, int timeout_ms)
{
    int past = working_stop(&w->past, timeout_ms);
    int present = working_stop(&w->present, timeout_ms);
    (void)roster_turn(w->roster, mono_us()); /* nobody is in view of anything */
    return past < 0 || present < 0 ? "infer" : NULL;
}

const char *watch_stop_line(struct watch *w, int timeout_ms)
{
    line_stop(w->line);
    return line_join(w->line, timeout_ms) < 0 ? "bus" : NULL;
}
