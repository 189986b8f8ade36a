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

#include "app/doze.h"
#include "app/overload.h"
#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "base/stop.h"
#include "base/thread.h"
#include "flow/frame.h"
#include "flow/queue.h"
#include "flow/slot.h"
#include "source/decoder.h"
#include "source/origin.h"
#include "source/source.h"

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
#define STALL_US       (2 * MONO_SECOND)
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
    atomic_int state;
    atomic_bool file;
    atomic_bool asleep;
    atomic_uint_fast64_t undecoded, wakes, dropped, behind;
    atomic_uint_fast64_t frames, damaged, sampled, reconnects, stalls;

    pthread_mutex_t lock; /* a leaf */
    /* protected by lock */
    int64_t since_us;
    char trouble[256];
    char format[64];
    char decoder[64], decoder_trouble[480];
    int64_t decoder_since_us;
    int64_t duration_us;

    /* owned by the thread */
    struct backoff backoff;
    struct log_limit complained, no_hardware;
    enum source_fault last_fault;
    bool again;       /* the file begins anew: it was never away */
    int64_t noted_us; /* when the database last heard of it */
    int64_t lost_us;  /* since when it is not online; 0: never was */
    int64_t last_frame_us;
    /* by earlier sessions */
    uint64_t damaged_before, undecoded_before, wakes_before, due_before;
    uint64_t dropped_before, behind_before;
};

/* One connection, from open to close. */
struct session {
    struct source *source;
    struct decoder *decoder;
    struct doze *doze;
    int64_t first_us; /* the first picture's arrival; 0: none yet */
    uint64_t frames;  /* counted so far */
    bool known;       /* what decodes */
    bool troubled;    /* and why it is not what was asked for */
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
    atomic_init(&c->state, CAMERA_CONNECTING);
    atomic_init(&c->file, origin_kind(conf->url) == ORIGIN_FILE); /* opening it knows better */
    c->since_us = mono_us();
    pthread_mutex_init(&c->lock, NULL);
    backoff_init(&c->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS, (uint64_t)mono_wall_us());
    return c;
}

void camera_free(struct camera *c)
{
    if (!c)
        return;
    stop_free(c->halt);
    pthread_mutex_destroy(&c->lock);
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
    enum camera_state before = (enum camera_state)atomic_exchange(&c->state, (int)state);
    pthread_mutex_lock(&c->lock);
    if (before != state)
        c->since_us = mono_us();
    redact_text(c->trouble, sizeof(c->trouble), trouble);
    pthread_mutex_unlock(&c->lock);
    if (before != state) {
        note(c, state);
        slot_ring(c->links.slot); /* nobody is in view of a camera that does not see */
    }
    c->links.changed(c->links.arg);
}

/* ------------------------------------------------------------- streaming --- */

static void came_online(struct camera *c, struct session *s)
{
    struct stream_info info = {0};
    source_info(s->source, &info);
    decoder_info(s->decoder, &info);
    char format[sizeof(c->format)];
    (void)snprintf(format, sizeof(format), "%s %dx%d", info.codec, info.width, info.height);
    /* The next round of a file that is looped is no news. */
    bool known = atomic_load(&c->state) == CAMERA_ONLINE && strcmp(c->format, format) == 0;
    pthread_mutex_lock(&c->lock);
    memcpy(c->format, format, sizeof(format));
    c->duration_us = source_stream(s->source)->duration_us;
    pthread_mutex_unlock(&c->lock);
    if (log_over(&c->complained) && c->lost_us)
        log_info(
                "camera", "back after %lld s", (long long)((mono_us() - c->lost_us) / MONO_SECOND));
    if (!known)
        log_info("camera", "streaming %s%s", format,
                info.unverified ? ", encrypted, but nobody checks whose certificate it is" : "");
    announce(c, CAMERA_ONLINE, "");
}

static void count_stall(struct camera *c, const struct session *s, int64_t now)
{
    double fps = source_stream(s->source)->fps;
    int64_t longest = fps > 0 ? (int64_t)(2 * MONO_SECOND / fps) : 0;
    if (c->last_frame_us && now - c->last_frame_us > (longest > STALL_US ? longest : STALL_US))
        atomic_fetch_add(&c->stalls, 1);
    c->last_frame_us = now;
}

