#pragma once

#include "flow/message.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The messages that the bus has taken and the broker has not yet acknowledged, in outbox order.
 *
 * A connection that breaks leaves open which of them arrived: all go out again on the next one,
 * oldest first. Within one connection each is sent once. Pure: no clock, no network, no lock.
 */
#define WINDOW_SIZE 20

struct window;

struct window *window_new(void);
void window_free(struct window *w); /* and the messages inside; NULL is fine */

int window_room(const struct window *w);
bool window_empty(const struct window *w);

/* Takes m over; there must be room. */
void window_add(struct window *w, struct message *m);

/* The oldest that was not sent on this connection, NULL: none. It stays the window's. */
const struct message *window_next(const struct window *w);

/* That one went out as packet mid (above 0) at now_us. */
void window_sent(struct window *w, int mid, int64_t now_us);

/* That one can never be sent: it leaves the window and is the caller's. */
struct message *window_skip(struct window *w);

/* The broker has packet mid: its message leaves the window and is the caller's. NULL for what is
 * not in flight: the broker may say anything. */
struct message *window_acked(struct window *w, int mid);

/* The connection broke: nothing counts as sent. */
void window_cut(struct window *w);

int window_in_flight(const struct window *w);

/* Since when the oldest in flight waits for its acknowledgement; INT64_MAX: none does. */
int64_t window_waits_since(const struct window *w);
