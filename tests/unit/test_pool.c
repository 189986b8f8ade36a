/* needs: app/pool base/mem base/thread fake:mono */
#include "app/pool.h"

#include "../fakes/fake_mono.h"
#include "base/mono.h"
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEVER_US    (3600 * MONO_SECOND) /* no visits: only who is ready has a turn */
#define PATIENCE_MS 60000

static int by_the_real_clock(void **state)
{
    (void)state;
    fake_mono_reset();
    return 0;
}

/* One that a worker may get. */
static struct turn *add(struct pool *p, void *owner)
{
    struct turn *t = pool_add(p, owner);
    turn_open(t);
    return t;
}

static struct turn *next(struct pool *p)
{
    bool over = true;
    struct turn *t = pool_next(p, 0, &over);
    assert_false(over);
    return t;
}

/* Ready, and not in the same microsecond as anybody before. */
static void ready(struct turn *t)
{
    fake_mono_ahead(1);
    turn_ready(t);
}

static void the_longest_waiting_comes_first(void **state)
{
    (void)state;
    struct pool *p = pool_new(NEVER_US);
    struct turn *t[4];
    int owner[4];
    for (int i = 0; i < 4; i++)
        t[i] = add(p, &owner[i]);
    static const int order[] = {2, 0, 3, 1};
    for (int i = 0; i < 4; i++)
        ready(t[order[i]]);
    ready(t[1]); /* its place is the one of the first time */
    ready(t[2]);
    for (int i = 0; i < 4; i++) {
        struct turn *got = next(p);
        assert_ptr_equal(got, t[order[i]]);
        assert_ptr_equal(turn_owner(got), &owner[order[i]]);
    }
    pool_free(p);
    pool_free(NULL);
}

static void ready_while_taken_is_not_lost(void **state)
{
    (void)state;
    struct pool *p = pool_new(NEVER_US);
    struct turn *t = add(p, NULL);
    for (int i = 0; i < 100; i++) {
        ready(t);
        assert_ptr_equal(next(p), t);
        ready(t);
        pool_give_back(t, false);
        assert_ptr_equal(next(p), t);
        pool_give_back(t, true); /* as the worker saw itself */
        assert_ptr_equal(next(p), t);
        pool_give_back(t, false);
    }
    pool_free(p);
}

/* One owner has something new whenever it is looked at; each of the others once. */
static void a_busy_owner_starves_nobody(void **state)
{
    (void)state;
    struct pool *p = pool_new(NEVER_US);
    struct turn *busy = add(p, NULL), *other[5];
    for (int i = 0; i < 5; i++)
        other[i] = add(p, NULL);
    ready(busy);
    for (int i = 0; i < 5; i++)
        ready(other[i]);
    for (int i = -1; i < 5; i++) {
        struct turn *t = next(p);
        assert_ptr_equal(t, i < 0 ? busy : other[i]);
        ready(busy);
        fake_mono_ahead(1);
        pool_give_back(t, t == busy);
    }
    assert_ptr_equal(next(p), busy);
    pool_free(p);
}

/* Who has no news is looked after too, in time, and not more often. */
/* Before those who have waited for a moment longer, behind those who have for a quarter second. */
static void who_is_favoured_has_a_start(void **state)
{
    (void)state;
    struct pool *p = pool_new(NEVER_US);
    struct turn *first = add(p, NULL), *second = add(p, NULL), *liked = add(p, NULL);
    turn_favour(liked, true);
    ready(first);
    fake_mono_ahead(MONO_SECOND / 4);
    ready(second);
    fake_mono_ahead(MONO_SECOND / 10);
    ready(liked);
    assert_ptr_equal(next(p), first);
    assert_ptr_equal(next(p), liked);
    turn_favour(liked, false);
    pool_give_back(liked, true);
    assert_ptr_equal(next(p), second);
    assert_ptr_equal(next(p), liked);
    pool_free(p);
}

static void everybody_is_visited(void **state)
{
    (void)state;
    struct pool *p = pool_new(NEVER_US);
    struct turn *a = add(p, NULL);
    fake_mono_ahead(1);
    struct turn *b = add(p, NULL);
    for (int i = 0; i < 10; i++) {
        fake_mono_ahead(NEVER_US);
        assert_ptr_equal(next(p), a);
        fake_mono_ahead(1);
        pool_give_back(a, false);
        assert_ptr_equal(next(p), b);
        fake_mono_ahead(1);
        pool_give_back(b, false);
    }
    pool_stop(p); /* then nobody is who has nothing */
    fake_mono_ahead(2 * NEVER_US);
    bool over = false;
    assert_null(pool_next(p, 0, &over));
    assert_true(over);
    pool_free(p);
}

static void a_visit_that_comes_due_is_waited_for(void **state)
{
    (void)state;
    struct pool *p = pool_new(5000);
    struct turn *a = add(p, NULL), *b = add(p, NULL);
    assert_ptr_equal(next(p), a);
    assert_ptr_equal(next(p), b);
    assert_null(next(p)); /* both are taken, and it is not over */
    pool_give_back(b, false);
    assert_ptr_equal(next(p), b);
    pool_free(p);
}

static void a_stop_gives_out_what_is_ready(void **state)
{
    (void)state;
    struct pool *p = pool_new(NEVER_US);
    struct turn *a = add(p, NULL), *b = add(p, NULL);
    (void)add(p, NULL);
    ready(a);
    ready(b);
    pool_stop(p);
    assert_ptr_equal(next(p), a);
    ready(a);
    pool_give_back(a, false);
    assert_ptr_equal(next(p), b);
    assert_ptr_equal(next(p), a);
    pool_give_back(b, false);
    bool over = false;
    for (int i = 0; i < 3; i++) { /* as many workers as there may be */
        assert_null(pool_next(p, 0, &over));
        assert_true(over);
    }
    pool_give_back(a, true); /* found more at the last moment */
    assert_ptr_equal(next(p), a);
    pool_free(p);
}