/* Have so many pictures come as `once` says, of those that the rate asks for? */
static bool is_reached(const struct camera *c, const struct session *s)
{
    return c->once > 0 && c->due_before + doze_counts(s->doze).due >= (uint64_t)c->once;
}

/* Takes over a picture that is to be analysed. False: `once` is reached. */
static bool deliver(struct camera *c, struct session *s, struct frame *f)
{
    if (!s->first_us) {
        s->first_us = mono_us();
        came_online(c, s);
    }
    if (!source_stream(s->source)->live && c->conf->pace == PACE_MAX)
        slot_put_wait(c->links.slot, f, -1);
    else if (doze_counts(s->doze).ending)
        slot_put_wait(c->links.slot, f, LATE_MS);
    else
        slot_put(c->links.slot, f);
    atomic_fetch_add(&c->sampled, 1);
    return !is_reached(c, s);
}

/* What decodes, and why it is not what was asked for. */
static void note_decoder(struct camera *c, struct session *s, const struct stream_info *info)
{
    const char *trouble = decoder_trouble(s->decoder);
    if (s->known && s->troubled == !!trouble && strcmp(c->decoder, info->decoder) == 0)
        return;
    char text[sizeof(c->decoder_trouble)] = "";
    if (trouble)
        (void)snprintf(text, sizeof(text),
                "hwaccel \"%s\": %.150s; software decodes until the next connection",
                c->conf->hwaccel, trouble);
    if (trouble && !s->troubled && log_due(&c->no_hardware, mono_us()))
        log_warn("camera", "%s", text);
    if (!trouble && info->frames > 0 && log_over(&c->no_hardware))
        log_info("camera", "hwaccel \"%s\" decodes again", c->conf->hwaccel);
    pthread_mutex_lock(&c->lock);
    memcpy(c->decoder, info->decoder, sizeof(c->decoder));
    redact_text(c->decoder_trouble, sizeof(c->decoder_trouble), text);
    if (trouble && !s->troubled)
        c->decoder_since_us = mono_us();
    pthread_mutex_unlock(&c->lock);
    s->known = info->frames > 0;
    s->troubled = trouble;
}

/* Counts what has come since the last time. */
static void take_stock(struct camera *c, struct session *s)
{
    struct doze_counts counts = doze_counts(s->doze);
    atomic_store(&c->undecoded, c->undecoded_before + counts.undecoded);
    atomic_store(&c->wakes, c->wakes_before + counts.wakes);
    atomic_store(&c->dropped, c->dropped_before + counts.dropped);
    atomic_store(&c->behind, c->behind_before + counts.behind);
    atomic_store(&c->asleep, counts.asleep);
    struct stream_info info = {0};
    decoder_info(s->decoder, &info);
    atomic_store(&c->damaged, c->damaged_before + info.withheld);
    note_decoder(c, s, &info);
    if (counts.frames == s->frames)
        return;
    int64_t now = mono_us();
    count_stall(c, s, now);
    atomic_fetch_add(&c->frames, counts.frames - s->frames);
    s->frames = counts.frames;
    if (now - c->noted_us > NOTE_US)
        note(c, CAMERA_ONLINE);
}

static bool pull_all(struct camera *c, struct session *s)
{
    struct frame *f;
    bool more = true;
    while (more && (f = doze_pull(s->doze)))
        more = deliver(c, s, f);
    take_stock(c, s);
    return more && !is_reached(c, s);
}

/* Until something ends it. SOURCE_OK: `once` is reached. */
static enum source_fault stream(struct camera *c, struct session *s, struct err *e)
{
    struct packet packet;
    enum source_fault fault;
    while ((fault = source_read(s->source, &packet, e)) == SOURCE_OK) {
        beat_set(&c->beat, BEAT_WORKING);
        fault = doze_push(s->doze, &packet, e);
        if (fault != SOURCE_OK)
            return fault;
        if (!pull_all(c, s))
            return SOURCE_OK;
    }
    if (fault == SOURCE_EOF && doze_push(s->doze, NULL, NULL) == SOURCE_OK && !pull_all(c, s))
        return SOURCE_OK;
    return fault;
}

