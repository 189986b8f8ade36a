#include "base/thread.h"

#include "base/mono.h"

#include <stdio.h>

int thread_start(pthread_t *ret_thread, const char *name, void *(*body)(void *), void *arg)
{
    pthread_t t;
    int r = pthread_create(&t, NULL, body, arg);
    if (r)
        return -r;
    char cut[16];
    (void)snprintf(cut, sizeof(cut), "%s", name);
    pthread_setname_np(t, cut);
    *ret_thread = t;
    return 0;
}

int thread_join(pthread_t thread, int timeout_ms)
{
#ifdef __SANITIZE_THREAD__
    /* TSan knows the join by the wall clock only, and takes what follows another for a race. */
    int64_t us = mono_wall_us() + (int64_t)timeout_ms * 1000;
    struct timespec wall = {us / MONO_SECOND, us % MONO_SECOND * 1000};
    return -pthread_timedjoin_np(thread, NULL, &wall);
#else
    struct timespec until = thread_deadline(timeout_ms);
    return -pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
#endif
}

void thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

struct timespec thread_deadline(int timeout_ms)
{
    int64_t us = mono_us() + (int64_t)timeout_ms * 1000;
    return (struct timespec){us / MONO_SECOND, us % MONO_SECOND * 1000};
}
