#pragma once

#include "store/schema.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What must not be kept goes: records that are too old or too many, and those that somebody wants
 * erased. With a record go its observations, its picture and what waits of it in the outbox.
 *
 * Work is done in steps, each bounded in rows, so that an event never waits for more than one of
 * them. Records of people who are still there are left alone: they end first. Sums of quarters
 * outlive retention for ten years, and are reduced by what is erased.
 *
 * Inside the room, on the writer's thread. Functions return SQLite codes.
 */
struct crops;
struct outbox;
struct quarters;
struct sqlite3;
struct upkeep;

struct upkeep_parts {
    struct sqlite3 *db;
    struct crops *crops;
    struct outbox *outbox;
    struct quarters *quarters;
};

/* SQLite's code; *ret_u is to be closed in any case. The parts are kept. */
int upkeep_open(struct upkeep **ret_u, const struct upkeep_parts *parts);
void upkeep_close(struct upkeep *u); /* NULL is fine */

/*
 * One step inside the caller's transaction, which writes *m and tells crops of its end: up to
 * `rows` rows go, and a few more with the last record. *ret_more: there are others.
 *
 * To be under `size` the oldest go until a twentieth of it is free, so that this is not to be done
 * again at once.
 */
int upkeep_prune(struct upkeep *u, struct meta *m, const struct retention *kept, int64_t now_us,
        int rows, struct removal *t, bool *ret_more);
int upkeep_erase(struct upkeep *u, struct meta *m, const struct erasure *who, int rows,
        struct removal *t, bool *ret_more);

/* Is there anything to do for upkeep_prune()? Reads a few pages. */
int upkeep_is_due(struct upkeep *u, const struct retention *kept, int64_t now_us, bool *ret_due);

/* How many of those who are to be erased are still there. */
int upkeep_still_there(struct upkeep *u, const struct erasure *who, int64_t *ret_n);

/* Gives up to `pages` free pages back to the file system, outside of a transaction. Many more:
 * some are kept to be used again, unless all are to go. A file of schema version 1 keeps all. */
int upkeep_shrink(struct upkeep *u, int pages, bool all, bool *ret_more);

/* Writes the -wal into the database and empties it, unless somebody reads: *ret_done. */
int upkeep_empty_wal(struct upkeep *u, bool *ret_done);