static enum source_fault session(struct camera *c, struct session *s, struct err *e)
{
    enum source_fault fault = SOURCE_OK;
    c->last_frame_us = 0;
    s->source = source_open(c->conf, NULL, c->halt, &c->beat, &fault, e);
    if (!s->source)
        return fault;
    atomic_store(&c->file, !source_stream(s->source)->live);
    s->decoder = decoder_open(source_stream(s->source), c->conf->hwaccel, &fault, e);
    if (s->decoder) {
        s->doze = doze_new(
                c->conf, source_stream(s->source), s->decoder, c->links.slot, c->links.ease);
        fault = stream(c, s, e);
        c->damaged_before = atomic_load(&c->damaged);
        c->undecoded_before = atomic_load(&c->undecoded);
        c->wakes_before = atomic_load(&c->wakes);
        c->dropped_before = atomic_load(&c->dropped);
        c->behind_before = atomic_load(&c->behind);
        c->due_before += doze_counts(s->doze).due;
    }
    doze_free(s->doze);
    atomic_store(&c->asleep, false);
    decoder_close(s->decoder);
    source_close(s->source);
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
    if (log_due(&c->complained, mono_us()))
        log_warn("camera", "%s; trying again in %d s", e->text, (wait_ms + 500) / 1000);
}

static void failed(struct camera *c, enum source_fault fault, const struct err *e, bool steady)
{
    atomic_fetch_add(&c->reconnects, 1);
    if (atomic_load(&c->state) == CAMERA_ONLINE || !c->lost_us)
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
    if (steady)
        backoff_reset(&c->backoff);
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
    struct session s = {0};
    struct err e = {0};
    if (atomic_load(&c->state) != CAMERA_OFFLINE && !c->again)
        announce(c, CAMERA_CONNECTING, "");
    c->again = false;
    beat_set(&c->beat, BEAT_WORKING);
    enum source_fault fault = session(c, &s, &e);
    if (fault == SOURCE_STOPPED)
        return;
    if (fault == SOURCE_EOF && !s.first_us)
        err_set(&e, -ENODATA, "%s: it ended before a whole picture came", c->conf->url_shown);
    if (fault == SOURCE_OK)
        reached(c);
    else if (fault == SOURCE_EOF && atomic_load(&c->file) && s.first_us)
        ended(c);
    else
        failed(c, fault, &e, s.first_us && mono_us() - s.first_us > STEADY_US);
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
        tell_store(c, (enum camera_state)atomic_load(&c->state)); /* it is kept all the same */
}

bool camera_online(const struct camera *c)
{
    return atomic_load(&c->state) == CAMERA_ONLINE;
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
    ret->state = (enum camera_state)atomic_load(&c->state);
    ret->enabled = atomic_load(&c->enabled);
    ret->frames = atomic_load(&c->frames);
    ret->damaged = atomic_load(&c->damaged);
    ret->sampled = atomic_load(&c->sampled);
    ret->undecoded = atomic_load(&c->undecoded);
    ret->wakes = atomic_load(&c->wakes);
    ret->dropped = atomic_load(&c->dropped);
    ret->behind = atomic_load(&c->behind);
    ret->asleep = atomic_load(&c->asleep);
    ret->reconnects = atomic_load(&c->reconnects);
    ret->stalls = atomic_load(&c->stalls);
    pthread_mutex_lock(&c->lock);
    ret->since_us = c->since_us;
    memcpy(ret->trouble, c->trouble, sizeof(ret->trouble));
    memcpy(ret->format, c->format, sizeof(ret->format));
    memcpy(ret->decoder, c->decoder, sizeof(ret->decoder));
    ret->decoder_since_us = c->decoder_since_us;
    memcpy(ret->decoder_trouble, c->decoder_trouble, sizeof(ret->decoder_trouble));
    ret->duration_us = c->duration_us;
    pthread_mutex_unlock(&c->lock);
}
