#include "app/health.h"

#include "app/camera.h"
#include "app/overload.h"
#include "app/pipeline.h"
#include "app/station.h"
#include "app/trouble.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/when.h"
#include "bus/bus.h"
#include "flow/frame.h"
#include "store/store.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define STATS_US       (60 * MONO_SECOND)
#define FIRST_STATS_US (5 * MONO_SECOND)  /* when the cameras have come */
#define HANGS_US       (20 * MONO_SECOND) /* longer inside one picture or commit: it hangs */

#define SLOW_SHARE     0.25 /* of the sampled pictures not looked at: more is worth a word */

struct watched {
    const char *name;
    const struct beat *beat;
    bool hangs;
    int64_t hangs_us; /* since when */
};

struct health {
    /* set at birth */
    struct store *store;
    int64_t born_us;

    /* from one reload to the next */
    const struct conf *conf;
    const struct pipeline *pipeline;
    struct bus *bus;

    int64_t stats_us;
    struct overload *overload;
    int64_t ticked_us; /* the last tick, and the workers' time until then */
    int64_t worked_us;
    int64_t slow_us;    /* since when; 0: not */
    int64_t refused_us; /* when a reload was refused; 0: the last one was not */
    char refused[sizeof(((struct err *)0)->text)];
    int n_stations, n_watched;
    struct station *stations;
    struct watched *watched;
};

struct health *health_new(struct store *store)
{
    struct health *h = mem_new(1, sizeof(*h));
    h->store = store;
    h->overload = overload_new();
    h->born_us = h->stats_us = h->ticked_us = mono_us();
    return h;
}

void health_free(struct health *h)
{
    if (!h)
        return;
    free(h->stations);
    free(h->watched);
    overload_free(h->overload);
    free(h);
}

const struct ease *health_ease(const struct health *h)
{
    return overload_ease(h->overload);
}

void health_set(
        struct health *h, const struct conf *conf, const struct pipeline *pipeline, struct bus *bus)
{
    h->conf = conf;
    h->pipeline = pipeline;
    h->bus = bus;
}

void health_watch(struct health *h, const char *name, const struct beat *beat)
{
    h->watched = mem_grow(h->watched, (size_t)h->n_watched + 1, sizeof(*h->watched));
    h->watched[h->n_watched++] = (struct watched){name, beat, false, 0};
}

void health_unwatch(struct health *h, const struct beat *beat)
{
    for (int i = 0; i < h->n_watched; i++) {
        if (h->watched[i].beat != beat)
            continue;
        h->n_watched--;
        memmove(&h->watched[i], &h->watched[i + 1],
                (size_t)(h->n_watched - i) * sizeof(*h->watched));
        return;
    }
}

void health_add_camera(struct health *h, struct camera *camera, const struct lane *lane)
{
    h->stations = mem_grow(h->stations, (size_t)h->n_stations + 1, sizeof(*h->stations));
    h->stations[h->n_stations++] = (struct station){.camera = camera, .lane = lane};
    health_watch(h, camera_conf(camera)->name, camera_beat(camera));
}

void health_remove_camera(struct health *h, const struct camera *camera)
{
    for (int i = 0; i < h->n_stations; i++) {
        if (h->stations[i].camera != camera)
            continue;
        h->n_stations--;
        memmove(&h->stations[i], &h->stations[i + 1],
                (size_t)(h->n_stations - i) * sizeof(*h->stations));
        health_unwatch(h, camera_beat(camera));
        return;
    }
}

void health_reload(struct health *h, const char *refused)
{
    h->refused_us = refused ? mono_us() : 0;
    (void)snprintf(h->refused, sizeof(h->refused), "%s", refused ? refused : "");
}

/* ------------------------------------------------------------- once a second --- */

