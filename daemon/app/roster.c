#include "app/roster.h"

#include "app/camera.h"
#include "app/health.h"
#include "app/pipeline.h"
#include "app/sandbox/host.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "bus/bus.h"
#include "conf/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANGS_US (10 * MONO_SECOND) /* leaving takes no longer, but for a resolver */

/* What the bus knows of a camera. */
struct told {
    const char *status; /* a literal; NULL: nothing yet */
    int people;
    bool enabled;
};

struct entry {
    /* set at birth */
    struct conf *conf; /* held */
    const struct conf_camera *camera_conf;
    struct pipeline *pipeline;
    bool enabled; /* at first */

    struct lane *lane;
    struct camera *camera; /* NULL: waits until its name is free */
    bool leaving;
    enum end_reason reason; /* of leaving */
    int64_t leaving_us;     /* since when; 0: it was said that it hangs */
    int64_t away_us;        /* since when it is not online */
    struct told told;
};

struct roster {
    struct roster_links links;
    struct bus *bus;
    int64_t down_after_us;
    bool stopping;
    int n;
    struct entry **entries;
};

struct roster *roster_new(const struct roster_links *links)
{
    struct roster *r = mem_new(1, sizeof(*r));
    r->links = *links;
    return r;
}

static void entry_free(struct entry *e)
{
    camera_free(e->camera);
    conf_free(e->conf);
    free(e);
}

void roster_free(struct roster *r)
{
    if (!r)
        return;
    for (int i = 0; i < r->n; i++)
        entry_free(r->entries[i]);
    free(r->entries);
    free(r);
}

static const char *name_of(const struct entry *e)
{
    return e->camera_conf->name;
}

/* The one that is watched or waits to be; those who leave have no name any more. */
static struct entry *find(const struct roster *r, const char *name)
{
    for (int i = 0; i < r->n; i++) {
        if (!r->entries[i]->leaving && strcmp(name_of(r->entries[i]), name) == 0)
            return r->entries[i];
    }
    return NULL;
}

