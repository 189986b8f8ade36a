#include "app/health.h"

#include "app/camera.h"
#include "app/meter.h"
#include "app/pipeline.h"
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

/* One camera as it was at the last tick, and what can only be known by looking twice. */
struct station {
    struct camera *camera;
    const struct lane *lane;
    struct camera_status status;
    struct lane_stats stats;
    struct meter frames, looks, lost;
    struct hourly reconnects, stalls;
    uint64_t reconnects_before, stalls_before;
};

struct watched {
    const char *name;
    const struct beat *beat;
    bool hangs;
};

struct health {
    const struct conf *conf;
    const struct pipeline *pipeline;
    struct store *store;
    struct bus *bus;
    int64_t born_us, stats_us;
    int n_stations, n_watched;
    struct station *stations;
    struct watched *watched;
};

struct health *health_new(const struct conf *conf, const struct pipeline *pipeline,
        struct store *store, struct bus *bus)
{
    struct health *h = mem_new(1, sizeof(*h));
    h->conf = conf;
    h->pipeline = pipeline;
    h->store = store;
    h->bus = bus;
    h->born_us = h->stats_us = mono_us();
    return h;
}

void health_free(struct health *h)
{
    if (!h)
        return;
    free(h->stations);
    free(h->watched);
    free(h);
}

void health_add_camera(struct health *h, struct camera *camera, const struct lane *lane)
{
    h->stations = mem_grow(h->stations, (size_t)h->n_stations + 1, sizeof(*h->stations));
    h->stations[h->n_stations++] = (struct station){.camera = camera, .lane = lane};
    health_watch(h, camera_conf(camera)->name, camera_beat(camera));
}

void health_watch(struct health *h, const char *name, const struct beat *beat)
{
    h->watched = mem_grow(h->watched, (size_t)h->n_watched + 1, sizeof(*h->watched));
    h->watched[h->n_watched++] = (struct watched){name, beat, false};
}

/* ------------------------------------------------------------- once a second --- */

static void look_at_station(struct station *s, int64_t now)
{
    camera_status(s->camera, &s->status);
    lane_stats(s->lane, &s->stats);
    meter_sample(&s->frames, s->status.frames, now);
    meter_sample(&s->looks, s->stats.looks, now);
    meter_sample(&s->lost, s->stats.lost, now);
    hourly_add(&s->reconnects, (uint32_t)(s->status.reconnects - s->reconnects_before), now);
    hourly_add(&s->stalls, (uint32_t)(s->status.stalls - s->stalls_before), now);
    s->reconnects_before = s->status.reconnects;
    s->stalls_before = s->status.stalls;
}

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

static void tell_systemd(struct health *h, bool well)
{
    double fps = 0;
    for (int i = 0; i < h->n_stations; i++)
        fps += meter_rate(&h->stations[i].looks);
    sd_notifyf(0, "STATUS=%d/%d cameras, %.1f fps, %s\n%s", online(h), h->n_stations, fps,
            broker_word(h), well ? "WATCHDOG=1" : "");
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

/* The keys of the contract's stats. */
static json_t *camera_json(struct station *s, int64_t now)
{
    json_t *j = json_object();
    json_object_set_new(j, "state", text(camera_state_name(s->status.state)));
    json_object_set_new(j, "camera_fps", rounded(meter_rate(&s->frames)));
    json_object_set_new(j, "process_fps", rounded(meter_rate(&s->looks)));
    json_object_set_new(j, "skipped_fps", rounded(meter_rate(&s->lost)));
    json_object_set_new(j, "detection_fps", rounded(meter_rate(&s->looks)));
    json_object_set_new(j, "frames_lost", json_integer((json_int_t)s->stats.lost));
    json_object_set_new(j, "reconnects_last_hour", json_integer(hourly_sum(&s->reconnects, now)));
    json_object_set_new(j, "stalls_last_hour", json_integer(hourly_sum(&s->stalls, now)));
    return j;
}

/* And what an operator wants to know beyond them. */
static void add_details(json_t *j, const struct station *s, int64_t now)
{
    const struct camera_status *c = &s->status;
    json_object_set_new(j, "enabled", json_boolean(c->enabled));
    json_object_set_new(j, "people", json_integer(s->stats.people));
    json_object_set_new(j, "for_s", json_integer((now - c->since_us) / MONO_SECOND));
    json_object_set_new(j, "trouble", c->trouble[0] ? text(c->trouble) : json_null());
    json_object_set_new(j, "format", c->format[0] ? text(c->format) : json_null());
    json_object_set_new(j, "url", text(camera_conf(s->camera)->url_shown));
    json_object_set_new(j, "frames", json_integer((json_int_t)c->frames));
    json_object_set_new(j, "damaged", json_integer((json_int_t)c->damaged));
    json_object_set_new(j, "sampled", json_integer((json_int_t)c->sampled));
    json_object_set_new(j, "looks", json_integer((json_int_t)s->stats.looks));
    json_object_set_new(j, "faces", json_integer((json_int_t)s->stats.faces));
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
        look_at_station(s, now);
        json_t *j = camera_json(s, now);
        if (details)
            add_details(j, s, now);
        json_object_set_new(cameras, camera_conf(s->camera)->name, j);
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
    json_object_set_new(j, "url", text(h->conf->mqtt.url_shown));
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

void health_tick(struct health *h)
{
    int64_t now = mono_us();
    for (int i = 0; i < h->n_stations; i++)
        look_at_station(&h->stations[i], now);
    tell_systemd(h, all_move(h, now));
    if (h->bus && now - h->stats_us >= STATS_US) {
        h->stats_us = now;
        publish_stats(h);
    }
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
