#pragma once

#include "base/beat.h"
#include "base/err.h"
#include "flow/settings.h"

#include <stdbool.h>

struct bus;
struct queue;

/*
 * The line to the broker, which outlives each bus: the queues between store and bus, and how one
 * bus is exchanged for another when the configuration names another broker.
 *
 * An old bus first brings home what it can; its thread may be inside the name resolver, so nobody
 * waits for it: line_turn() looks after it and begins the new one when the old is gone. What the
 * old one had taken and not delivered the new one begins with.
 *
 * Main only.
 */
struct line;

/* wake: a command has come; any thread. */
struct line *line_new(void (*wake)(void *arg), void *arg);
void line_free(struct line *l); /* after line_join() came to 0; NULL is fine */

/* For the store: struct message to the bus, and the same back when acknowledged. */
struct queue *line_messages(struct line *l);
struct queue *line_acks(struct line *l);

/* struct command, see bus.h. */
struct queue *line_commands(struct line *l);

/* The first bus, by conf, which is held; none when no broker is configured. Not started yet, so
 * that it can be told what is true before it connects. */
void line_open(struct line *l, struct conf *conf);
int line_start(struct line *l, struct err *e);

/* Another broker, or none, from now on. */
void line_change(struct line *l, struct conf *conf);

/* To be called once a second, and sooner while it returns true: the old bus is still there.
 * *ret_new: line_bus() is another one than before and knows nothing. */
bool line_turn(struct line *l, bool *ret_new);

/* The bus to be told of things; NULL: none is configured, or the old one is still leaving. */
struct bus *line_bus(struct line *l);

/* Its thread's heartbeat: the same for every bus. */
const struct beat *line_beat(const struct line *l);

/* The end: see bus_stop(), bus_join(). */
void line_stop(struct line *l);
int line_join(struct line *l, int timeout_ms);
