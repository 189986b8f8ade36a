/*
 * About the camera's thread. It goes round in sessions: open the source, stream from it until
 * something ends that, close it, decide what comes next. Who wants something of it - stop, switch
 * off, switch on - sets a flag and asks `halt`, which interrupts FFmpeg, every wait and every
 * pause alike; the thread then clears it and looks at the flags.
 *
 *     CONNECTING --first picture--> ONLINE --fault--> OFFLINE --back-off--> CONNECTING
 *     any --enabled/set OFF--> DISABLED --ON--> CONNECTING          a file's end --> ENDED
 */
#include "app/camera.h"

#include "app/session.h"
#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "base/thread.h"
#include "flow/frame.h"
#include "flow/queue.h"
#include "flow/slot.h"
#include "source/origin.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define STEADY_US      (10 * MONO_SECOND) /* streamed so long: the next trouble is a new one */
#define LOOP_PAUSE_MS  20  /* so that a file of one picture does not keep a core busy */
#define LATE_MS        100 /* the last pictures of all wait so long for a worker */
#define NOTE_US        (60 * MONO_SECOND) /* how often the database hears that all is well */

struct camera {
    /* set at birth */
    const struct conf_camera *conf;
    struct camera_links links;
    int once;
    struct stop *halt;
    pthread_t thread;
    bool started;
    struct beat beat;

    /* flags to the thread */
    atomic_bool quit, enabled;
    atomic_bool commanded; /* enabled as an `enabled/set` said, not as the configuration does */
    /* and from it */
    atomic_bool finished, failed;
    atomic_bool file;
    struct standing standing;

    /* owned by the thread */
    struct backoff backoff;
    struct log_limit complained;
    enum source_fault last_fault;
    bool again;       /* the file begins anew: it was never away */
    int64_t noted_us; /* when the database last heard of it */
    int64_t lost_us;  /* since when it is not online; 0: never was */
    bool away;        /* the log says so */
    bool flaps;       /* it comes and goes: the log has said enough */
};

struct camera *camera_new(
        const struct conf_camera *conf, const struct camera_links *links, bool enabled, int once)
{
    struct camera *c = mem_new(1, sizeof(*c));
    c->conf = conf;
    c->links = *links;
    c->once = once;
    c->halt = stop_new();
    atomic_init(&c->enabled, enabled);
    atomic_init(&c->file, origin_kind(conf->url) == ORIGIN_FILE); /* opening it knows better */
    standing_init(&c->standing, conf->hwaccel);
    backoff_init(&c->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS, (uint64_t)mono_wall_us());
    return c;
}

void camera_free(struct camera *c)
{
    if (!c)
        return;
    stop_free(c->halt);
    standing_destroy(&c->standing);
    free(c);
}

/* ------------------------------------------------------------- telling the world --- */

/* Any thread. */
static void tell_store(struct camera *c, enum camera_state state)
{
    struct event *ev = event_new(EVENT_CAMERA, c->conf->name);
    ev->status.state = state;
    ev->status.enabled = atomic_load(&c->enabled);
    ev->status.commanded = atomic_load(&c->commanded);
    (void)snprintf(ev->status.url, sizeof(ev->status.url), "%s", c->conf->url_shown);
    queue_put(c->links.to_store, ev);
}

static void note(struct camera *c, enum camera_state state)
{
    tell_store(c, state);
    c->noted_us = mono_us();
}

/* trouble: why it is not online, "" when there is nothing to complain of. */
static void announce(struct camera *c, enum camera_state state, const char *trouble)
{
    if (standing_enter(&c->standing, state, trouble)) {
        note(c, state);
        slot_ring(c->links.slot); /* nobody is in view of a camera that does not see */
    }
    c->links.changed(c->links.arg);
}

/* ------------------------------------------------------------- what a session tells --- */

static void on_opened(void *arg, const struct session_opened *opened)
{
    struct camera *c = arg;
    standing_opened(&c->standing, opened);
    atomic_store(&c->file, !opened->live);
}

