/* needs: store/store store/writer store/dbfile store/record store/outbox store/quarters store/copy store/reader store/crops store/upkeep store/keeper store/desk store/schema store/sql bus/bus bus/sender bus/broker bus/board bus/discovery bus/reason bus/tls bus/window bus/topic flow/event flow/message flow/queue flow/face flow/age base/backoff base/err base/log base/mem base/mono base/redact base/thread base/url base/utf8 base/uuid base/when */

/*
 * The store and the bus alone, for make torture: people come and go as in the daemon, and it says
 * on standard output what the rest of the world may rely on.
 *
 *     storedrive DATABASE PORT NODE PEOPLE [PAUSE_US]
 *
 * With PORT 0 it is the bus itself: "out MSG JSON" for each message that the store hands out, and
 * all are acknowledged. Else the broker on this port of loopback gets them. PEOPLE come, three at a
 * time; -1: without an end. "committed new|update|end ID" follows each commit. When all is
 * committed and the broker has acknowledged it, or after PATIENCE without either, or with SIGTERM
 * it stops as the daemon does and says "stopped waiting=N lost=N". Exit 1 with a sentence: it could
 * not begin; 3: a thread did not end.
 */
#include "../unit/kit_record.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/redact.h"
#include "base/thread.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "flow/event.h"
#include "flow/message.h"
#include "flow/queue.h"
#include "store/store.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE  3
#define PATIENCE (8 * MONO_SECOND)
#define DEADLINE 20000

struct drive {
    /* set at birth */
    struct store *store;
    struct bus *bus; /* NULL: this program is it */
    struct queue *events, *to_bus, *acks, *commands;
    struct event_loss loss;
    pthread_t deliverer;
    int port;
    long people, pause_us;
    atomic_long ended; /* committed */
};

static atomic_bool asked; /* by SIGTERM */

static void on_term(int number)
{
    (void)number;
    asked = true;
}

/* At once and whole: what was said before a kill has been said. */
static void tell(const char *format, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    (void)!write(STDOUT_FILENO, line, (size_t)n);
}

static void on_commit(void *arg, const struct event *ev)
{
    struct drive *d = arg;
    tell("committed %s %s\n", event_type_name(ev->type), ev->record.id);
    d->ended += ev->type == EVENT_END;
}

static void *deliver(void *arg)
{
    struct drive *d = arg;
    void *item;
    while (!queue_closed(d->to_bus) || queue_length(d->to_bus)) {
        if (queue_take(d->to_bus, &item, 1, DEADLINE) == 0)
            continue;
        struct message *m = item;
        tell("out %" PRIu64 " %s\n", m->msg, m->json);
        queue_put(d->acks, m);
    }
    return NULL;
}

/* ---- people ---- */

struct person {
    char id[UUID_TEXT];
    int64_t start_us;
};

static void put(struct drive *d, enum event_type type, const struct person *p)
{
    struct event *ev = event_new(type, "door");
    struct record *r = &ev->record;
    memcpy(r->id, p->id, sizeof(r->id));
    r->start_us = p->start_us;
    r->end_us = mono_wall_us();
    kit_describe(r);
    queue_put(d->events, ev);
}

static void put_camera(struct drive *d)
{
    struct event *ev = event_new(EVENT_CAMERA, "door");
    ev->status.state = CAMERA_ONLINE;
    ev->status.enabled = true;
    (void)snprintf(ev->status.url, sizeof(ev->status.url), "rtsp://192.0.2.7/");
    queue_put(d->events, ev);
}

/* Everybody comes, is seen, is estimated, and goes when the third after him has come. */
static void live(struct drive *d)
{
    struct person there[AT_ONCE] = {0};
    put_camera(d);
    for (long n = 0; (d->people < 0 || n < d->people + AT_ONCE) && !asked; n++) {
        struct person *p = &there[n % AT_ONCE];
        if (p->id[0])
            put(d, EVENT_END, p);
        p->id[0] = 0;
        if (d->people >= 0 && n >= d->people)
            continue;
        p->start_us = mono_wall_us();
        uuid_make(p->id, p->start_us);
        put(d, EVENT_NEW, p);
        put(d, EVENT_SEEN, p);
        put(d, EVENT_UPDATE, p);
        put(d, EVENT_OBSERVATION, p);
        if (d->pause_us)
            mono_sleep_us(d->pause_us);
        while (queue_length(d->events) > 300 && !asked)
            mono_sleep_us(2000); /* cameras are no faster */
    }
    for (int i = 0; i < AT_ONCE; i++) {
        if (there[i].id[0])
            put(d, EVENT_END, &there[i]);
    }
}

