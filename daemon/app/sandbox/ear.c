#include "app/sandbox/ear.h"

#include "app/sandbox/wire.h"
#include "base/beat.h"
#include "base/mem.h"
#include "base/stop.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BEAT_MS 2000

struct ear {
    int socket;
    struct stop *halt;
    const struct beat *beat;

    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t news;
    /* protected by lock */
    bool answered;
    int answer; /* a socket, or a negative errno */
};

static void hear_answer(struct ear *e, const struct wire_reached *r, int fd)
{
    pthread_mutex_lock(&e->lock);
    e->answer = fd >= 0 ? fd : r->error > 0 ? -r->error : -EIO;
    e->answered = true;
    pthread_cond_broadcast(&e->news);
    pthread_mutex_unlock(&e->lock);
}

static void tell_beat(const struct ear *e)
{
    int64_t age_us = mono_us() - atomic_load(&e->beat->mono_us);
    struct wire_message m = {.kind = WIRE_BEAT};
    m.beat.state = atomic_load(&e->beat->state);
    m.beat.age_ms = age_us > 0 ? (int32_t)(age_us / 1000) : 0;
    (void)wire_send(e->socket, &m, -1, true);
}

/* False: the daemon is gone, or not the one that we know. */
static bool hear(struct ear *e)
{
    struct wire_message m;
    int fd;
    int r;
    while ((r = wire_receive(e->socket, false, &m, &fd)) == 0) {
        if (m.kind == WIRE_STOP)
            stop_ask(e->halt);
        else if (m.kind == WIRE_REACHED)
            hear_answer(e, &m.reached, fd);
        else
            return false;
    }
    return r == -EAGAIN;
}

static void *body(void *arg)
{
    struct ear *e = arg;
    for (;;) {
        struct pollfd p = {.fd = e->socket, .events = POLLIN};
        int n = poll(&p, 1, BEAT_MS);
        if (n == 0)
            tell_beat(e);
        else if (n > 0 && !hear(e))
            _exit(EXIT_SUCCESS); /* there is nobody left to decode for */
    }
    return NULL;
}

struct ear *ear_start(int socket, struct stop *halt, const struct beat *beat)
{
    struct ear *e = mem_new(1, sizeof(*e));
    pthread_t thread;
    e->socket = socket;
    e->halt = halt;
    e->beat = beat;
    pthread_mutex_init(&e->lock, NULL);
    thread_cond_init(&e->news);
    if (thread_start(&thread, "ear", body, e) == 0)
        return e;
    free(e);
    return NULL;
}

int ear_reached(struct ear *e)
{
    pthread_mutex_lock(&e->lock);
    while (!e->answered)
        pthread_cond_wait(&e->news, &e->lock);
    e->answered = false;
    int answer = e->answer;
    pthread_mutex_unlock(&e->lock);
    return answer;
}
