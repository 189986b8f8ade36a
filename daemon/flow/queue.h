#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded first-in first-out line of pointers between two threads.
 *
 * A putter never waits. What happens when it is full is decided at birth: with a squeeze
 * function the line is made shorter by what the caller knows of its items (later news of the
 * same thing replace earlier ones), else the new item is refused. What had to go is counted.
 *
 * Ownership of an item moves with it; the queue frees what it must drop. Any thread may call
 * anything; squeeze runs under the queue's lock and so must neither block nor lock.
 */
struct queue;

/* Shortens items[0..n) in place, in order, frees what it leaves out, returns the new n. */
typedef size_t queue_squeeze(void **items, size_t n, void *arg);

struct queue *queue_new(
        size_t capacity, void (*free_item)(void *item), queue_squeeze *squeeze, void *squeeze_arg);
void queue_free(struct queue *q); /* frees the items inside; NULL is fine */

/* A taker who waits elsewhere (in poll) is woken by this, called with no lock held. To be set
 * before the second thread starts. */
void queue_on_put(struct queue *q, void (*wake)(void *arg), void *arg);

/* Takes the item over in any case; false: closed or full, and it was freed. */
bool queue_put(struct queue *q, void *item);

/*
 * Waits at most timeout_ms (0: not at all) for at least one item, gives out up to max of them in
 * order, and returns how many; 0: nothing came, or closed and empty.
 */
size_t queue_take(struct queue *q, void **items, size_t max, int timeout_ms);

/* Refuses new items and wakes the taker; what is inside can still be taken. */
void queue_close(struct queue *q);
bool queue_closed(struct queue *q);

size_t queue_length(struct queue *q);
uint64_t queue_lost(struct queue *q); /* refused or squeezed out, since birth */
