#pragma once

#include "base/beat.h"
#include "base/err.h"
#include "flow/queue.h"
#include "flow/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The daemon's voice: one thread that brings the outbox's messages and the state of things to an
 * MQTT broker, and hears which cameras are to be switched.
 *
 * A broker that is absent, refuses, restarts or falls silent costs delay and nothing else; of
 * several brokers the next is tried at once, and after each round there is a pause. A
 * message goes out once, and again only when the connection broke before it was acknowledged;
 * oldest first, at most 20 in flight, `published` and `replayed` made anew at each sending. The
 * contract of the topics is in faced-events(7).
 *
 * The three queues must outlive the bus:
 *   messages  struct message, in outbox order. The bus is its one taker; bus_ring() is to be called
 *             when something was put in. What it took belongs to it; what is not acknowledged at
 *             the end is freed, and its row stays.
 *   acks      struct message that the broker has. The taker deletes the row and frees it. Room for
 *             as many as may be under way: the capacity of messages and 20 more.
 *   commands  struct command, freed with free().
 */
struct bus;

struct command {
    char camera[NAME_SIZE]; /* a well-formed name; whether there is such a camera is not known */
    bool enabled;
};

/* A queue's squeeze for commands: the oldest goes. */
size_t command_squeeze(void **items, size_t n, void *arg);

/* What only tests and measurements change; 0 stands for the default. */
struct bus_options {
    int keepalive_s; /* 20; a silent broker is noticed by 2.5 of it, before ack_ms is over */
    int ack_ms;      /* 60000: a connection with an older unacknowledged packet is given up */
    int connect_ms;  /* 10000: from the start of connecting to the broker's answer */
    int drain_ms;    /* 2000: what a stop waits for acknowledgements */
};

/* conf and node are kept and must outlive the bus; options may be NULL. */
struct bus *bus_new(const struct conf_mqtt *conf, const char *node, struct queue *messages,
        struct queue *acks, struct queue *commands, struct beat *beat,
        const struct bus_options *options);

/* Starts the thread "bus". A broker need not be there. Fails for topics that MQTT does not allow
 * (-EINVAL) and when there are no means for a thread. */
int bus_start(struct bus *b, struct err *e);

/* There is something in the messages queue. Any thread; never waits; void * so that a queue can
 * call it. */
void bus_ring(void *bus);

/*
 * The topic below <prefix>/<node>/ ("door/count") has this value from now on. Retained, the newest
 * wins, all are sent again on each connection; NULL clears the topic. "status" is the bus's own.
 * Any thread, also before bus_start(); never waits.
 */
void bus_state(struct bus *b, const char *topic, const char *payload);

/* Tells Home Assistant that there is such a camera, or no more; nothing without mqtt.discovery.
 * Sent again on each connection, and when Home Assistant has started. Any thread; never waits. */
void bus_introduce(struct bus *b, const char *camera, bool present);

/* The same for news that are not kept ("stats"): sent once; while there is no connection the newest
 * waits. */
void bus_news(struct bus *b, const char *topic, const char *payload);

/*
 * Asks the thread to end: it sends what is in the messages queue and waits for acknowledgements
 * for at most drain_ms, then publishes `offline` and takes its leave in at most half a second.
 * Acknowledgements come to the end, so whoever takes them must stay until bus_join().
 */
void bus_stop(struct bus *b);

/* 0, or -ETIMEDOUT: it hangs in the resolver, and the bus must not be freed. */
int bus_join(struct bus *b, int timeout_ms);

void bus_free(struct bus *b); /* after bus_join(), or never started; NULL is fine */

/* Begins with the messages that the other has taken and not delivered; b was not started yet, the
 * other was joined, and both have the same queues. */
void bus_inherit(struct bus *b, struct bus *other);

struct bus_stats {
    bool connected;
    int64_t since_us; /* wall time since when that is so */
    char url[256];    /* of the broker that is connected, or is tried; redacted */
    bool version_5;   /* of MQTT; else 3.1.1 */
    bool tls;
    bool taken_over;  /* by another client with our id: it is not fought */
    char error[512];  /* the latest trouble in words, kept when it is over; "" for none yet */
    uint64_t sent;    /* events, repeats included */
    uint64_t acked;   /* events */
    uint64_t refused; /* events and states that the broker does not take */
    uint64_t connections;
};

void bus_stats(struct bus *b, struct bus_stats *ret_stats);
