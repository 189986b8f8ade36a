#include "fake_bus.h"

#include "base/thread.h"
#include "bus/bus.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 30000
#define TOPICS      16

static struct topic {
    char name[64], said[4096];
    size_t last; /* where the latest word begins */
} topics[TOPICS];
static int n_topics;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static char body;
struct bus *const fake_bus = (struct bus *)&body;

static void init(void)
{
    thread_cond_init(&more);
}

/* Under the lock. */
static struct topic *find(const char *name)
{
    for (int i = 0; i < n_topics; i++) {
        if (strcmp(topics[i].name, name) == 0)
            return &topics[i];
    }
    assert(n_topics < TOPICS && strlen(name) < sizeof(topics[0].name));
    struct topic *t = &topics[n_topics++];
    *t = (struct topic){0};
    memcpy(t->name, name, strlen(name) + 1);
    return t;
}

void bus_state(struct bus *b, const char *topic, const char *payload)
{
    assert(b == fake_bus);
    pthread_once(&once, init);
    pthread_mutex_lock(&lock);
    struct topic *t = find(topic);
    size_t n = strlen(t->said);
    if (n == 0 || strcmp(t->said + t->last, payload) != 0) {
        t->last = n ? n + 1 : 0;
        assert(t->last + strlen(payload) < sizeof(t->said));
        (void)snprintf(t->said + n, sizeof(t->said) - n, "%s%s", n ? " " : "", payload);
    }
    pthread_cond_broadcast(&more);
    pthread_mutex_unlock(&lock);
}

void fake_bus_forget(void)
{
    pthread_mutex_lock(&lock);
    n_topics = 0;
    pthread_mutex_unlock(&lock);
}

void fake_bus_said(const char *topic, char *ret_text, size_t size)
{
    pthread_mutex_lock(&lock);
    (void)snprintf(ret_text, size, "%s", find(topic)->said);
    pthread_mutex_unlock(&lock);
}

bool fake_bus_hears(const char *topic, const char *text)
{
    pthread_once(&once, init);
    struct timespec until = thread_deadline(PATIENCE_MS);
    pthread_mutex_lock(&lock);
    struct topic *t = find(topic);
    bool patient = true;
    while (strcmp(t->said, text) != 0 && patient)
        patient = pthread_cond_timedwait(&more, &lock, &until) != ETIMEDOUT;
    bool heard = strcmp(t->said, text) == 0;
    if (!heard)
        (void)fprintf(stderr, "%s: heard '%s', not '%s'\n", topic, t->said, text);
    pthread_mutex_unlock(&lock);
    return heard;
}
