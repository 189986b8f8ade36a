#pragma once

#include <pthread.h>
#include <time.h>

/*
 * Threads with a name, and waiting by the monotonic clock.
 *
 * We never cancel and never kill a thread. main() blocks all signals before the first one is
 * started, so that every thread, a library's too, inherits that.
 */

/* name: at most 15 characters are kept. Returns 0 or a negative errno. */
int thread_start(pthread_t *ret_thread, const char *name, void *(*body)(void *), void *arg);

/* Waits for the thread's end; 0, or -ETIMEDOUT when it has not come by then. */
int thread_join(pthread_t thread, int timeout_ms);

/* A condition whose timed wait follows CLOCK_MONOTONIC, and the point in time for it. */
void thread_cond_init(pthread_cond_t *cond);
struct timespec thread_deadline(int timeout_ms);
