#include "app/pool.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>

#define START_US (MONO_SECOND / 5)

struct turn {
    /* set at birth */
    struct pool *pool;
    void *owner;

    /* protected by the pool's lock */
    bool taken;
    int64_t ready_us;   /* since when there is work; 0: none known of */
    int64_t visited_us; /* the last visit's end */
    bool favoured;
};

struct pool {
    /* set at birth */
    int64_t visit_us;

    pthread_mutex_t lock;              /* a leaf */
    pthread_cond_t work[POOL_WORKERS]; /* of each worker */
    /* protected by lock */
    uint64_t waiting; /* bit i: worker i waits */
    struct turn **turns;
    int n;
    bool stopping;
};

struct pool *pool_new(int64_t visit_us)
{
    struct pool *p = mem_new(1, sizeof(*p));
    p->visit_us = visit_us;
    pthread_mutex_init(&p->lock, NULL);
    for (int i = 0; i < POOL_WORKERS; i++)
        thread_cond_init(&p->work[i]);
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n; i++)
        free(p->turns[i]);
    free(p->turns);
    for (int i = 0; i < POOL_WORKERS; i++)
        pthread_cond_destroy(&p->work[i]);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct turn *pool_add(struct pool *p, void *owner)
{
    struct turn *t = mem_new(1, sizeof(*t));
    t->pool = p;
    t->owner = owner;
    t->taken = true;
    pthread_mutex_lock(&p->lock);
    p->turns = mem_grow(p->turns, (size_t)p->n + 1, sizeof(struct turn *));
    p->turns[p->n++] = t;
    pthread_mutex_unlock(&p->lock);
    return t;
}

/* Under the lock. */
static void wake_lowest(struct pool *p)
{
    if (p->waiting)
        pthread_cond_signal(&p->work[__builtin_ctzll(p->waiting)]);
}

void turn_ready(void *turn)
{
    struct turn *t = turn;
    int64_t now = mono_us();
    pthread_mutex_lock(&t->pool->lock);
    if (!t->ready_us)
        t->ready_us = now;
    if (!t->taken) /* else whoever has it looks for more when he gives it back */
        wake_lowest(t->pool);
    pthread_mutex_unlock(&t->pool->lock);
}

static int64_t due_us(const struct turn *t)
{
    return t->ready_us ? t->ready_us : t->visited_us + t->pool->visit_us;
}

static int64_t rank_us(const struct turn *t)
{
    return due_us(t) - (t->favoured ? START_US : 0);
}

/* Under the lock. */
static struct turn *longest_due(const struct pool *p, int64_t now)
{
    struct turn *best = NULL;
    for (int i = 0; i < p->n; i++) {
        struct turn *t = p->turns[i];
        if (t->taken || due_us(t) > now || (p->stopping && !t->ready_us))
            continue;
        if (!best || rank_us(t) < rank_us(best))
            best = t;
    }
    return best;
}

/* Under the lock. When the next visit is due that nobody makes yet, but not after latest_us. */
static int64_t next_visit_us(const struct pool *p, int64_t latest_us)
{
    for (int i = 0; i < p->n; i++) {
        const struct turn *t = p->turns[i];
        if (!t->taken && due_us(t) < latest_us)
            latest_us = due_us(t);
    }
    return latest_us;
}

/* Under the lock. When this worker looks again by itself: at the next visit, if it is the one who
 * would make it. */
static void wait_for_work(struct pool *p, int worker, int64_t now, int64_t end_us)
{
    uint64_t bit = UINT64_C(1) << worker;
    bool lowest = !(p->waiting & (bit - 1));
    int64_t wait_us = (lowest ? next_visit_us(p, end_us) : end_us) - now;
    struct timespec until = thread_deadline((int)(wait_us / 1000) + 1);
    p->waiting |= bit;
    (void)pthread_cond_timedwait(&p->work[worker], &p->lock, &until);
    p->waiting &= ~bit;
}

struct turn *pool_next(struct pool *p, int worker, bool *ret_over)
{
    struct turn *t = NULL;
    uint64_t before = (UINT64_C(1) << worker) - 1;
    pthread_mutex_lock(&p->lock);
    int64_t now = mono_us(), end_us = now + p->visit_us;
    while (!p->stopping && now < end_us && ((p->waiting & before) || !longest_due(p, now))) {
        if (longest_due(p, now))
            wake_lowest(p); /* who comes before this one does not know yet that there is work */
        wait_for_work(p, worker, now, end_us);
        now = mono_us();
    }
    if (p->stopping || !(p->waiting & before))
        t = longest_due(p, now);
    if (t) {
        t->taken = true;
        /* Before the owner's slot is looked into: what comes later sets it again. */
        t->ready_us = 0;
        if (longest_due(p, now))
            wake_lowest(p);
    }
    *ret_over = p->stopping && !t;
    pthread_mutex_unlock(&p->lock);
    return t;
}

void turn_favour(struct turn *t, bool favoured)
{
    pthread_mutex_lock(&t->pool->lock);
    t->favoured = favoured;
    pthread_mutex_unlock(&t->pool->lock);
}

void *turn_owner(const struct turn *t)
{
    return t->owner;
}

/* Nobody is woken: a worker who gives one back comes for the next. */
void pool_give_back(struct turn *t, bool more)
{
    int64_t now = mono_us();
    pthread_mutex_lock(&t->pool->lock);
    t->taken = false;
    t->visited_us = now;
    if (more && !t->ready_us)
        t->ready_us = now;
    pthread_mutex_unlock(&t->pool->lock);
}

void turn_open(struct turn *t)
{
    pool_give_back(t, false);
    pthread_mutex_lock(&t->pool->lock);
    wake_lowest(t->pool);
    pthread_mutex_unlock(&t->pool->lock);
}

void pool_stop(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    for (int i = 0; i < POOL_WORKERS; i++)
        pthread_cond_broadcast(&p->work[i]);
    pthread_mutex_unlock(&p->lock);
}

bool turn_retire(struct turn *t)
{
    pthread_mutex_lock(&t->pool->lock);
    bool ours = !t->taken;
    t->taken = true;
    pthread_mutex_unlock(&t->pool->lock);
    return ours;
}

void turn_free(struct turn *t)
{
    struct pool *p = t->pool;
    pthread_mutex_lock(&p->lock);
    int i = 0;
    while (p->turns[i] != t)
        i++;
    p->turns[i] = p->turns[--p->n];
    pthread_mutex_unlock(&p->lock);
    free(t);
}
