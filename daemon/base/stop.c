#include "base/stop.h"

#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct stop {
    atomic_bool asked;
    int fd;
    pthread_mutex_t lock; /* a leaf; only for the condition */
    pthread_cond_t wake;
};

struct stop *stop_new(void)
{
    struct stop *s = mem_new(1, sizeof(*s));
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mem_check(s->fd < 0 ? NULL : s); /* without descriptors nothing sensible can go on either */
    pthread_mutex_init(&s->lock, NULL);
    thread_cond_init(&s->wake);
    return s;
}

void stop_free(struct stop *s)
{
    if (!s)
        return;
    close(s->fd);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void stop_ask(struct stop *s)
{
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->asked, true);
    pthread_cond_broadcast(&s->wake);
    (void)eventfd_write(s->fd, 1);
    pthread_mutex_unlock(&s->lock);
}

bool stop_asked(const struct stop *s)
{
    return atomic_load(&s->asked);
}

void stop_clear(struct stop *s)
{
    eventfd_t n;
    (void)eventfd_read(s->fd, &n);
    atomic_store(&s->asked, false);
}

int stop_fd(const struct stop *s)
{
    return s->fd;
}

bool stop_wait(struct stop *s, int timeout_ms)
{
    struct timespec until = thread_deadline(timeout_ms);
    pthread_mutex_lock(&s->lock);
    while (!atomic_load(&s->asked)) {
        if (timeout_ms < 0)
            pthread_cond_wait(&s->wake, &s->lock);
        else if (pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&s->lock);
    return stop_asked(s);
}