/* True while every thread has moved lately or may stand still. */
static bool all_move(struct health *h, int64_t now)
{
    bool well = true;
    for (int i = 0; i < h->n_watched; i++) {
        struct watched *w = &h->watched[i];
        int64_t moved_us = atomic_load(&w->beat->mono_us); /* 0: has not begun yet */
        bool working = moved_us && atomic_load(&w->beat->state) == BEAT_WORKING;
        bool hangs = working && now - moved_us > HANGS_US;
        if (hangs && !w->hangs)
            log_error("health", "the thread of '%s' has not moved for %d s", w->name,
                    (int)(HANGS_US / MONO_SECOND));
        if (!hangs && w->hangs)
            log_info("health", "the thread of '%s' moves again", w->name);
        if (hangs && !w->hangs)
            w->hangs_us = moved_us;
        w->hangs = hangs;
        well = well && !hangs;
    }
    return well;
}

static int online(const struct health *h)
{
    int n = 0;
    for (int i = 0; i < h->n_stations; i++)
        n += h->stations[i].status.state == CAMERA_ONLINE;
    return n;
}

static const char *broker_word(struct health *h)
{
    if (!h->bus)
        return "no broker configured";
    struct bus_stats stats;
    bus_stats(h->bus, &stats);
    return stats.connected ? "broker up" : "broker down";
}

/* ------------------------------------------------------------- what is wrong --- */

static int64_t seconds(int64_t since_us, int64_t now_us)
{
    return (now_us - since_us) / MONO_SECOND;
}

/* Looked at, and given up for newer ones because no worker came, each in a second. */
static void rates(const struct health *h, double *ret_looked, double *ret_lost)
{
    *ret_looked = *ret_lost = 0;
    for (int i = 0; i < h->n_stations; i++) {
        *ret_looked += meter_rate(&h->stations[i].seen);
        *ret_lost += meter_rate(&h->stations[i].lost);
    }
}

/* Since when something is so; kept in *since_us, 0 when it is not. */
static bool lasts(bool is, int64_t *since_us, int64_t now_us)
{
    *since_us = !is ? 0 : *since_us ? *since_us : now_us;
    return is;
}

static void house_troubles(struct health *h, struct troubles *t, int64_t now)
{
    char text[384];
    struct store_stats store;
    store_stats(h->store, &store);
    if (store.failing) {
        (void)snprintf(text, sizeof(text),
                "cannot be written (%s); events wait in memory, make room or mend the disk",
                store.error);
        trouble_add(t, "database", seconds(store.since_us, mono_wall_us()), text);
    }
    double looked, lost;
    rates(h, &looked, &lost);
    int64_t over_us = overload_since_us(h->overload);
    bool slow = lasts(lost > 1 && lost > SLOW_SHARE * (looked + lost), &h->slow_us, now);
    if (over_us) {
        char words[160];
        overload_words(h->overload, words, sizeof(words));
        (void)snprintf(
                text, sizeof(text), "overloaded: %s; lower fps, or watch fewer cameras", words);
        trouble_add(t, "this host", seconds(over_us, now), text);
    } else if (slow) {
        (void)snprintf(text, sizeof(text),
                "too slow: %.0f of %.0f pictures a second are not looked at; lower fps, or watch "
                "fewer cameras",
                lost, looked + lost);
        trouble_add(t, "this host", seconds(h->slow_us, now), text);
    }
    struct bus_stats bus;
    if (h->bus) {
        bus_stats(h->bus, &bus);
        if (!bus.connected && bus.error[0])
            trouble_add(t, "broker", seconds(bus.since_us, mono_wall_us()), bus.error);
    }
    for (int i = 0; i < h->n_watched; i++) {
        const struct watched *w = &h->watched[i];
        if (w->hangs)
            trouble_add(t, w->name, seconds(w->hangs_us, now),
                    "its thread does not move; systemd restarts faced for that, else do it");
    }
}

