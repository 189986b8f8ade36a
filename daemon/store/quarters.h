#pragma once

#include "flow/event.h"
#include "store/store.h"

#include <stdint.h>

/*
 * How many people came in each quarter of an hour, and how long they stayed, by camera, age range
 * and gender: the sums from which an audience is told, without a look at a million records.
 *
 * They are kept in the transaction that ends a record, and stay when retention takes it; only to
 * erase takes out of them, a record, and whole quarters with whomever they still sum up. A row for
 * each quarter of UTC, camera, range and gender; '' is unknown. Functions return SQLite codes and
 * run inside the caller's transaction.
 */
struct quarters;
struct sqlite3;

/* SQLite's code; *ret_q is to be closed in any case. */
int quarters_open(struct quarters **ret_q, struct sqlite3 *db);
void quarters_close(struct quarters *q); /* NULL is fine */

/* The record of this id has just ended. */
int quarters_add(struct quarters *q, const char *id);

/* This person has gone, of whom there is no record. */
int quarters_add_person(struct quarters *q, const struct event *end);

/* The ended record of this id is about to be erased. */
int quarters_subtract(struct quarters *q, const char *id);

/*
 * All sums of this camera ("": of all) go of quarters that lie whole between the two times; about
 * `rows` are looked at. *next_us is where to look from, 0 at first; it is moved on, and INT64_MAX
 * when all has been looked at. *erased grows.
 */
int quarters_erase(
        struct quarters *q, const struct erasure *who, int rows, int64_t *next_us, int64_t *erased);

/* The oldest quarter goes if it began before this. */
int quarters_forget(struct quarters *q, int64_t before_us);
