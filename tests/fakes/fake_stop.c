#include "fake_stop.h"

#include "base/mem.h"
#include "base/stop.h"
#include "base/thread.h"
#include "fake_mono.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define PATIENCE_MS 30000

struct stop {
    bool asked;
};

/* One lock for all stops: there are few, and they are asked seldom. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int pause_ms; /* somebody's; 0: nobody pauses */

static void init(void)
{
    thread_cond_init(&change);
}

struct stop *stop_new(void)
{
    pthread_once(&once, init);
    return mem_new(1, sizeof(struct stop));
}

void stop_free(struct stop *s)
{
    free(s);
}

static void set(struct stop *s, bool asked)
{
    pthread_mutex_lock(&lock);
    s->asked = asked;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}

void stop_ask(struct stop *s)
{
    set(s, true);
}

void stop_clear(struct stop *s)
{
    set(s, false);
}

bool stop_asked(const struct stop *s)
{
    pthread_mutex_lock(&lock);
    bool asked = s->asked;
    pthread_mutex_unlock(&lock);
    return asked;
}

bool stop_wait(struct stop *s, int timeout_ms)
{
    pthread_mutex_lock(&lock);
    if (timeout_ms > 0) {
        assert(pause_ms == 0);
        pause_ms = timeout_ms;
        pthread_cond_broadcast(&change);
        while (!s->asked && pause_ms)
            pthread_cond_wait(&change, &lock);
        pause_ms = 0;
    } else if (timeout_ms < 0) {
        while (!s->asked)
            pthread_cond_wait(&change, &lock);
    }
    bool asked = s->asked;
    pthread_mutex_unlock(&lock);
    return asked;
}

int fake_stop_pause(void)
{
    pthread_once(&once, init);
    struct timespec until = thread_deadline(PATIENCE_MS);
    pthread_mutex_lock(&lock);
    bool patient = true;
    while (!pause_ms && patient)
        patient = pthread_cond_timedwait(&change, &lock, &until) != ETIMEDOUT;
    int ms = pause_ms;
    pthread_mutex_unlock(&lock);
    return ms;
}

void fake_stop_pass(void)
{
    pthread_mutex_lock(&lock);
    assert(pause_ms > 0);
    fake_mono_ahead((int64_t)pause_ms * 1000);
    pause_ms = 0;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}
