#pragma once

#include "base/err.h"
#include "flow/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One connection to one broker: MQTT 5 or 3.1.1, by TCP or TLS, over libmosquitto, driven by its
 * owner's poll().
 *
 * It never queues for later and never repeats anything by itself: each broker_open() begins with
 * nothing, because the library would send its own old copies again, byte for byte and with a
 * `published` of an hour ago. What was not acknowledged before the connection broke is the owner's
 * to send again.
 *
 * One thread; `heard` runs on it, inside broker_service(), and must not call back in here.
 *
 * Errors carry a sentence for the operator and a code: -EAGAIN the name is not resolved, -EACCES
 * refused by the broker or not believed, -ETIMEDOUT it is silent, -ECONNRESET it went away, -EBUSY
 * another client took our id, else as the kernel says it. After each of them the broker is down;
 * there is no need to close it.
 */
struct broker;

enum broker_state {
    BROKER_DOWN,
    BROKER_CONNECTING, /* TCP, or the answer to CONNECT or SUBSCRIBE is awaited */
    BROKER_UP,
};

struct broker_message {
    const char *topic;
    const void *payload;
    size_t size;
    bool retained;
};

struct broker_setup {
    const struct conf_mqtt *conf; /* must outlive the broker, as all that is pointed to here */
    const struct conf_broker *at; /* which of them */
    const char *will_topic;       /* gets the retained will_payload when we vanish */
    const char *will_payload;
    const char *filters[2]; /* what we listen to; NULL: no more */
    int keepalive_s;        /* at least 5; a silent broker is noticed by 2.5 of it */
    int connect_ms;         /* from the open to the broker's answer */
    void (*heard)(void *arg, const struct broker_message *m);
    void *arg;
};

struct broker *broker_new(const struct broker_setup *setup);
void broker_free(struct broker *b); /* closes; NULL is fine */

enum broker_state broker_state(const struct broker *b);

/* Does it speak, or is it asked to speak, MQTT 5? Else 3.1.1. */
bool broker_is_version_5(const struct broker *b);

/* Begins to connect. Does not wait for the broker, but the name is resolved here, and nobody can
 * interrupt that. 0, or a negative errno. */
int broker_open(struct broker *b, int64_t now_us, struct err *e);

/* Gone without a word: the broker will publish the will. */
void broker_close(struct broker *b);

/* What to poll for, -1 and 0 while it is down; and when to call broker_service() at the latest. */
int broker_fd(const struct broker *b);
short broker_wants(const struct broker *b);
int64_t broker_due_us(const struct broker *b);

/* After poll, with what it returned, 0 for none. 0, or a negative errno: it is down. */
int broker_service(struct broker *b, short revents, int64_t now_us, struct err *e);

/*
 * Sends with QoS 1 as packet *ret_mid, above 0. Only while up, and not more than 20 without an
 * acknowledgement. 0; -EINVAL: this can never be sent, and the connection stands; or another
 * negative errno: it is down.
 */
int broker_publish(struct broker *b, const char *topic, const char *payload, bool retained,
        int *ret_mid, struct err *e);

/* The next packet that the broker has answered, each once; 0: no more. *ret_reason: why it refused
 * it (reason.h), 0 when it took it. */
int broker_acked(struct broker *b, int *ret_reason);

/* Says goodbye, so that the will is not published, and closes. */
void broker_leave(struct broker *b);
