/* needs: base/thread base/mono base/stop base/mem */
#include "base/thread.h"

#include "base/stop.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static sem_t go;

static void *until_go(void *arg)
{
    (void)pthread_getname_np(pthread_self(), arg, 16);
    while (sem_wait(&go) != 0)
        ;
    return NULL;
}

/* A join gives up in time, and the thread can still be joined later. */
static void join_times_out(void **state)
{
    (void)state;
    char name[16] = "";
    pthread_t t;
    assert_int_equal(sem_init(&go, 0, 0), 0);
    assert_int_equal(thread_start(&t, "cam-a-very-long-name", until_go, name), 0);
    assert_int_equal(thread_join(t, 0), -ETIMEDOUT);
    assert_int_equal(thread_join(t, 5), -ETIMEDOUT);
    assert_int_equal(sem_post(&go), 0);
    assert_int_equal(thread_join(t, 60000), 0);
    sem_destroy(&go);
}

static void *own_name(void *arg)
{
    struct stop *named = arg;
    assert_true(stop_wait(named, 60000));
    static char name[16];
    (void)pthread_getname_np(pthread_self(), name, sizeof(name));
    return name;
}

static void names_are_cut_to_fifteen(void **state)
{
    (void)state;
    struct stop *named = stop_new();
    pthread_t t;
    void *name;
    assert_int_equal(thread_start(&t, "cam-a-very-long-name", own_name, named), 0);
    stop_ask(named); /* by now it has its name */
    assert_int_equal(pthread_join(t, &name), 0);
    assert_string_equal(name, "cam-a-very-long");
    stop_free(named);
}

static void a_timed_wait_follows_the_monotonic_clock(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    thread_cond_init(&cond);
    struct timespec until = thread_deadline(5), now;
    pthread_mutex_lock(&lock);
    while (pthread_cond_timedwait(&cond, &lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&lock);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    assert_true(now.tv_sec > until.tv_sec ||
                (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
    pthread_cond_destroy(&cond);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(join_times_out),
            cmocka_unit_test(names_are_cut_to_fifteen),
            cmocka_unit_test(a_timed_wait_follows_the_monotonic_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