static bool is_leaving(const struct roster *r, const char *name)
{
    for (int i = 0; i < r->n; i++) {
        if (r->entries[i]->leaving && strcmp(name_of(r->entries[i]), name) == 0)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------- what the broker is told --- */

static void say(const struct roster *r, const char *camera, const char *what, const char *value)
{
    char topic[NAME_SIZE + 16];
    (void)snprintf(topic, sizeof(topic), "%s/%s", camera, what);
    bus_state(r->bus, topic, value);
}

/* A blip is no news: who was online stays it until it was away for long enough. */
static const char *status_word(
        const struct roster *r, struct entry *e, const struct camera_status *status, int64_t now_us)
{
    if (status->state == CAMERA_ONLINE) {
        e->away_us = 0;
        return "online";
    }
    if (!e->away_us)
        e->away_us = now_us;
    if (!status->enabled)
        return "disabled";
    bool blip = status->state != CAMERA_ENDED && now_us - e->away_us < r->down_after_us;
    bool was_online = e->told.status && strcmp(e->told.status, "online") == 0;
    return blip && was_online && !r->stopping ? "online" : "offline";
}

static void tell(const struct roster *r, struct entry *e, int64_t now_us)
{
    struct camera_status status;
    struct lane_stats stats = {0};
    camera_status(e->camera, &status);
    if (e->lane)
        lane_stats(e->lane, &stats);
    struct told now = {status_word(r, e, &status, now_us), stats.people, status.enabled};
    bool first = !e->told.status;
    if (first)
        bus_introduce(r->bus, name_of(e), true);
    if (first || strcmp(now.status, e->told.status) != 0)
        say(r, name_of(e), "status", now.status);
    if (first || now.people != e->told.people) {
        char people[16];
        (void)snprintf(people, sizeof(people), "%d", now.people);
        say(r, name_of(e), "count", people);
    }
    if (first || now.enabled != e->told.enabled)
        say(r, name_of(e), "enabled/state", now.enabled ? "ON" : "OFF");
    e->told = now;
}

void roster_clear(struct roster *r, const char *camera)
{
    say(r, camera, "status", NULL);
    say(r, camera, "count", NULL);
    say(r, camera, "enabled/state", NULL);
    bus_introduce(r->bus, camera, false);
}

void roster_hide(struct roster *r)
{
    for (int i = 0; i < r->n && r->bus; i++)
        bus_introduce(r->bus, name_of(r->entries[i]), false);
}

void roster_tell(struct roster *r, struct bus *bus)
{
    for (int i = 0; i < r->n; i++) {
        const struct entry *e = r->entries[i];
        if (r->bus && e->camera && !e->leaving) {
            say(r, name_of(e), "status", "offline");
            say(r, name_of(e), "count", "0");
        }
        r->entries[i]->told = (struct told){0};
    }
    r->bus = bus;
}

void roster_patience(struct roster *r, int64_t down_after_us)
{
    r->down_after_us = down_after_us;
}

/* ------------------------------------------------------------- coming and going --- */

static int begin(struct roster *r, struct entry *e)
{
    e->lane = pipeline_add(e->pipeline, e->camera_conf);
    struct camera_links links = {
            .run = e->camera_conf->isolation == ISOLATION_PROCESS ? host_run : session_run,
            .slot = lane_slot(e->lane),
            .to_store = r->links.to_store,
            .changed = r->links.wake,
            .arg = r->links.arg,
            .ease = health_ease(r->links.health),
    };
    e->camera = camera_new(e->camera_conf, &links, e->enabled, r->links.once);
    lane_attach(e->lane, e->camera);
    health_add_camera(r->links.health, e->camera, e->lane);
    /* What an earlier run left retained must not be taken for the present: told before it runs. */
    if (r->bus)
        tell(r, e, mono_us());
    return camera_start(e->camera);
}

int roster_add(struct roster *r, struct conf *conf, const struct conf_camera *camera,
        struct pipeline *pipeline, bool enabled)
{
    struct entry *e = mem_new(1, sizeof(*e));
    e->conf = conf_hold(conf);
    e->camera_conf = camera;
    e->pipeline = pipeline;
    e->enabled = enabled;
    r->entries = mem_grow(r->entries, (size_t)r->n + 1, sizeof(struct entry *));
    r->entries[r->n++] = e;
    return is_leaving(r, camera->name) ? 0 : begin(r, e);
}

static void forget(struct roster *r, int i)
{
    entry_free(r->entries[i]);
    r->n--;
    memmove(&r->entries[i], &r->entries[i + 1], (size_t)(r->n - i) * sizeof(struct entry *));
}

void roster_remove(struct roster *r, const char *camera, enum end_reason reason)
{
    struct entry *e = find(r, camera);
    if (!e)
        return;
    e->leaving = true;
    e->reason = reason;
    e->leaving_us = mono_us();
    if (!e->camera)
        return; /* it never began */
    health_remove_camera(r->links.health, e->camera);
    camera_stop(e->camera);
}

/* True: it is gone, and e is no more its camera's. */
static bool has_left(struct entry *e, int64_t now_us)
{
    if (!e->camera)
        return true;
    if (camera_join(e->camera, 0) < 0 || !pipeline_remove(e->pipeline, e->lane, e->reason)) {
        if (e->leaving_us && now_us - e->leaving_us > HANGS_US) {
            e->leaving_us = 0;
            log_warn("main",
                    "camera '%s' does not end yet: it is asking a name server, or a "
                    "picture is being looked at",
                    name_of(e));
        }
        return false;
    }
    e->lane = NULL;
    return true;
}

static bool reap(struct roster *r, int64_t now_us)
{
    bool some = false;
    for (int i = r->n - 1; i >= 0; i--) {
        struct entry *e = r->entries[i];
        if (!e->leaving)
            continue;
        if (!has_left(e, now_us)) {
            some = true;
            continue;
        }
        if (r->bus && e->reason == END_REMOVED && !find(r, name_of(e)))
            roster_clear(r, name_of(e));
        forget(r, i);
    }
    return some;
}

bool roster_turn(struct roster *r, int64_t now_us)
{
    bool leaving = reap(r, now_us);
    for (int i = 0; i < r->n; i++) {
        struct entry *e = r->entries[i];
        if (!e->leaving && !e->camera && !r->stopping && !is_leaving(r, name_of(e)) &&
                begin(r, e) < 0)
            log_error("main",
                    "camera '%s' is not watched: there is no thread for it; remove "
                    "cameras, or raise TasksMax",
                    name_of(e));
        if (r->bus && e->camera && !e->leaving)
            tell(r, e, now_us);
    }
    return leaving;
}

bool roster_enable(struct roster *r, const char *camera, bool enabled)
{
    struct entry *e = find(r, camera);
    if (e && e->camera)
        camera_enable(e->camera, enabled);
    else if (e)
        e->enabled = enabled;
    return e != NULL;
}

/* ------------------------------------------------------------- all of them --- */

bool roster_uses(const struct roster *r, const struct pipeline *pipeline)
{
    for (int i = 0; i < r->n; i++) {
        if (r->entries[i]->pipeline == pipeline)
            return true;
    }
    return false;
}

int roster_count(const struct roster *r)
{
    return r->n;
}

bool roster_finished(const struct roster *r)
{
    for (int i = 0; i < r->n; i++) {
        const struct camera *c = r->entries[i]->camera;
        if (!c || (!camera_finished(c) && (r->links.once > 0 || camera_is_file(c))))
            return false;
    }
    return true;
}

const char *roster_failed(const struct roster *r)
{
    for (int i = 0; i < r->n; i++) {
        if (r->entries[i]->camera && camera_failed(r->entries[i]->camera))
            return name_of(r->entries[i]);
    }
    return NULL;
}

void roster_stop(struct roster *r)
{
    r->stopping = true;
    for (int i = 0; i < r->n; i++) {
        if (r->entries[i]->camera)
            camera_stop(r->entries[i]->camera);
    }
}

const char *roster_join(struct roster *r, int timeout_ms)
{
    int64_t deadline_us = mono_us() + timeout_ms * INT64_C(1000);
    const char *hangs = NULL;
    for (int i = 0; i < r->n; i++) {
        int64_t left_us = deadline_us - mono_us();
        struct camera *c = r->entries[i]->camera;
        if (c && camera_join(c, left_us > 0 ? (int)(left_us / 1000) : 0) < 0)
            hangs = name_of(r->entries[i]);
    }
    return hangs;
}
