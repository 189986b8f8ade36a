#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Who is next: shares out many owners of work among few workers.
 *
 * Each owner has a turn. It is due at once when somebody calls turn_ready() - its slot has
 * something - and else a fixed time after its last visit, so that an owner without news is looked
 * after too. A worker gets the one that has been due for the longest time and that nobody has, so
 * that a busy owner cannot starve the others, and is alone with it until it gives it back. One that
 * is favoured has a start of a fifth of a second, and no more.
 *
 * Of the workers that wait the one of the lowest number gets it: where one suffices, the others
 * never work, and what they would need for it - nets, memory, warm caches - is not made.
 *
 * Threads: any for every function but pool_new(), pool_free() and turn_free().
 */
struct pool;
struct turn;

struct pool *pool_new(int64_t visit_us);
void pool_free(struct pool *p); /* frees the turns; NULL is fine */

/* Nobody gets it before turn_open(). */
struct turn *pool_add(struct pool *p, void *owner);
void turn_open(struct turn *t);

/* There is work; void * so that a slot can call it. May be called while the turn is taken. */
void turn_ready(void *turn);

/* Whether it matters more than others just now. Only by who has the turn. */
void turn_favour(struct turn *t, bool favoured);

#define POOL_WORKERS 64 /* at most, numbered from 0 */

/* Waits for a turn to be due and takes it. NULL: nothing for a visit's time, or *ret_over. */
struct turn *pool_next(struct pool *p, int worker, bool *ret_over);
void *turn_owner(const struct turn *t);

/* By the worker, who then comes for the next one. more: work is left that no turn_ready() will
 * tell of. */
void pool_give_back(struct turn *t, bool more);

/* What is ready is still given out; then every worker hears that it is over. */
void pool_stop(struct pool *p);

/* Takes it away from the workers for good. False: it was taken away before, or a worker has it just
 * now; a worker that hangs has it for ever. */
bool turn_retire(struct turn *t);

/* After turn_retire(), when nobody can call turn_ready() any more. */
void turn_free(struct turn *t);
