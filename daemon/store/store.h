#pragma once

#include "base/err.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

struct beat;
struct event_loss;
struct queue;

/*
 * The one who writes the database: events become rows and messages, on disk before anybody hears
 * of them.
 *
 * A thread of its own takes events from a queue and writes each batch in one transaction: the
 * record's row, its place in the outbox, the numbers of the messages that may go out now. Only
 * then messages go to the bus. A batch with a NEW or an END is written at once; all others wait
 * for company, at most a second or a hundred events. Messages that the broker has acknowledged
 * come back and are deleted.
 *
 * A full disk, an I/O error, a locked or read-only file are states: the batch is kept and tried
 * again, the queue behind it squeezes. A file found damaged is moved aside and a new one begun,
 * with a new epoch. All of that is in the log and in store_stats().
 *
 * Threads: store_stats() and store_epoch() from any; everything else belongs to main.
 */
struct store;

struct store_options {
    const char *path;
    const char *node;
    bool observations;       /* keep EVENT_OBSERVATION */
    bool mqtt;               /* put messages into the outbox */
    int64_t outbox_age_us;   /* the outbox's bounds; 0: none */
    int64_t outbox_size;     /* bytes */
    struct event_loss *loss; /* what the events' queue counts in its squeeze; NULL: nothing */
};

/*
 * Locks and opens the database, makes or upgrades it, and ends the records that a crash left open
 * at their own last sighting. Strings are copied, loss is kept. Fails with a sentence when the
 * path is not to be used: no directory, no permission, another daemon, another program's file, a
 * newer schema.
 */
struct store *store_open(const struct store_options *options, struct err *e);

/* What a command said of a camera in an earlier run; false when none did. Before store_start(). */
bool store_camera_enabled(struct store *s, const char *camera, bool *ret_enabled);

/*
 * Starts the thread. events holds struct event; to_bus (struct message) and acks (the same
 * messages, given back once acknowledged) are NULL without a bus. The queues stay the caller's and
 * outlive the thread; the store closes events and acks and sets their queue_on_put(). beat may be
 * NULL. Returns 0 or a negative errno.
 */
int store_start(struct store *s, struct queue *events, struct queue *to_bus, struct queue *acks,
        struct beat *beat);

/*
 * The end, in three steps, since the bus still sends while the last events are written:
 * store_stop() closes the events' queue and returns; store_drained() waits until what was inside is
 * committed and its messages are with the bus (as many as may be out at once); when the bus has
 * ended, store_join() closes acks, and waits for the last commit. Both waits: 0 or -ETIMEDOUT.
 * When the database cannot be written, what remains is given up after two seconds, and counted.
 */
void store_stop(struct store *s);
int store_drained(struct store *s, int timeout_ms);
int store_join(struct store *s, int timeout_ms);

/* Only after a store_join() that succeeded, or without a store_start(). NULL is fine. */
void store_close(struct store *s);

struct store_stats {
    int64_t outbox_waiting;           /* messages that the broker has not acknowledged */
    int64_t messages_dropped;         /* by the outbox's bounds, since the database was begun */
    uint64_t records_lost;            /* since the start */
    int64_t lost_from_us, lost_to_us; /* first to last sighting of those; 0: none */
    uint64_t events, commits;         /* since the start */
    bool failing;                     /* the latest attempt to write failed */
    char error[128];                  /* why; the latest reason also when it is over; or "" */
};
void store_stats(struct store *s, struct store_stats *ret_stats);

/* The database's own name. It changes when a damaged database was replaced. */
void store_epoch(struct store *s, char ret_epoch[UUID_TEXT]);
