#include "app/pool.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>

struct turn {
    /* set at birth */
    struct pool *pool;
    void *owner;

    /* protected by the pool's lock */
    bool taken;
    int64_t ready_us;   /* since when there is work; 0: none known of */
    int64_t visited_us; /* the last visit's end */
};

struct pool {
    /* set at birth */
    int64_t visit_us;

    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t work;
    /* protected by lock */
    struct turn **turns;
    int n;
    bool stopping;
};

struct pool *pool_new(int64_t visit_us)
{
    struct pool *p = mem_new(1, sizeof(*p));
    p->visit_us = visit_us;
    pthread_mutex_init(&p->lock, NULL);
    thread_cond_init(&p->work);
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n; i++)
        free(p->turns[i]);
    free(p->turns);
    pthread_cond_destroy(&p->work);
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

void turn_ready(void *turn)
{
    struct turn *t = turn;
    int64_t now = mono_us();
    pthread_mutex_lock(&t->pool->lock);
    if (!t->ready_us)
        t->ready_us = now;
    pthread_cond_signal(&t->pool->work);
    pthread_mutex_unlock(&t->pool->lock);
}

static int64_t due_us(const struct turn *t)
{
    return t->ready_us ? t->ready_us : t->visited_us + t->pool->visit_us;
}

/* Under the lock. */
static struct turn *longest_due(const struct pool *p, int64_t now)
{
    struct turn *best = NULL;
    for (int i = 0; i < p->n; i++) {
        struct turn *t = p->turns[i];
        if (t->taken || due_us(t) > now || (p->stopping && !t->ready_us))
            continue;
        if (!best || due_us(t) < due_us(best))
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

struct turn *pool_next(struct pool *p, bool *ret_over)
{
    struct turn *t = NULL;
    pthread_mutex_lock(&p->lock);
    int64_t now = mono_us(), end_us = now + p->visit_us;
    while (!(t = longest_due(p, now)) && !p->stopping && now < end_us) {
        int64_t wait_us = next_visit_us(p, end_us) - now;
        struct timespec until = thread_deadline((int)(wait_us / 1000) + 1);
        (void)pthread_cond_timedwait(&p->work, &p->lock, &until);
        now = mono_us();
    }
    if (t) {
        t->taken = true;
        /* Before the owner's slot is looked into: what comes later sets it again. */
        t->ready_us = 0;
    }
    *ret_over = p->stopping && !t;
    pthread_mutex_unlock(&p->lock);
    return t;
}

void *turn_owner(const struct turn *t)
{
    return t->owner;
}

void pool_give_back(struct turn *t, bool more)
{
    int64_t now = mono_us();
    pthread_mutex_lock(&t->pool->lock);
    t->taken = false;
    t->visited_us = now;
    if (more && !t->ready_us)
        t->ready_us = now;
    if (t->ready_us)
        pthread_cond_signal(&t->pool->work);
    pthread_mutex_unlock(&t->pool->lock);
}

void pool_stop(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
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