static void find_troubles(struct health *h, struct troubles *ret)
{
    int64_t now = mono_us();
    ret->n = 0;
    if (h->refused_us)
        trouble_add(ret, "configuration (not reloaded)", seconds(h->refused_us, now), h->refused);
    house_troubles(h, ret, now);
    for (int i = 0; i < h->n_stations; i++) {
        const struct camera_status *c = &h->stations[i].status;
        char who[64];
        (void)snprintf(who, sizeof(who), "camera '%s'", camera_conf(h->stations[i].camera)->name);
        if (c->state != CAMERA_ONLINE && c->trouble[0])
            trouble_add(ret, who, seconds(c->since_us, now), c->trouble);
        if (c->state == CAMERA_ONLINE && c->decoder_trouble[0])
            trouble_add(ret, who, seconds(c->decoder_since_us, now), c->decoder_trouble);
    }
}

static void tell_systemd(struct health *h, bool well)
{
    char wrong[900];
    struct troubles *t = mem_new(1, sizeof(*t));
    find_troubles(h, t);
    trouble_line(t, wrong, sizeof(wrong));
    free(t);
    double looked, lost;
    rates(h, &looked, &lost);
    sd_notifyf(0, "STATUS=%d/%d cameras, %.1f fps, %s%s\n%s", online(h), h->n_stations, looked,
            broker_word(h), wrong, well ? "WATCHDOG=1" : "");
}

/* ------------------------------------------------------------- the document --- */

/* What is not UTF-8, as a camera or a library may say it, becomes "?". */
static json_t *text(const char *s)
{
    json_t *t = json_string(s);
    return t ? t : json_string("?");
}

static json_t *rounded(double value)
{
    return json_real((double)(int64_t)(value * 10 + 0.5) / 10);
}

static int64_t resident_bytes(void)
{
    long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%*s %lld", &pages) != 1)
            pages = 0;
        (void)fclose(f);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static json_t *stats_json(struct health *h, bool details)
{
    int64_t now = mono_us();
    json_t *cameras = json_object();
    for (int i = 0; i < h->n_stations; i++) {
        struct station *s = &h->stations[i];
        json_object_set_new(cameras, camera_conf(s->camera)->name, station_json(s, details, now));
    }
    struct pipeline_stats p;
    pipeline_stats(h->pipeline, &p);
    struct store_stats store;
    store_stats(h->store, &store);

    json_t *j = json_object();
    json_object_set_new(j, "version", text(FACED_VERSION));
    json_object_set_new(j, "uptime_s", json_integer((now - h->born_us) / MONO_SECOND));
    json_object_set_new(j, "cameras", cameras);
    json_object_set_new(j, "inference_ms",
            p.looks ? rounded((double)p.detect_us / 1000 / (double)p.looks) : json_null());
    json_object_set_new(j, "outbox_waiting", json_integer((json_int_t)store.outbox_waiting));
    json_object_set_new(j, "records_lost", json_integer((json_int_t)store.records_lost));
    json_object_set_new(j, "rss_bytes", json_integer(resident_bytes()));
    return j;
}

static json_t *broker_json(struct health *h)
{
    if (!h->bus)
        return json_null();
    struct bus_stats stats;
    bus_stats(h->bus, &stats);
    char since[WHEN_TEXT];
    when_format(since, stats.since_us);
    json_t *j = json_object();
    json_object_set_new(j, "url", text(stats.url));
    json_object_set_new(j, "version", text(stats.version_5 ? "5" : "3.1.1"));
    json_object_set_new(j, "tls", json_boolean(stats.tls));
    json_object_set_new(j, "refused", json_integer((json_int_t)stats.refused));
    json_object_set_new(j, "connected", json_boolean(stats.connected));
    json_object_set_new(j, "since", text(since));
    json_object_set_new(
            j, "trouble", stats.connected || !stats.error[0] ? json_null() : text(stats.error));
    json_object_set_new(j, "sent", json_integer((json_int_t)stats.sent));
    json_object_set_new(j, "acknowledged", json_integer((json_int_t)stats.acked));
    return j;
}

static json_t *threads_json(const struct health *h)
{
    static const char *const words[] = {"working", "waiting", "resolving"};
    int64_t now = mono_us();
    json_t *list = json_array();
    for (int i = 0; i < h->n_watched; i++) {
        const struct beat *b = h->watched[i].beat;
        json_t *j = json_object();
        json_object_set_new(j, "name", text(h->watched[i].name));
        json_object_set_new(j, "state", text(words[atomic_load(&b->state)]));
        json_object_set_new(
                j, "for_s", json_integer((now - atomic_load(&b->mono_us)) / MONO_SECOND));
        json_array_append_new(list, j);
    }
    return list;
}

char *health_status(struct health *h)
{
    json_t *j = stats_json(h, true);
    json_object_set_new(j, "node", text(h->conf->node));
    json_object_set_new(j, "pid", json_integer(getpid()));
    json_object_set_new(j, "broker", broker_json(h));
    json_object_set_new(j, "overload", overload_json(h->overload, mono_us()));
    struct store_stats store;
    store_stats(h->store, &store);
    json_t *database = json_object();
    json_object_set_new(database, "path", text(h->conf->database.path));
    json_object_set_new(database, "trouble", store.failing ? text(store.error) : json_null());
    json_object_set_new(j, "database", database);
    struct pipeline_stats p;
    pipeline_stats(h->pipeline, &p);
    json_t *models = json_object();
    json_object_set_new(models, "detector", text(h->conf->models.detector));
    json_object_set_new(models, "attributes", text(h->conf->models.attributes));
    json_object_set_new(models, "looks", json_integer((json_int_t)p.looks));
    json_object_set_new(models, "estimates", json_integer((json_int_t)p.estimates));
    json_object_set_new(models, "estimate_ms",
            p.estimates ? rounded((double)p.estimate_us / 1000 / (double)p.estimates)
                        : json_null());
    json_object_set_new(j, "models", models);
    int64_t frames, bytes;
    frame_count(&frames, &bytes);
    json_object_set_new(j, "frames_alive", json_integer(frames));
    json_object_set_new(j, "frame_bytes", json_integer(bytes));
    json_object_set_new(j, "threads", threads_json(h));
    struct troubles *t = mem_new(1, sizeof(*t));
    find_troubles(h, t);
    json_object_set_new(j, "troubles", trouble_json(t, mono_wall_us()));
    free(t);
    char *text = mem_check(json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(6)));
    json_decref(j);
    return text;
}

