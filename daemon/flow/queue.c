#include "flow/queue.h"

#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct queue {
    /* set at birth */
    size_t capacity;
    void (*free_item)(void *item);
    queue_squeeze *squeeze;
    void *squeeze_arg;
    void (*wake)(void *arg);
    void *wake_arg;

    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t more;  /* something inside, or closed */

    /* protected by lock */
    void **items; /* in order from the front; a line of pointers is cheap to move */
    size_t n;
    bool closed;
    uint64_t lost;
};

struct queue *queue_new(
        size_t capacity, void (*free_item)(void *item), queue_squeeze *squeeze, void *squeeze_arg)
{
    struct queue *q = mem_new(1, sizeof(*q));
    q->capacity = capacity;
    q->free_item = free_item;
    q->squeeze = squeeze;
    q->squeeze_arg = squeeze_arg;
    q->items = mem_new(capacity, sizeof(*q->items));
    pthread_mutex_init(&q->lock, NULL);
    thread_cond_init(&q->more);
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->n; i++)
        q->free_item(q->items[i]);
    free(q->items);
    pthread_cond_destroy(&q->more);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

void queue_on_put(struct queue *q, void (*wake)(void *arg), void *arg)
{
    q->wake = wake;
    q->wake_arg = arg;
}

bool queue_put(struct queue *q, void *item)
{
    pthread_mutex_lock(&q->lock);
    if (!q->closed && q->n == q->capacity && q->squeeze) {
        size_t left = q->squeeze(q->items, q->n, q->squeeze_arg);
        q->lost += q->n - left;
        q->n = left;
    }
    bool taken = !q->closed && q->n < q->capacity;
    if (taken) {
        q->items[q->n++] = item;
        pthread_cond_signal(&q->more);
    } else {
        q->lost++;
    }
    pthread_mutex_unlock(&q->lock);

    if (!taken)
        q->free_item(item);
    else if (q->wake)
        q->wake(q->wake_arg);
    return taken;
}

size_t queue_take(struct queue *q, void **items, size_t max, int timeout_ms)
{
    struct timespec until = thread_deadline(timeout_ms);
    pthread_mutex_lock(&q->lock);
    while (q->n == 0 && !q->closed && timeout_ms > 0) {
        if (pthread_cond_timedwait(&q->more, &q->lock, &until) == ETIMEDOUT)
            break;
    }
    size_t n = q->n < max ? q->n : max;
    memcpy(items, q->items, n * sizeof(*items));
    memmove(q->items, q->items + n, (q->n - n) * sizeof(*items));
    q->n -= n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->more);
    pthread_mutex_unlock(&q->lock);
    if (q->wake)
        q->wake(q->wake_arg);
}

bool queue_closed(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool closed = q->closed;
    pthread_mutex_unlock(&q->lock);
    return closed;
}

size_t queue_length(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

uint64_t queue_lost(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    uint64_t lost = q->lost;
    pthread_mutex_unlock(&q->lock);
    return lost;
}
