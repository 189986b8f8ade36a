#include "flow/slot.h"

#include "base/mem.h"
#include "base/thread.h"
#include "flow/frame.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct slot {
    /* set at birth */
    void (*wake)(void *arg);
    void *arg;

    struct slot_face face; /* written under the lock */

    pthread_mutex_t lock; /* a leaf: nothing is locked or called under it */
    pthread_cond_t room;  /* became empty, or closed */

    /* protected by lock; what is inside comes out in this order */
    struct frame *before; /* the mark, when there is one */
    bool marked;
    int mark;
    struct frame *after; /* the mark; NULL while there is none */
    bool closed;
    uint64_t lost;
    struct slot_face *mirror;
};

struct slot *slot_new(void (*wake)(void *arg), void *arg)
{
    struct slot *s = mem_new(1, sizeof(*s));
    s->wake = wake;
    s->arg = arg;
    pthread_mutex_init(&s->lock, NULL);
    thread_cond_init(&s->room);
    return s;
}

void slot_free(struct slot *s)
{
    if (!s)
        return;
    frame_unref(s->before);
    frame_unref(s->after);
    pthread_cond_destroy(&s->room);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool empty(const struct slot *s)
{
    return !s->before && !s->marked && !s->after;
}

static void unlock(struct slot *s)
{
    bool full = !empty(s);
    atomic_store(&s->face.full, full);
    if (s->mirror) {
        atomic_store(&s->mirror->full, full);
        atomic_store(&s->mirror->needed, atomic_load(&s->face.needed));
    }
    pthread_mutex_unlock(&s->lock);
}

/* Under the lock. Returns what must be freed after it. */
static struct frame *put(struct slot *s, struct frame *f)
{
    if (s->closed)
        return f;
    struct frame **place = s->marked ? &s->after : &s->before;
    struct frame *drop = *place;
    s->lost += drop != NULL;
    *place = f;
    return drop;
}

void slot_put(struct slot *s, struct frame *f)
{
    pthread_mutex_lock(&s->lock);
    struct frame *drop = put(s, f);
    unlock(s);
    frame_unref(drop); /* freeing pixels is slow; not under the lock */
    s->wake(s->arg);
}

void slot_refresh(struct slot *s, struct frame *f)
{
    pthread_mutex_lock(&s->lock);
    struct frame **place = s->marked ? &s->after : &s->before;
    struct frame *drop = f;
    if (*place && !s->closed) {
        drop = *place;
        *place = f;
    }
    unlock(s);
    frame_unref(drop);
}

void slot_put_wait(struct slot *s, struct frame *f, int timeout_ms)
{
    struct timespec until = thread_deadline(timeout_ms < 0 ? 0 : timeout_ms);
    bool patient = true;
    pthread_mutex_lock(&s->lock);
    while (patient && !s->closed && !empty(s)) {
        if (timeout_ms < 0)
            pthread_cond_wait(&s->room, &s->lock);
        else
            patient = pthread_cond_timedwait(&s->room, &s->lock, &until) != ETIMEDOUT;
    }
    struct frame *drop = put(s, f);
    unlock(s);
    frame_unref(drop);
    s->wake(s->arg);
}

void slot_mark(struct slot *s, int mark)
{
    struct frame *drop = NULL;
    pthread_mutex_lock(&s->lock);
    if (!s->closed) {
        drop = s->after; /* it would have to be overtaken by the mark before it */
        s->after = NULL;
        s->lost += drop != NULL;
        s->mark = s->marked ? s->mark : mark;
        s->marked = true;
    }
    unlock(s);
    frame_unref(drop);
    s->wake(s->arg);
}

void slot_ring(struct slot *s)
{
    s->wake(s->arg);
}

enum slot_item slot_take(struct slot *s, struct frame **ret_frame, int *ret_mark)
{
    enum slot_item item = SLOT_EMPTY;
    pthread_mutex_lock(&s->lock);
    if (s->before) {
        *ret_frame = s->before;
        s->before = NULL;
        item = SLOT_FRAME;
    } else if (s->marked) {
        *ret_mark = s->mark;
        s->marked = false;
        s->before = s->after;
        s->after = NULL;
        item = SLOT_MARK;
    }
    if (empty(s))
        pthread_cond_signal(&s->room);
    unlock(s);
    return item;
}

void slot_close(struct slot *s)
{
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_cond_broadcast(&s->room);
    unlock(s);
}

const struct slot_face *slot_face(const struct slot *s)
{
    return &s->face;
}

/* What has just been seen has been put before, so it is asked first. */
bool slot_face_full(const struct slot_face *f)
{
    return atomic_load(&f->seen) != atomic_load(&f->sent) || atomic_load(&f->full);
}

void slot_mirror(struct slot *s, struct slot_face *copy)
{
    pthread_mutex_lock(&s->lock);
    s->mirror = copy;
    unlock(s);
}

void slot_need(struct slot *s, bool needed)
{
    if (atomic_load(&s->face.needed) == needed)
        return;
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->face.needed, needed);
    unlock(s);
}

uint64_t slot_lost(struct slot *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t n = s->lost;
    unlock(s);
    return n;
}
