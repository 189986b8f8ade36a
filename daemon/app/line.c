#include "app/line.h"

#include "base/log.h"
#include "base/mem.h"
#include "bus/bus.h"
#include "conf/load.h"
#include "flow/message.h"
#include "flow/queue.h"

#include <pthread.h>
#include <stdlib.h>

#define MESSAGES 256 /* store -> bus */
#define ACKS     (MESSAGES + 20)
#define COMMANDS 64

struct line {
    /* set at birth */
    struct queue *messages, *acks, *commands;
    struct beat beat;

    pthread_mutex_t lock; /* a leaf */
    /* written by main, and under lock; read by main, or under lock */
    struct bus *bus;

    /* owned by main */
    struct conf *conf;   /* held by the bus; NULL: there is no bus */
    bool leaving;        /* it was asked to stop */
    struct conf *next;   /* held: the bus to come, once the old one is gone; NULL: none */
    struct bus *retired; /* it has ended, and no other has come; NULL: none */
    struct conf *retired_conf;
};

/* The store's thread: which bus is to be rung may just be changing. */
static void ring(void *arg)
{
    struct line *l = arg;
    pthread_mutex_lock(&l->lock);
    if (l->bus)
        bus_ring(l->bus);
    pthread_mutex_unlock(&l->lock);
}

static void set_bus(struct line *l, struct bus *bus)
{
    pthread_mutex_lock(&l->lock);
    l->bus = bus;
    pthread_mutex_unlock(&l->lock);
}

struct line *line_new(void (*wake)(void *arg), void *arg)
{
    struct line *l = mem_new(1, sizeof(*l));
    pthread_mutex_init(&l->lock, NULL);
    l->messages = queue_new(MESSAGES, message_free, NULL, NULL);
    l->acks = queue_new(ACKS, message_free, NULL, NULL);
    l->commands = queue_new(COMMANDS, free, command_squeeze, NULL);
    queue_on_put(l->messages, ring, l);
    queue_on_put(l->commands, wake, arg);
    return l;
}

void line_free(struct line *l)
{
    if (!l)
        return;
    bus_free(l->bus);
    bus_free(l->retired);
    conf_free(l->conf);
    conf_free(l->retired_conf);
    conf_free(l->next);
    pthread_mutex_destroy(&l->lock);
    queue_free(l->messages);
    queue_free(l->acks);
    queue_free(l->commands);
    free(l);
}

struct queue *line_messages(struct line *l)
{
    return l->messages;
}

struct queue *line_acks(struct line *l)
{
    return l->acks;
}

struct queue *line_commands(struct line *l)
{
    return l->commands;
}

void line_open(struct line *l, struct conf *conf)
{
    if (!conf->mqtt.configured)
        return;
    l->conf = conf_hold(conf);
    set_bus(l, bus_new(&conf->mqtt, conf->node, l->messages, l->acks, l->commands, &l->beat, NULL));
}

int line_start(struct line *l, struct err *e)
{
    return l->bus ? bus_start(l->bus, e) : 0;
}

void line_change(struct line *l, struct conf *conf)
{
    conf_free(l->next);
    l->next = conf_hold(conf);
    if (l->bus && !l->leaving)
        bus_stop(l->bus);
    l->leaving = true;
}

/* The old bus has ended: the new one goes on with its messages. Where none is wanted the old one is
 * kept for a later one, with what it has not delivered. */
static void succeed(struct line *l, struct conf *conf)
{
    struct bus *old = l->bus ? l->bus : l->retired;
    struct conf *old_conf = l->bus ? l->conf : l->retired_conf;
    set_bus(l, NULL);
    l->retired = NULL;
    l->conf = l->retired_conf = NULL;
    line_open(l, conf);
    if (!l->bus) {
        l->retired = old;
        l->retired_conf = old_conf;
        return;
    }
    if (old)
        bus_inherit(l->bus, old);
    bus_free(old);
    conf_free(old_conf);
    struct err e = {0};
    if (line_start(l, &e) < 0)
        log_error("main", "no broker is told anything: %s", e.text);
}

bool line_turn(struct line *l, bool *ret_new)
{
    *ret_new = false;
    if (!l->leaving)
        return false;
    if (l->bus && bus_join(l->bus, 0) < 0)
        return true;
    l->leaving = false;
    beat_set(&l->beat, BEAT_WAITING);
    struct conf *next = l->next;
    l->next = NULL;
    succeed(l, next);
    conf_free(next);
    *ret_new = true;
    return false;
}

struct bus *line_bus(struct line *l)
{
    return l->leaving ? NULL : l->bus;
}

const struct beat *line_beat(const struct line *l)
{
    return &l->beat;
}

void line_stop(struct line *l)
{
    if (l->bus && !l->leaving)
        bus_stop(l->bus);
    l->leaving = true;
}

int line_join(struct line *l, int timeout_ms)
{
    return l->bus ? bus_join(l->bus, timeout_ms) : 0;
}