static void wait_until_done(struct drive *d)
{
    struct store_stats st = {0}, before = {0};
    int64_t moved_us = mono_us();
    bool done = false;
    while (!done && !asked && mono_us() - moved_us < PATIENCE) {
        mono_sleep_us(1000);
        store_stats(d->store, &st);
        /* Without a bus the rest is the stop's. */
        done = d->ended >= d->people && (!d->bus || !st.outbox_waiting) && !st.failing;
        if (st.events != before.events || st.outbox_waiting != before.outbox_waiting)
            moved_us = mono_us();
        before = st;
    }
}

/* ---- start and stop, in the daemon's order ---- */

static int start(struct drive *d, const char *path, const char *node, const struct conf_mqtt *conf,
        struct beat *beats, struct err *e)
{
    const struct store_options options = {
            .path = path,
            .node = node,
            .settings = {.mqtt = true,
                    .observations = true,
                    .outbox_age_us = 90 * 86400 * MONO_SECOND,
                    .kept = {.age_us = 90 * 86400 * MONO_SECOND}},
            .loss = &d->loss,
    };
    d->store = store_open(&options, e);
    if (!d->store)
        return e->code;
    d->events = queue_new(4096, event_free, event_squeeze, &d->loss);
    d->to_bus = queue_new(256, message_free, NULL, NULL);
    d->acks = queue_new(256 + 20, message_free, NULL, NULL);
    d->commands = queue_new(64, free, command_squeeze, NULL);
    store_on_commit(d->store, on_commit, d);
    int r = 0;
    if (d->port) {
        d->bus = bus_new(conf, node, d->to_bus, d->acks, d->commands, &beats[0], NULL);
        queue_on_put(d->to_bus, bus_ring, d->bus);
        r = bus_start(d->bus, e);
    } else {
        r = thread_start(&d->deliverer, "deliver", deliver, d);
    }
    if (r == 0)
        r = store_start(d->store, d->events, d->to_bus, d->acks, &beats[1]);
    return r < 0 ? err_set(e, r, "cannot start a thread: %s", err_name(r)) : 0;
}

static int stop(struct drive *d)
{
    store_stop(d->store);
    int r = store_drained(d->store, DEADLINE);
    if (d->bus) {
        bus_stop(d->bus);
        r |= bus_join(d->bus, DEADLINE);
    } else if (d->to_bus) {
        queue_close(d->to_bus);
        r |= thread_join(d->deliverer, DEADLINE);
    }
    r |= store_join(d->store, DEADLINE);
    return r;
}

static void release(struct drive *d)
{
    store_close(d->store);
    bus_free(d->bus);
    queue_free(d->events);
    queue_free(d->to_bus);
    queue_free(d->acks);
    queue_free(d->commands);
    sqlite3_shutdown();
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: storedrive DATABASE PORT NODE PEOPLE [PAUSE_US]\n");
        return 2;
    }
    sigset_t all, term;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    log_open(LEVEL_INFO);
    json_set_alloc_funcs(mem_alloc, free); /* as the daemon does */

    static struct drive d;
    d.port = atoi(argv[2]);
    d.people = atol(argv[4]);
    d.pause_us = argc > 5 ? atol(argv[5]) : 0;
    char *url = mem_format("mqtt://127.0.0.1:%d", d.port);
    char *id = mem_format("faced-%s", argv[3]);
    struct conf_broker at = {.host = (char *)"127.0.0.1", .port = d.port, .url_shown = url};
    struct conf_mqtt conf = {.configured = true,
            .n_brokers = 1,
            .brokers = &at,
            .version = MQTT_3_1_1,
            .prefix = (char *)"faced",
            .client_id = id};
    struct beat beats[2] = {0};
    struct err e = {0};
    int r = start(&d, argv[1], argv[3], &conf, beats, &e);
    if (r < 0) {
        fprintf(stderr, "%s\n", e.text);
        if (d.events)
            _exit(1); /* as the daemon does: one thread may run, and nothing is there to be lost */
    } else {
        signal(SIGTERM, on_term);
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        pthread_sigmask(SIG_UNBLOCK, &term, NULL);
        live(&d);
        wait_until_done(&d);
        if (stop(&d) < 0)
            return 3;
        struct store_stats st;
        store_stats(d.store, &st);
        tell("stopped waiting=%" PRId64 " lost=%" PRIu64 "\n", st.outbox_waiting, st.records_lost);
    }
    release(&d);
    redact_clear();
    free(url);
    free(id);
    return r < 0;
}