static void retired_for_good(void **state)
{
    (void)state;
    struct pool *p = pool_new(NEVER_US);
    struct turn *a = add(p, NULL), *b = add(p, NULL);
    ready(a);
    ready(b);
    assert_ptr_equal(next(p), a);
    pool_stop(p);
    assert_false(turn_retire(a)); /* somebody is in it */
    assert_true(turn_retire(b));
    assert_false(turn_retire(b));
    pool_give_back(a, false); /* who comes back finds nothing any more */
    bool over = false;
    assert_null(pool_next(p, 0, &over));
    assert_true(over);
    assert_true(turn_retire(a));
    pool_free(p);
}

/*
 * Many owners with work from many sides, and workers that share it.
 */
#define OWNERS  5
#define WORKERS 4
#define PUTTERS 3
#define PUTS    4000

struct owner {
    struct turn *turn;
    atomic_int waiting; /* pieces of work */
    int done;           /* by one worker at a time, without a lock */
    atomic_int inside;
};

struct house {
    struct pool *pool;
    struct owner owners[OWNERS];
    atomic_int workers;
    atomic_int crowds; /* times that two were with one owner */
};

static void *work(void *arg)
{
    struct house *h = arg;
    int me = atomic_fetch_add(&h->workers, 1);
    for (bool over = false; !over;) {
        struct turn *t = pool_next(h->pool, me, &over);
        if (!t)
            continue;
        struct owner *o = turn_owner(t);
        if (atomic_fetch_add(&o->inside, 1) != 0)
            atomic_fetch_add(&h->crowds, 1);
        if (atomic_load(&o->waiting) > 0) {
            atomic_fetch_sub(&o->waiting, 1);
            o->done++;
        }
        atomic_fetch_sub(&o->inside, 1);
        pool_give_back(t, atomic_load(&o->waiting) > 0);
    }
    return NULL;
}

static void *put(void *arg)
{
    struct house *h = arg;
    for (int i = 0; i < PUTS; i++) {
        struct owner *o = &h->owners[i % 7 % OWNERS];
        atomic_fetch_add(&o->waiting, 1);
        turn_ready(o->turn);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

static void run(struct house *h, int64_t visit_us)
{
    *h = (struct house){.pool = pool_new(visit_us)};
    for (int i = 0; i < OWNERS; i++)
        h->owners[i].turn = add(h->pool, &h->owners[i]);
    pthread_t workers[WORKERS], putters[PUTTERS];
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(thread_start(&workers[i], "worker", work, h), 0);
    for (int i = 0; i < PUTTERS; i++)
        assert_int_equal(thread_start(&putters[i], "putter", put, h), 0);
    for (int i = 0; i < PUTTERS; i++)
        assert_int_equal(thread_join(putters[i], PATIENCE_MS), 0);
    pool_stop(h->pool);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(thread_join(workers[i], PATIENCE_MS), 0);
}

/* Without visits a piece of work that nobody was told of would be left over. */
static void one_worker_at_a_time_and_nothing_left(void **state)
{
    (void)state;
    static const int64_t visits_us[] = {NEVER_US, 1};
    for (int k = 0; k < 2; k++) {
        struct house h;
        run(&h, visits_us[k]);
        int done = 0;
        for (int i = 0; i < OWNERS; i++) {
            assert_int_equal(atomic_load(&h.owners[i].waiting), 0);
            done += h.owners[i].done;
        }
        assert_int_equal(done, PUTTERS * PUTS);
        assert_int_equal(atomic_load(&h.crowds), 0);
        pool_free(h.pool);
    }
}

/* However the last word and the waiting fall together, every worker hears it. */
static void every_worker_hears_that_it_is_over(void **state)
{
    (void)state;
    for (int k = 0; k < 200; k++) {
        struct house h = {.pool = pool_new(NEVER_US)};
        h.owners[0].turn = add(h.pool, &h.owners[0]);
        pthread_t workers[WORKERS];
        for (int i = 0; i < WORKERS; i++)
            assert_int_equal(thread_start(&workers[i], "worker", work, &h), 0);
        atomic_store(&h.owners[0].waiting, 3);
        turn_ready(h.owners[0].turn);
        pool_stop(h.pool);
        for (int i = 0; i < WORKERS; i++)
            assert_int_equal(thread_join(workers[i], PATIENCE_MS), 0);
        assert_int_equal(h.owners[0].done, 3);
        pool_free(h.pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup(the_longest_waiting_comes_first, by_the_real_clock),
            cmocka_unit_test_setup(ready_while_taken_is_not_lost, by_the_real_clock),
            cmocka_unit_test_setup(a_busy_owner_starves_nobody, by_the_real_clock),
            cmocka_unit_test_setup(who_is_favoured_has_a_start, by_the_real_clock),
            cmocka_unit_test_setup(everybody_is_visited, by_the_real_clock),
            cmocka_unit_test_setup(a_visit_that_comes_due_is_waited_for, by_the_real_clock),
            cmocka_unit_test_setup(a_stop_gives_out_what_is_ready, by_the_real_clock),
            cmocka_unit_test_setup(retired_for_good, by_the_real_clock),
            cmocka_unit_test_setup(one_worker_at_a_time_and_nothing_left, by_the_real_clock),
            cmocka_unit_test_setup(every_worker_hears_that_it_is_over, by_the_real_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
