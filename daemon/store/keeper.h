#pragma once

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * When the database is tidied up, and in how small pieces: retention by itself once a minute, and
 * what somebody ordered.
 *
 * A piece aims at 20 ms, so that an event hardly waits for it, and is as large as the pieces before
 * it allow on this disk; between two of them it pauses for thrice as long as they take, or
 * for as long when somebody waits for an order. An order is: remove, give back the room, and after
 * an erasure empty the -wal.
 *
 * Owned by the store's thread; it knows nothing of threads and queues. Times are mono_us().
 */
struct writer;

enum keeper_phase {
    KEEPER_RESTS,
    KEEPER_REMOVES,
    KEEPER_SHRINKS,
    KEEPER_EMPTIES, /* the -wal */
};

struct keeper {
    bool alone;
    enum keeper_phase phase;
    bool ordered; /* somebody waits */
    struct store_order order;
    struct store_progress progress; /* of the order */
    struct removal gone;            /* by itself, since it was last said */
    int amount;                     /* of the next piece: rows or pages */
    int64_t next_us;
    int64_t moved_us; /* an order's last piece that succeeded */
    int64_t said_us;
};

/* alone: no events wait, so there are no pauses. */
void keeper_init(struct keeper *k, bool alone, int64_t now_us);

/* When keeper_turn() wants to be called. */
int64_t keeper_due_us(const struct keeper *k);

/* What is kept has changed: it looks at once. */
void keeper_look(struct keeper *k, int64_t now_us);

/* Begins an order, or refuses: -EBUSY. */
int keeper_order(struct keeper *k, const struct store_order *order, int64_t now_us);

/* Is it removing people by order? What is told of them must be recalled once it is not. */
bool keeper_erases(const struct keeper *k);

/* One piece. Its failures are part of the progress, or come again in a minute. */
void keeper_turn(struct keeper *k, struct writer *w);

/* The order will not be brought to its end. */
void keeper_give_up(struct keeper *k, int code, const char *why);
