/*
 * The bus thread: from the messages queue and the board to the broker, from the broker to the
 * acks and commands queues.
 *
 * It must never lose an acknowledgement, never send a message twice on one connection, and never
 * be waited for: everybody else leaves work under the lock or in a queue and rings the eventfd.
 *
 *     WAITING -- time --> CONNECTING -- CONNACK 0 --> TALKING -- stop --> DRAINING --> LEAVING
 *        ^                    |                          |                  |             |
 *        +------ trouble -----+--------- trouble --------+                  +-------------+--> OVER
 *
 * TALKING begins with the whole board, "status" first; the events follow. A stop ends WAITING and
 * CONNECTING at once. Only the thread moves between the states.
 */
#include "bus/bus.h"

#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "bus/broker.h"
#include "bus/discovery.h"
#include "bus/sender.h"
#include "bus/topic.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TOPIC    "bus"
#define LEAVE_MS 500
#define STEADY   (30 * MONO_SECOND)  /* a connection that lasted so long ends the back-off */
#define TAKEN    (600 * MONO_SECOND) /* how long another client with our id is left alone */
#define LIKELY   (120 * MONO_SECOND) /* the same where that is only likely */
#define AT_ONCE  (5 * MONO_SECOND)   /* a connection cut within that, */
#define SHORT    4 /* so many times in a row, while nothing was under way: likely */
#define MS       INT64_C(1000)

enum phase {
    PHASE_WAITING,
    PHASE_CONNECTING,
    PHASE_TALKING,
    PHASE_DRAINING,
    PHASE_LEAVING,
    PHASE_OVER,
};

/* One of the brokers, and what was last complained of it. */
struct route {
    struct broker *broker;
    struct log_limit trouble;
    char said[512];
};

struct bus {
    /* set at birth */
    const struct conf_mqtt *conf;
    struct queue *messages, *commands;
    struct beat *beat;
    struct bus_options options;
    const char *node;
    char *base, *status, *filter; /* topics */
    char *assistant;              /* Home Assistant's status; NULL: it is not told of us */
    int wake;                     /* eventfd */
    pthread_t thread;
    bool started;
    struct sender *sender; /* sender_set() and sender_counts() by any thread */

    atomic_bool stop;

    pthread_mutex_t lock; /* a leaf */
    /* protected by lock */
    struct bus_stats stats;

    /* owned by the bus thread */
    enum phase phase;
    bool left;            /* it knows that we went */
    struct route *routes; /* conf->n_brokers */
    int at;               /* the one in use */
    int cut_short;        /* connections in a row that ended so */
    struct backoff backoff;
    int64_t up_us;    /* when this connection came to stand */
    int64_t until_us; /* WAITING: the next try; DRAINING, LEAVING: the end of patience */
    struct log_limit odd_command;
};

size_t command_squeeze(void **items, size_t n, void *arg)
{
    (void)arg;
    if (n == 0)
        return 0;
    free(items[0]);
    memmove(items, items + 1, (n - 1) * sizeof(*items));
    return n - 1;
}

void bus_ring(void *bus)
{
    struct bus *b = bus;
    uint64_t one = 1;
    (void)!write(b->wake, &one, sizeof(one));
}

/* Somebody asks us to switch a camera. */
static void hear(void *arg, const struct broker_message *m)
{
    struct bus *b = arg;
    struct command c;
    if (b->assistant && strcmp(m->topic, b->assistant) == 0) {
        if (m->size == 6 && memcmp(m->payload, "online", 6) == 0 && !m->retained)
            sender_again(b->sender, b->conf->discovery_prefix);
        return;
    }
    /* A kept wish would switch the camera again at every connection, long after it was meant. */
    if (m->retained || !topic_is_enabled_set(b->base, m->topic, c.camera) ||
            !topic_on_off(m->payload, m->size, &c.enabled)) {
        if (log_due(&b->odd_command, mono_us()))
            log_warn(TOPIC, "ignored %s on %.100s; ON or OFF is taken, not retained (%u more)",
                    m->retained ? "a retained message" : "what came", m->topic,
                    b->odd_command.held_back);
        return;
    }
    struct command *copy = mem_new(1, sizeof(*copy));
    *copy = c;
    queue_put(b->commands, copy);
}

static struct broker *broker_of(const struct bus *b)
{
    return b->routes[b->at].broker;
}

/* From now on the i-th broker. */
static void go_to(struct bus *b, int i)
{
    const struct conf_broker *at = &b->conf->brokers[i];
    b->at = i;
    pthread_mutex_lock(&b->lock);
    (void)snprintf(b->stats.url, sizeof(b->stats.url), "%s", at->url_shown);
    b->stats.tls = at->tls;
    pthread_mutex_unlock(&b->lock);
}

