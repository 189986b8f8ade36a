#include "store/desk.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum place {
    PLACE_FREE,
    PLACE_LEFT, /* an order lies there */
    PLACE_TAKEN,
    PLACE_CLOSED,
};

struct desk {
    /* set at birth */
    void (*wake)(void *arg);
    void *arg;

    pthread_mutex_t lock; /* a leaf */
    /* protected by lock */
    bool news;
    struct store_settings settings;
    enum place place;
    struct store_order order;
    struct store_progress progress;
};

struct desk *desk_new(void)
{
    struct desk *d = mem_new(1, sizeof(*d));
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

void desk_free(struct desk *d)
{
    if (!d)
        return;
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void desk_on_progress(struct desk *d, void (*wake)(void *arg), void *arg)
{
    d->wake = wake;
    d->arg = arg;
}

void desk_set(struct desk *d, const struct store_settings *settings)
{
    pthread_mutex_lock(&d->lock);
    d->settings = *settings;
    d->news = true;
    pthread_mutex_unlock(&d->lock);
}

int desk_order(struct desk *d, const struct store_order *order)
{
    pthread_mutex_lock(&d->lock);
    int r = d->place == PLACE_FREE ? 0 : d->place == PLACE_CLOSED ? -ESHUTDOWN : -EBUSY;
    if (r == 0) {
        d->place = PLACE_LEFT;
        d->order = *order;
        d->progress = (struct store_progress){.running = true};
    }
    pthread_mutex_unlock(&d->lock);
    return r;
}

void desk_progress(struct desk *d, struct store_progress *ret_progress)
{
    pthread_mutex_lock(&d->lock);
    *ret_progress = d->progress;
    pthread_mutex_unlock(&d->lock);
}

bool desk_take_settings(struct desk *d, struct store_settings *ret_settings)
{
    pthread_mutex_lock(&d->lock);
    bool news = d->news;
    if (news)
        *ret_settings = d->settings;
    d->news = false;
    pthread_mutex_unlock(&d->lock);
    return news;
}

bool desk_take_order(struct desk *d, struct store_order *ret_order)
{
    pthread_mutex_lock(&d->lock);
    bool left = d->place == PLACE_LEFT;
    if (left) {
        *ret_order = d->order;
        d->place = PLACE_TAKEN;
    }
    pthread_mutex_unlock(&d->lock);
    return left;
}

void desk_tell(struct desk *d, const struct store_progress *progress)
{
    pthread_mutex_lock(&d->lock);
    bool taken = d->place == PLACE_TAKEN;
    if (taken)
        d->progress = *progress;
    if (taken && !progress->running)
        d->place = PLACE_FREE;
    pthread_mutex_unlock(&d->lock);
    if (taken && d->wake)
        d->wake(d->arg);
}

void desk_close(struct desk *d)
{
    pthread_mutex_lock(&d->lock);
    bool waits = d->place == PLACE_LEFT || d->place == PLACE_TAKEN;
    d->place = PLACE_CLOSED;
    if (waits) {
        d->progress.running = false;
        d->progress.code = -ESHUTDOWN;
        (void)snprintf(d->progress.text, sizeof(d->progress.text), "faced is ending");
    }
    pthread_mutex_unlock(&d->lock);
    if (waits && d->wake)
        d->wake(d->arg);
}
