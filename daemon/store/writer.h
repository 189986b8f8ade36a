#pragma once

#include "base/err.h"
#include "flow/event.h"
#include "flow/message.h"
#include "store/schema.h"
#include "store/store.h"

/*
 * The writing connection: a batch is one transaction, whole or not at all.
 *
 * Inside the room only. It knows nothing of threads and queues; store.c decides when. A batch
 * that failed may be given again as it is. Damage that shows while writing makes the writer move
 * the file aside and begin a new one, into which the next attempt goes; a file that was removed or
 * exchanged under it, it leaves for what is at the path now.
 */
struct writer;

struct batch {
    struct event *const *events;
    size_t n_events;
    struct message *const *acks; /* acknowledged: their rows go */
    size_t n_acks;
    uint64_t records_lost; /* since the last batch, */
    int64_t lost_from_us, lost_to_us;

    struct message **out; /* room for `room` messages that are to be sent now, in order */
    size_t room;
    size_t n_out; /* on success; the messages are the caller's */
};

/*
 * Locks, opens, upgrades, and ends what a crash left open. options is kept but for its settings.
 * Unless it is strict, what may pass (dbfile.h) is survived: e says what it is, and each write
 * tries again. e is not NULL, and blank.
 */
struct writer *writer_open(const struct store_options *options, struct err *e);
void writer_close(struct writer *w); /* NULL is fine */

/* 0, or a negative errno with the reason in words. */
int writer_write(struct writer *w, struct batch *b, struct err *e);

void writer_set(struct writer *w, const struct store_settings *settings);

/* Messages from this row of the outbox on have come back and are handed out again. */
void writer_hand_out_from(struct writer *w, int64_t row);

/* A step of upkeep.h, in a transaction of its own where it needs one. */
enum chore_kind {
    CHORE_PRUNE,     /* by the settings; amount: rows */
    CHORE_ERASE,     /* amount: rows */
    CHORE_SHRINK,    /* amount: pages; all of them, or but for some to spare */
    CHORE_EMPTY_WAL, /* more: somebody reads */
};

struct chore {
    enum chore_kind kind;
    int amount;
    bool all;
    const struct erasure *who;
    struct removal *gone; /* grows */
    bool more;            /* there is more of it to do */
};

int writer_chore(struct writer *w, struct chore *c, struct err *e);

/* Would CHORE_PRUNE find anything? False also when the file cannot be asked. */
bool writer_prune_due(struct writer *w);

/* Of those to be erased. */
int writer_still_there(struct writer *w, const struct erasure *who, int64_t *ret_n, struct err *e);

/* A file of schema version 1 that was too large to be written anew. */
bool writer_cannot_shrink(struct writer *w);

/* Writes the file anew; nobody else may use it. */
int writer_rewrite(struct writer *w, struct err *e);

/* What was committed last. */
const struct meta *writer_meta(const struct writer *w);

/* Is there something left to do that the opening could not write? */
bool writer_owes(const struct writer *w);