struct bus *bus_new(const struct conf_mqtt *conf, const char *node, struct queue *messages,
        struct queue *acks, struct queue *commands, struct beat *beat,
        const struct bus_options *options)
{
    struct bus *b = mem_new(1, sizeof(*b));
    b->conf = conf;
    b->messages = messages;
    b->commands = commands;
    b->beat = beat;
    if (options)
        b->options = *options;
    struct bus_options *o = &b->options;
    o->keepalive_s = o->keepalive_s ? o->keepalive_s : 20;
    o->ack_ms = o->ack_ms ? o->ack_ms : 60000;
    o->connect_ms = o->connect_ms ? o->connect_ms : 10000;
    o->drain_ms = o->drain_ms ? o->drain_ms : 2000;
    b->node = node;
    b->base = topic_join(conf->prefix, node);
    b->assistant = conf->discovery ? discovery_status(conf->discovery_prefix) : NULL;
    b->status = topic_join(b->base, "status");
    b->filter = topic_enabled_filter(b->base);
    b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->wake < 0)
        b->wake = -errno; /* bus_start() will say so */
    pthread_mutex_init(&b->lock, NULL);
    b->sender = sender_new(b->base, messages, acks);
    sender_set(b->sender, "status", "online", true);
    b->stats.since_us = mono_wall_us();
    backoff_init(&b->backoff, 1000, 60000, (uint64_t)mono_us() ^ (uint64_t)getpid() << 32);
    b->routes = mem_new((size_t)conf->n_brokers, sizeof(*b->routes));
    for (int i = 0; i < conf->n_brokers; i++)
        b->routes[i].broker = broker_new(&(struct broker_setup){conf, &conf->brokers[i], b->status,
                "offline", {b->filter, b->assistant}, o->keepalive_s, o->connect_ms, hear, b});
    go_to(b, 0);
    return b;
}

void bus_free(struct bus *b)
{
    if (!b)
        return;
    for (int i = 0; i < b->conf->n_brokers; i++)
        broker_free(b->routes[i].broker);
    free(b->routes);
    sender_free(b->sender);
    pthread_mutex_destroy(&b->lock);
    if (b->wake >= 0)
        close(b->wake);
    free(b->assistant);
    free(b->filter);
    free(b->status);
    free(b->base);
    free(b);
}

void bus_inherit(struct bus *b, struct bus *other)
{
    sender_inherit(b->sender, other->sender);
}

void bus_state(struct bus *b, const char *topic, const char *payload)
{
    sender_set(b->sender, topic, payload, true);
    bus_ring(b);
}

void bus_introduce(struct bus *b, const char *camera, bool present)
{
    if (!b->conf->discovery)
        return;
    char *topic = discovery_topic(b->conf->discovery_prefix, b->node, camera);
    char *payload = present ? discovery_payload(b->base, b->node, camera) : NULL;
    sender_set_at(b->sender, topic, payload, true);
    bus_ring(b);
    free(payload);
    free(topic);
}

void bus_news(struct bus *b, const char *topic, const char *payload)
{
    sender_set(b->sender, topic, payload, false);
    bus_ring(b);
}

void bus_stats(struct bus *b, struct bus_stats *ret_stats)
{
    pthread_mutex_lock(&b->lock);
    *ret_stats = b->stats;
    pthread_mutex_unlock(&b->lock);
    struct sender_counts counts;
    sender_counts(b->sender, &counts);
    ret_stats->sent = counts.sent;
    ret_stats->acked = counts.acked;
    ret_stats->refused = counts.refused;
}

static void note_connected(struct bus *b, bool connected)
{
    pthread_mutex_lock(&b->lock);
    if (b->stats.connected != connected)
        b->stats.since_us = mono_wall_us();
    b->stats.connected = connected;
    b->stats.connections += connected;
    pthread_mutex_unlock(&b->lock);
}

static void complain(struct bus *b, int64_t now, const struct err *e)
{
    struct route *r = &b->routes[b->at];
    pthread_mutex_lock(&b->lock);
    (void)snprintf(b->stats.error, sizeof(b->stats.error), "%s", e->text);
    b->stats.taken_over = e->code == -EBUSY;
    pthread_mutex_unlock(&b->lock);
    if (strcmp(r->said, e->text) != 0)
        r->trouble = (struct log_limit){0};
    if (log_due(&r->trouble, now)) {
        (void)snprintf(r->said, sizeof(r->said), "%s", e->text);
        log_warn(TOPIC, "%s (events wait in the database)", e->text);
    }
}

