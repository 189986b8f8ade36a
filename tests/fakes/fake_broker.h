#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A broker without a network, in the place of bus/broker.c, for one bus at a time. It keeps the
 * rules of broker.h and checks that its caller does.
 *
 * Threads: the fields are set before the bus starts or by its own thread, but for the atomics.
 */
struct fake_sent {
    int connection; /* from 1 */
    int mid;
    char topic[64];
    char payload[160];
    bool retained;
};

struct fake_broker {
    /* Called for each packet with its answer: FAKE_... */
    int (*verdict)(void *arg, const struct fake_sent *sent);
    void *arg;
    int refuse;    /* so many connections are refused first */
    _Atomic int n; /* what was sent, repeats included; the entries below are complete */
    struct fake_sent sent[20000];
    int in_flight, most_in_flight; /* on the connection */
    int connections;
    bool left; /* with a goodbye */
};

enum {
    FAKE_ACK,      /* acknowledged at the next service */
    FAKE_WITHHOLD, /* never acknowledged on this connection */
    FAKE_BREAK,    /* acknowledged, and the connection breaks at the next service */
    FAKE_INVALID,  /* broker_publish() says -EINVAL */
    FAKE_REFUSE,   /* answered at the next service: not authorised */
    FAKE_CUT,      /* the connection breaks at the next service, without a word */
    FAKE_RESET,    /* so, and the answers on their way are lost */
};

extern struct fake_broker fake_broker;