static void on_online(void *arg, const char *format, bool unverified)
{
    struct camera *c = arg;
    bool was_online = standing_state(&c->standing) == CAMERA_ONLINE;
    bool another = standing_online(&c->standing, format);
    /* The next round of a file that is looped is no news. */
    bool news = another || (!was_online && (c->away || !c->flaps));
    if (c->away)
        log_info(
                "camera", "back after %lld s", (long long)((mono_us() - c->lost_us) / MONO_SECOND));
    c->away = false;
    if (news)
        log_info("camera", "streaming %s%s", format,
                unverified ? ", encrypted, but nobody checks whose certificate it is" : "");
    announce(c, CAMERA_ONLINE, "");
}

static void on_picture(void *arg, struct frame *f, enum session_give how)
{
    struct camera *c = arg;
    switch (how) {
    case GIVE_NEWEST: slot_put(c->links.slot, f); break;
    case GIVE_LATE: slot_put_wait(c->links.slot, f, LATE_MS); break;
    case GIVE_EACH: slot_put_wait(c->links.slot, f, -1); break;
    case GIVE_REFRESH: slot_refresh(c->links.slot, f); return;
    }
    standing_sampled(&c->standing);
}

static void on_stock(void *arg, const struct session_stock *stock)
{
    struct camera *c = arg;
    if (standing_stock(&c->standing, stock) && mono_us() - c->noted_us > NOTE_US)
        note(c, CAMERA_ONLINE);
}

static enum source_fault run_session(struct camera *c, struct err *e)
{
    struct camera_status so_far;
    standing_read(&c->standing, &so_far);
    struct session_order order = {
            .conf = c->conf,
            .face = slot_face(c->links.slot),
            .slot = c->links.slot,
            .ease = c->links.ease,
            .halt = c->halt,
            .beat = &c->beat,
            .enough = c->once > 0 ? (uint64_t)c->once - so_far.counts.due : 0,
    };
    struct session_listener listener = {
            .arg = c,
            .opened = on_opened,
            .online = on_online,
            .picture = on_picture,
            .stock = on_stock,
    };
    standing_begin(&c->standing);
    enum source_fault fault = c->links.run(&order, &listener, e);
    standing_end(&c->standing);
    return fault;
}

/* ------------------------------------------------------------- what comes next --- */

static void finish(struct camera *c)
{
    if (!atomic_exchange(&c->finished, true))
        c->links.changed(c->links.arg);
}

/* A pause that hears whoever wants something. */
static void rest(struct camera *c, int ms)
{
    beat_set(&c->beat, BEAT_WAITING);
    stop_wait(c->halt, ms);
}

static void ended(struct camera *c)
{
    slot_mark(c->links.slot, END_SOURCE_ENDED);
    if (c->conf->loop && c->once != 0) {
        c->again = true;
        rest(c, LOOP_PAUSE_MS);
        return;
    }
    log_info("camera", "the file has ended");
    announce(c, CAMERA_ENDED, "");
    if (c->once >= 0)
        finish(c);
    rest(c, -1);
}

static void complain(struct camera *c, enum source_fault fault, const struct err *e, int wait_ms)
{
    if (fault != c->last_fault)
        c->complained = (struct log_limit){0};
    c->last_fault = fault;
    c->flaps = !log_due(&c->complained, mono_us());
    if (!c->flaps)
        log_warn("camera", "%s; trying again in %d s", e->text, (wait_ms + 500) / 1000);
    c->away |= !c->flaps;
}

static void failed(struct camera *c, enum source_fault fault, const struct err *e, bool steady)
{
    standing_reconnect(&c->standing);
    if (standing_state(&c->standing) == CAMERA_ONLINE || !c->lost_us)
        c->lost_us = mono_us();
    if (camera_is_file(c))
        slot_mark(c->links.slot, END_CAMERA_LOST); /* its time stands: nobody would be missed */
    announce(c, CAMERA_OFFLINE, e->text);
    if (c->once >= 0 && atomic_load(&c->file)) {
        log_error("camera", "%s", e->text);
        atomic_store(&c->failed, true);
        finish(c); /* whoever asked for "once" does not want to wait for better times */
        rest(c, -1);
        return;
    }
    if (steady) {
        backoff_reset(&c->backoff);
        c->complained = (struct log_limit){0};
    }
    int wait_ms = backoff_next(&c->backoff);
    complain(c, fault, e, wait_ms);
    rest(c, wait_ms);
}