/* Which broker next, and when: the next of a round at once. One that takes us and none of our
 * messages is as good as away. */
static void look_ahead(struct bus *b, int64_t now, bool lasted, const struct err *e)
{
    if ((!lasted || e->code == -EDQUOT) && b->at + 1 < b->conf->n_brokers) {
        go_to(b, b->at + 1);
        b->until_us = now;
        return;
    }
    go_to(b, 0);
    int64_t pause_us = e->code != -EBUSY       ? backoff_next(&b->backoff) * MS
                       : b->cut_short >= SHORT ? LIKELY
                                               : TAKEN;
    b->until_us = now + pause_us;
}

/*
 * The broker closed it soon after it took it. MQTT 3.1.1, and brokers of 5 that do not say
 * "taken over", leave it at that; when it happens again and again with nothing under way that could
 * have displeased it, and each time it takes us back at the first try, another client most likely
 * has our id, and to come back would throw it out.
 */
static void suspect(struct bus *b, bool idle, int64_t lasted_us, struct err *e)
{
    b->cut_short = idle && lasted_us < AT_ONCE ? b->cut_short + 1 : 0;
    bool likely = b->cut_short >= SHORT;
    (void)err_set(e, likely ? -EBUSY : e->code,
            "the broker %s closed the connection soon after it took it%s; does another client use "
            "the id '%s' (mqtt.client_id)?",
            b->conf->brokers[b->at].url_shown, likely ? ", again and again" : "",
            b->conf->client_id);
}

/* The connection is no more, for the reason in e. */
static void part(struct bus *b, int64_t now, struct err *e)
{
    bool lasted = b->phase >= PHASE_TALKING;
    bool idle = sender_waits_since(b->sender) == INT64_MAX;
    if (sender_cut(b->sender, lasted && e->code == -ECONNRESET))
        backoff_reset(&b->backoff); /* what it disliked does not come again */
    if (lasted && now - b->up_us >= STEADY) {
        backoff_reset(&b->backoff);
        b->cut_short = 0;
    } else if (lasted && e->code == -ECONNRESET) {
        suspect(b, idle, now - b->up_us, e);
    } else if (!lasted) {
        b->cut_short = 0; /* it was away itself */
    }
    note_connected(b, false);
    complain(b, now, e);
    look_ahead(b, now, lasted, e);
    b->phase = b->phase > PHASE_TALKING ? PHASE_OVER : PHASE_WAITING;
}

static void try_to_connect(struct bus *b, int64_t now)
{
    struct err e = {0};
    beat_set(b->beat, BEAT_RESOLVING);
    int r = broker_open(broker_of(b), now, &e);
    beat_set(b->beat, BEAT_WORKING);
    b->phase = PHASE_CONNECTING;
    if (r < 0)
        part(b, mono_us(), &e);
}

static void arrive(struct bus *b, int64_t now)
{
    bool version_5 = broker_is_version_5(broker_of(b)), again = false;
    b->phase = PHASE_TALKING;
    b->up_us = now;
    pthread_mutex_lock(&b->lock);
    b->stats.version_5 = version_5;
    b->stats.taken_over = false;
    pthread_mutex_unlock(&b->lock);
    note_connected(b, true);
    for (int i = 0; i < b->conf->n_brokers; i++) {
        again |= log_over(&b->routes[i].trouble);
        b->routes[i].said[0] = 0;
    }
    log_info(TOPIC, "connected to the broker %s%s by MQTT %s", b->conf->brokers[b->at].url_shown,
            again ? " again" : "", version_5 ? "5" : "3.1.1");
}

/* When the connection is given up for an acknowledgement that does not come. */
static int64_t patience_ends(struct bus *b)
{
    int64_t since = sender_waits_since(b->sender);
    return since == INT64_MAX ? since : since + b->options.ack_ms * MS;
}

/* The way out: drain, say offline, go. Without an answer to that no goodbye either: then the broker
 * publishes the will, which says the same. */
static void take_leave(struct bus *b, int64_t now)
{
    if (b->phase == PHASE_TALKING) {
        b->phase = PHASE_DRAINING;
        b->until_us = now + b->options.drain_ms * MS;
    }
    bool settled = sender_settled(b->sender);
    if (b->phase == PHASE_DRAINING) {
        size_t left = sender_left(b->sender);
        if ((left || !settled) && now < b->until_us)
            return;
        if (left)
            log_info(TOPIC, "%zu events stay in the database for the next start", left);
        sender_set(b->sender, "status", "offline", true);
        b->phase = PHASE_LEAVING;
        b->until_us = now + LEAVE_MS * MS;
        return;
    }
    b->left = settled;
    if (settled)
        broker_leave(broker_of(b));
    if (settled || now >= b->until_us)
        b->phase = PHASE_OVER;
}

