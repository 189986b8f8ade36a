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
 * Threads: sender_set(), sender_counts() from any; all else from the one that owns the broker.
 */
struct sender;

/* base: "<prefix>/<node>". It takes from messages, and gives to acks what the broker has. */
struct sender *sender_new(const char *base, struct queue *messages, struct queue *acks);
void sender_free(struct sender *s); /* NULL is fine */

/* See board_set(). */
void sender_set(struct sender *s, const char *topic, const char *payload, bool retained);

/* Takes in what the broker has acknowledged; also to be called when it just went down. */
void sender_collect(struct sender *s, struct broker *broker);

/* Sends as far as the broker keeps up; without `messages` only the board. 0, or a negative errno:
 * the broker is down. */
int sender_send(
        struct sender *s, struct broker *broker, bool messages, int64_t now_us, struct err *e);

/* The connection is no more: all that is not acknowledged is to be sent again. */
void sender_cut(struct sender *s);

/* The broker has the board as it is now. */
bool sender_settled(struct sender *s);

/* Messages taken or waiting that the broker does not have. */
size_t sender_left(struct sender *s);

/* Since when the oldest packet waits for its acknowledgement; INT64_MAX: none does. */
int64_t sender_waits_since(struct sender *s);

/* Messages sent, repeats included, and acknowledged. */
void sender_counts(struct sender *s, uint64_t *ret_sent, uint64_t *ret_acked);