/* ------------------------------------------------------------- the milestones --- */

static void publish_stats(struct health *h)
{
    json_t *j = stats_json(h, false);
    char *text = mem_check(json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(6)));
    json_decref(j);
    bus_news(h->bus, "stats", text);
    free(text);
}

/* How much all cameras may do in the next second, by what became of the last one. */
static void share_out(struct health *h, int64_t now)
{
    struct strain_second second = {0};
    for (int i = 0; i < h->n_stations; i++)
        station_strain(&h->stations[i], &second);
    struct pipeline_stats p;
    pipeline_stats(h->pipeline, &p);
    int64_t worked_us = p.detect_us + p.estimate_us;
    double span_us = (double)(now - h->ticked_us) * pipeline_workers(h->pipeline);
    if (worked_us >= h->worked_us && span_us > 0) /* else it is another pipeline */
        second.busy = (double)(worked_us - h->worked_us) / span_us;
    h->worked_us = worked_us;
    h->ticked_us = now;
    overload_tick(h->overload, &second, now);
}

void health_tick(struct health *h)
{
    int64_t now = mono_us();
    for (int i = 0; i < h->n_stations; i++)
        station_look(&h->stations[i], now);
    share_out(h, now);
    tell_systemd(h, all_move(h, now));
    if (h->bus && now - h->stats_us >= STATS_US) {
        h->stats_us = now;
        publish_stats(h);
    }
}

void health_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)mono_us());
}

void health_ready(struct health *h)
{
    h->stats_us = mono_us() - STATS_US + FIRST_STATS_US;
    sd_notify(0, "READY=1");
}

void health_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}
