#pragma once

#include "base/err.h"
#include "bus/broker.h"
#include "flow/queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What goes out and in which order: on each connection first the whole board, "status" at its
 * head, then the messages that the last connection left open, then those of the queue.
 *
 * At most 20 packets are in flight, of these at most 10 from the board, so that a storm of states
 * may slow the messages down and not hold them up.
 *
 * What the broker refuses holds up nothing: by MQTT 5 it says so, and the packet is set aside. By
 * 3.1.1 it can only cut the connection; after two cuts without progress one packet is in flight at
 * a time, and the one at which it cuts again is set aside, provided that the broker has taken
 * another on the same connection: one that hangs up on everything is broken, and nothing is given
 * up for it. To find out, the next connection begins with another packet. A message that is set
 * aside is taken for delivered and counted; receivers see the gap in the numbers.
 *
 * Threads: sender_set...(), sender_again() and sender_counts() from any; all else from the one that
 * owns the broker.
 */
struct sender;

/* base: "<prefix>/<node>". It takes from messages, and gives to acks what the broker has. */
struct sender *sender_new(const char *base, struct queue *messages, struct queue *acks);
void sender_free(struct sender *s); /* NULL is fine */

/* See board_set(). The topic is below base; sender_set_at() takes a whole one. */
void sender_set(struct sender *s, const char *topic, const char *payload, bool retained);
void sender_set_at(struct sender *s, const char *topic, const char *payload, bool retained);

/* See board_again(). */
void sender_again(struct sender *s, const char *beginning);

/* Begins with what the other has taken and the broker does not have; both are at rest. */
void sender_inherit(struct sender *s, struct sender *other);

/* Takes in what the broker has answered; also to be called when it just went down. 0; or -EDQUOT,
 * with a sentence: it has no room just now, and wants to be left alone for a while. */
int sender_collect(struct sender *s, struct broker *broker, struct err *e);

/* Sends as far as the broker keeps up; without `messages` only the board. 0, or a negative errno:
 * the broker is down. */
int sender_send(
        struct sender *s, struct broker *broker, bool messages, int64_t now_us, struct err *e);

/* The connection is no more: all that is not acknowledged is to be sent again. hung_up: the broker
 * closed it, for a reason that it did not give. True: the reason is known now, and set aside. */
bool sender_cut(struct sender *s, bool hung_up);

/* The broker has the board as it is now. */
bool sender_settled(struct sender *s);

/* Messages taken or waiting that the broker does not have. */
size_t sender_left(struct sender *s);

/* Since when the oldest packet waits for its acknowledgement; INT64_MAX: none does. */
int64_t sender_waits_since(struct sender *s);

struct sender_counts {
    uint64_t sent;    /* messages, repeats included */
    uint64_t acked;   /* messages */
    uint64_t refused; /* messages and states */
};
void sender_counts(struct sender *s, struct sender_counts *ret);