/* One turn after poll(), with what it returned for the broker. */
static void turn(struct bus *b, short revents)
{
    int64_t now = mono_us();
    bool stop = atomic_load(&b->stop);
    struct err e = {0};
    if (b->phase <= PHASE_CONNECTING && stop) {
        b->phase = PHASE_OVER;
        return;
    }
    if (b->phase == PHASE_WAITING && now >= b->until_us)
        try_to_connect(b, now);
    if (b->phase == PHASE_WAITING)
        return;

    struct broker *broker = broker_of(b);
    struct err full = {0};
    int r = broker_service(broker, revents, now, &e);
    /* also what came before it broke */
    if (sender_collect(b->sender, broker, &full) < 0 && r == 0) {
        broker_close(broker);
        e = full;
        r = e.code;
    }
    if (r == 0 && b->phase == PHASE_CONNECTING && broker_state(broker) == BROKER_UP)
        arrive(b, now);
    if (r == 0 && b->phase >= PHASE_TALKING) {
        if (stop)
            take_leave(b, now);
        if (b->phase == PHASE_OVER)
            return;
        r = sender_send(b->sender, broker, b->phase != PHASE_LEAVING, now, &e);
    }
    if (r == 0 && now >= patience_ends(b)) {
        broker_close(broker);
        r = err_set(&e, -EDQUOT, "the broker %s has not acknowledged a message for %d s",
                b->conf->brokers[b->at].url_shown, b->options.ack_ms / 1000);
    }
    if (r < 0)
        part(b, now, &e);
}

static int timeout_ms(struct bus *b)
{
    int64_t now = mono_us();
    int64_t until = INT64_MAX;
    if (b->phase == PHASE_CONNECTING) {
        until = broker_due_us(broker_of(b));
    } else if (b->phase >= PHASE_TALKING) {
        /* The library counts its pings in seconds when it is asked. */
        until = now + b->options.keepalive_s * MONO_SECOND / 4;
        int64_t patience = patience_ends(b);
        until = patience < until ? patience : until;
    }
    if (b->phase != PHASE_CONNECTING && b->phase != PHASE_TALKING && b->until_us < until)
        until = b->until_us;
    int64_t ms = (until - now + MS - 1) / MS;
    return ms < 0 ? 0 : (int)ms;
}

static void *run(void *arg)
{
    struct bus *b = arg;
    /* The library writes to sockets that may be closed. */
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);

    short revents = 0;
    for (;;) {
        beat_set(b->beat, BEAT_WORKING);
        turn(b, revents);
        if (b->phase == PHASE_OVER)
            break;
        struct pollfd fds[] = {
                {.fd = b->wake, .events = POLLIN},
                {.fd = broker_fd(broker_of(b)), .events = broker_wants(broker_of(b))},
        };
        beat_set(b->beat, BEAT_WAITING);
        int n = poll(fds, 2, timeout_ms(b));
        revents = n > 0 ? fds[1].revents : 0;
        uint64_t rung;
        if (n > 0 && fds[0].revents)
            (void)!read(b->wake, &rung, sizeof(rung));
    }
    broker_close(broker_of(b));
    note_connected(b, false);
    log_info(TOPIC, "ended %s", b->left ? "with a goodbye to the broker" : "without the broker");
    return NULL;
}

int bus_start(struct bus *b, struct err *e)
{
    if (!topic_valid(b->base))
        return err_set(e, -EINVAL,
                "'%s' cannot begin a topic: choose an mqtt.prefix without + # and control "
                "characters, not beginning with $ or /",
                b->base);
    if (b->wake < 0)
        return err_set(e, b->wake, "cannot make an eventfd: %s", err_name(b->wake));
    int r = thread_start(&b->thread, "bus", run, b);
    if (r < 0)
        return err_set(e, r, "cannot start the bus thread: %s", err_name(r));
    b->started = true;
    return 0;
}

void bus_stop(struct bus *b)
{
    atomic_store(&b->stop, true);
    bus_ring(b);
}

int bus_join(struct bus *b, int timeout_ms)
{
    if (!b->started)
        return 0;
    int r = thread_join(b->thread, timeout_ms);
    b->started = r < 0;
    return r;
}
