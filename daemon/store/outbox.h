#pragma once

#include "flow/event.h"
#include "flow/message.h"
#include "store/schema.h"

/*
 * The messages that the broker has not acknowledged, in order, in the same file and the same
 * transactions as the rows that they tell of.
 *
 * A message waits without a number; it gets the next one of the message sequence when it is handed
 * to the bus, in the order of the rows, and the commit of that comes before the handing over. So
 * the sequence that a receiver sees has no gaps. Waiting messages are what the outbox may still
 * change: an update is replaced by the next one of its record, which goes to the end, and when the
 * outbox is over its bounds the oldest go. Those take their numbers then, and in the place of the
 * first of them stands one message `lost` that names the span; the next to be dropped only makes
 * the span longer, until that message has been numbered itself. Messages that have a number are
 * never dropped: there are at most as many as are handed out at once.
 *
 * Functions return SQLite codes, run inside the caller's transaction and count in *m, which the
 * caller writes with it.
 */
struct outbox;
struct sqlite3;

struct outbox_bounds {
    int64_t age_us; /* 0: none */
    int64_t size;   /* bytes, 0: none */
};

/* SQLite's code; *ret_o is to be closed in any case. node is kept. */
int outbox_open(struct outbox **ret_o, struct sqlite3 *db, const char *node,
        const struct outbox_bounds *bounds);
void outbox_close(struct outbox *o); /* NULL is fine */

/* Nothing for events without a message. seq is for END. */
int outbox_put(struct outbox *o, struct meta *m, const struct event *ev, int64_t seq);

/* The broker has it: the row goes. One that is not there is no error. */
int outbox_delete(struct outbox *o, struct meta *m, int64_t row);

/*
 * The record is being removed, and what waits of it is told to nobody: messages without a number
 * go, one that has its number becomes a `lost` that names itself, in its place. *n counts them.
 */
int outbox_forget(struct outbox *o, struct meta *m, const char *record, int64_t *n);

/* Drops what is beyond the bounds, a limited number at a time. */
int outbox_trim(struct outbox *o, struct meta *m, int64_t now_us, int64_t now_boot_us);

/* From now on. */
void outbox_set_bounds(struct outbox *o, const struct outbox_bounds *bounds);

/* Up to max messages behind row `after`, in order, numbered; to be freed. */
int outbox_number(struct outbox *o, struct meta *m, int64_t after, size_t max,
        struct message **ret_list, size_t *ret_n);

/* Rows of this outbox, and those to come, are numbered from here on: acknowledgements of what an
 * earlier file held hit nothing. A transaction of its own. */
int outbox_begin_after(struct sqlite3 *db, int64_t row);
