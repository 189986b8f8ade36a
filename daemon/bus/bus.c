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
#define STEADY   (30 * MONO_SECOND) /* a connection that lasted so long ends the back-off */
#define MS       INT64_C(1000)

enum phase {
    PHASE_WAITING,
    PHASE_CONNECTING,
    PHASE_TALKING,
    PHASE_DRAINING,
    PHASE_LEAVING,
    PHASE_OVER,
};

struct bus {
    /* set at birth */
    const struct conf_mqtt *conf;
    struct queue *messages, *commands;
    struct beat *beat;
    struct bus_options options;
    char *base, *status, *filter; /* topics */
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
    bool left; /* it knows that we went */
    struct broker *broker;
    struct backoff backoff;
    int64_t up_us;    /* when this connection came to stand */
    int64_t until_us; /* WAITING: the next try; DRAINING, LEAVING: the end of patience */
    struct log_limit trouble, odd_command;
    char said[512]; /* the trouble last logged */
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

static void ring(void *arg)
{
    struct bus *b = arg;
    uint64_t one = 1;
    (void)!write(b->wake, &one, sizeof(one));
}

/* Somebody asks us to switch a camera. */
static void hear(void *arg, const struct broker_message *m)
{
    struct bus *b = arg;
    struct command c;
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
    o->keepalive_s = o->keepalive_s ? o->keepalive_s : 30;
    o->ack_ms = o->ack_ms ? o->ack_ms : 60000;
    o->connect_ms = o->connect_ms ? o->connect_ms : 10000;
    o->drain_ms = o->drain_ms ? o->drain_ms : 2000;
    b->base = topic_join(conf->prefix, node);
    b->status = topic_join(b->base, "status");
    b->filter = topic_enabled_filter(b->base);
    b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->wake < 0)
        b->wake = -errno;            /* bus_start() will say so */
    queue_on_put(messages, ring, b); /* the store may begin to put before the bus begins to take */
    pthread_mutex_init(&b->lock, NULL);
    b->sender = sender_new(b->base, messages, acks);
    sender_set(b->sender, "status", "online", true);
    b->stats.since_us = mono_wall_us();
    backoff_init(&b->backoff, 1000, 60000, (uint64_t)mono_us() ^ (uint64_t)getpid() << 32);
    b->broker = broker_new(&(struct broker_setup){
            conf, b->status, "offline", b->filter, o->keepalive_s, o->connect_ms, hear, b});
    return b;
}

void bus_free(struct bus *b)
{
    if (!b)
        return;
    queue_on_put(b->messages, NULL, NULL);
    broker_free(b->broker);
    sender_free(b->sender);
    pthread_mutex_destroy(&b->lock);
    if (b->wake >= 0)
        close(b->wake);
    free(b->filter);
    free(b->status);
    free(b->base);
    free(b);
}

void bus_state(struct bus *b, const char *topic, const char *payload)
{
    sender_set(b->sender, topic, payload, true);
    ring(b);
}

void bus_news(struct bus *b, const char *topic, const char *payload)
{
    sender_set(b->sender, topic, payload, false);
    ring(b);
}

void bus_stats(struct bus *b, struct bus_stats *ret_stats)
{
    pthread_mutex_lock(&b->lock);
    *ret_stats = b->stats;
    pthread_mutex_unlock(&b->lock);
    sender_counts(b->sender, &ret_stats->sent, &ret_stats->acked);
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

/* The connection is no more, for the reason in e. */
static void part(struct bus *b, int64_t now, struct err *e)
{
    bool lasted = b->phase >= PHASE_TALKING;
    if (lasted && now - b->up_us >= STEADY)
        backoff_reset(&b->backoff);
    else if (lasted && e->code == -ECONNRESET)
        (void)err_set(e, e->code,
                "the broker %s closed the connection soon after it took it; does another client "
                "use the id '%s' (mqtt.client_id)?",
                b->conf->url_shown, b->conf->client_id);

    pthread_mutex_lock(&b->lock);
    (void)snprintf(b->stats.error, sizeof(b->stats.error), "%s", e->text);
    pthread_mutex_unlock(&b->lock);
    note_connected(b, false);
    sender_cut(b->sender);

    if (strcmp(b->said, e->text) != 0)
        b->trouble = (struct log_limit){0};
    if (log_due(&b->trouble, now)) {
        (void)snprintf(b->said, sizeof(b->said), "%s", e->text);
        log_warn(TOPIC, "%s (events wait in the database)", e->text);
    }
    b->until_us = now + backoff_next(&b->backoff) * MS;
    b->phase = b->phase > PHASE_TALKING ? PHASE_OVER : PHASE_WAITING;
}

static void try_to_connect(struct bus *b, int64_t now)
{
    struct err e = {0};
    beat_set(b->beat, BEAT_RESOLVING);
    int r = broker_open(b->broker, now, &e);
    beat_set(b->beat, BEAT_WORKING);
    b->phase = PHASE_CONNECTING;
    if (r < 0)
        part(b, mono_us(), &e);
}

static void arrive(struct bus *b, int64_t now)
{
    b->phase = PHASE_TALKING;
    b->up_us = now;
    note_connected(b, true);
    log_info(TOPIC, "connected to the broker %s%s", b->conf->url_shown,
            log_over(&b->trouble) ? " again" : "");
    b->said[0] = 0;
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
        broker_leave(b->broker);
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

    int r = broker_service(b->broker, revents, now, &e);
    sender_collect(b->sender, b->broker); /* also what came before it broke */
    if (r == 0 && b->phase == PHASE_CONNECTING && broker_state(b->broker) == BROKER_UP)
        arrive(b, now);
    if (r == 0 && b->phase >= PHASE_TALKING) {
        if (stop)
            take_leave(b, now);
        if (b->phase == PHASE_OVER)
            return;
        r = sender_send(b->sender, b->broker, b->phase != PHASE_LEAVING, now, &e);
    }
    if (r == 0 && now >= patience_ends(b)) {
        broker_close(b->broker);
        r = err_set(&e, -ETIMEDOUT, "the broker %s has not acknowledged a message for %d s",
                b->conf->url_shown, b->options.ack_ms / 1000);
    }
    if (r < 0)
        part(b, now, &e);
}

static int timeout_ms(struct bus *b)
{
    int64_t now = mono_us();
    int64_t until = INT64_MAX;
    if (b->phase == PHASE_CONNECTING) {
        until = broker_due_us(b->broker);
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
                {.fd = broker_fd(b->broker), .events = broker_wants(b->broker)},
        };
        beat_set(b->beat, BEAT_WAITING);
        int n = poll(fds, 2, timeout_ms(b));
        revents = n > 0 ? fds[1].revents : 0;
        uint64_t rung;
        if (n > 0 && fds[0].revents)
            (void)!read(b->wake, &rung, sizeof(rung));
    }
    broker_close(b->broker);
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
    ring(b);
}

int bus_join(struct bus *b, int timeout_ms)
{
    if (!b->started)
        return 0;
    int r = thread_join(b->thread, timeout_ms);
    b->started = r < 0;
    return r;
}