static void reached(struct camera *c)
{
    log_info("camera", "%d pictures sampled, as asked", c->once);
    slot_mark(c->links.slot, END_SHUTDOWN);
    announce(c, CAMERA_ENDED, "");
    finish(c);
    rest(c, -1);
}

/* One session, and what follows from how it ended. */
static void live_once(struct camera *c)
{
    struct err e = {0};
    if (standing_state(&c->standing) != CAMERA_OFFLINE && !c->again)
        announce(c, CAMERA_CONNECTING, "");
    c->again = false;
    beat_set(&c->beat, BEAT_WORKING);
    enum source_fault fault = run_session(c, &e);
    if (fault == SOURCE_STOPPED)
        return;
    if (fault == SOURCE_EOF && !c->standing.first_us)
        err_set(&e, -ENODATA, "%s: it ended before a whole picture came", c->conf->url_shown);
    if (fault == SOURCE_OK)
        reached(c);
    else if (fault == SOURCE_EOF && atomic_load(&c->file) && c->standing.first_us)
        ended(c);
    else
        failed(c, fault, &e, c->standing.first_us && mono_us() - c->standing.first_us > STEADY_US);
}

static void *body(void *arg)
{
    struct camera *c = arg;
    log_camera(c->conf->name);
    note(c, CAMERA_CONNECTING);
    for (;;) {
        stop_clear(c->halt);
        if (atomic_load(&c->quit))
            break;
        if (atomic_load(&c->enabled)) {
            live_once(c);
            continue;
        }
        c->again = false;
        slot_mark(c->links.slot, END_DISABLED);
        log_info("camera", "disabled");
        announce(c, CAMERA_DISABLED, "");
        if (c->once >= 0)
            finish(c);
        rest(c, -1);
    }
    announce(c, atomic_load(&c->enabled) ? CAMERA_OFFLINE : CAMERA_DISABLED, "");
    return NULL;
}

/* ------------------------------------------------------------- from outside --- */

int camera_start(struct camera *c)
{
    char name[NAME_SIZE + 4];
    (void)snprintf(name, sizeof(name), "cam-%s", c->conf->name);
    int r = thread_start(&c->thread, name, body, c);
    c->started = r == 0;
    return r;
}

void camera_stop(struct camera *c)
{
    atomic_store(&c->quit, true);
    slot_close(c->links.slot); /* where it may be waiting for a worker */
    stop_ask(c->halt);
}

int camera_join(struct camera *c, int timeout_ms)
{
    if (!c->started)
        return 0;
    int r = thread_join(c->thread, timeout_ms);
    c->started = r < 0;
    return r;
}

void camera_enable(struct camera *c, bool enabled)
{
    atomic_store(&c->commanded, true);
    if (atomic_exchange(&c->enabled, enabled) != enabled)
        stop_ask(c->halt);
    else
        tell_store(c, standing_state(&c->standing)); /* it is kept all the same */
}

bool camera_online(const struct camera *c)
{
    return standing_state(&c->standing) == CAMERA_ONLINE;
}

bool camera_is_file(const struct camera *c)
{
    return atomic_load(&c->file);
}

bool camera_finished(const struct camera *c)
{
    return atomic_load(&c->finished);
}

bool camera_failed(const struct camera *c)
{
    return atomic_load(&c->failed);
}

const struct conf_camera *camera_conf(const struct camera *c)
{
    return c->conf;
}

const struct beat *camera_beat(const struct camera *c)
{
    return &c->beat;
}

void camera_status(struct camera *c, struct camera_status *ret)
{
    standing_read(&c->standing, ret);
    ret->enabled = atomic_load(&c->enabled);
}
