#pragma once

#include "base/err.h"
#include "base/uuid.h"
#include "flow/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct beat;
struct event;
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
 * Between the batches it removes what must not be kept any longer, a little at a time, so that an
 * event never waits for it.
 *
 * Threads: store_stats(), store_epoch(), store_set(), store_order() and store_progress() from any;
 * everything else belongs to main.
 */
struct store;

/* What is kept of records; 0: no bound. */
struct retention {
    int64_t age_us;   /* since the person left */
    int64_t size;     /* bytes of the database that are in use */
    int64_t crops_us; /* pictures, since they were made */
};

/* What may change while the store runs. */
struct store_settings {
    bool observations;     /* keep EVENT_OBSERVATION */
    bool mqtt;             /* put messages into the outbox */
    bool aggregate_only;   /* sums by quarter of an hour, and nothing about anybody */
    int64_t outbox_age_us; /* the outbox's bounds; 0: none */
    int64_t outbox_size;   /* bytes */
    struct retention kept;
};

struct store_options {
    const char *path;
    const char *node;
    struct store_settings settings;
    struct event_loss *loss; /* what the events' queue counts in its squeeze; NULL: nothing */
    bool strict;             /* a damaged file is refused and stays, instead of being moved aside */
};

/*
 * Locks and opens the database, makes or upgrades it, and ends the records that a crash left open
 * at their own last sighting. Strings are copied, loss is kept. Fails with a sentence when the
 * path is not to be used: no directory, no permission, another daemon, another program's file, a
 * newer schema. A full or read-only disk and a locked file are states here as well: the store is
 * opened failing, and begins to write when that is over.
 */
struct store *store_open(const struct store_options *options, struct err *e);

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
    bool failing;                     /* the latest attempt to write failed, */
    int64_t since_us;                 /* and every one since then, by the wall clock; 0: none did */
    char error[256];                  /* why; the latest reason also when it is over; or "" */
};
void store_stats(struct store *s, struct store_stats *ret_stats);

/* The thread obeys from its next turn on. */
void store_set(struct store *s, const struct store_settings *settings);

/* ---- orders: what somebody wants done now ---- */

/* Who is erased: as in `facectl events`, those of this camera who came in this time. */
struct erasure {
    char camera[NAME_SIZE];     /* "": of all */
    int64_t since_us, until_us; /* until_us 0: to the end */
};

enum store_job {
    STORE_PRUNE, /* retention, now and whole */
    /* These people, from the file and what lies beside it, and from the sums; and quarters of an
     * hour that lie whole in that time, with those of whom nothing but the sum was left. */
    STORE_ERASE,
};

struct store_order {
    enum store_job job;
    struct erasure who; /* STORE_ERASE */
};

/* What has gone, by retention or by an order. */
struct removal {
    int64_t records, observations, crops, messages;
    int64_t sums;         /* rows of `quarters` that went whole */
    int64_t sums_next_us; /* STORE_ERASE: how far they were looked through */
};

struct store_progress {
    bool running;
    int code;       /* once it is over: 0, or the negative errno of what failed, */
    char text[256]; /* in words */
    struct removal gone;
    int64_t still_there; /* people who were to be erased and have not left yet: they were spared */
    bool wal_kept;       /* somebody reads all the time, so the -wal could not be emptied */
    bool cannot_shrink;  /* a large file of schema version 1: its free pages stay as they are */
};

/* One at a time: -EBUSY. -ESHUTDOWN: at the end. It is done in small steps between the events. */
int store_order(struct store *s, const struct store_order *order);
void store_progress(struct store *s, struct store_progress *ret_progress);

/* Is called from the thread, with no lock held, when store_progress() has news. Before
 * store_start(). */
void store_on_progress(struct store *s, void (*wake)(void *arg), void *arg);

/* Is called from the thread for each NEW, UPDATE and END once it is committed, where records of
 * persons are kept at all. It must not block. Before store_start(). */
void store_on_commit(
        struct store *s, void (*committed)(void *arg, const struct event *ev), void *arg);

/*
 * Does the same without a daemon: locks and opens the database as store_open() does, and brings it
 * to its end. each() hears of the progress now and then. 0, or a negative errno with a sentence;
 * -EBUSY: a daemon has the database; -EUCLEAN: it is damaged. Always strict: an empty file in the
 * place of one that cannot be read would look as if all had been erased.
 */
int store_work(const struct store_options *options, const struct store_order *order,
        void (*each)(const struct store_progress *progress, void *arg), void *arg,
        struct store_progress *ret_progress, struct err *e);

/* The database's own name. It changes when a damaged database was replaced. */
void store_epoch(struct store *s, char ret_epoch[UUID_TEXT]);
