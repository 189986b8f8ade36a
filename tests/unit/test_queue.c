/* needs: flow/queue base/mem base/mono base/thread */
#include "flow/queue.h"

#include "base/thread.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static atomic_int freed, wakes;

static void free_item(void *item)
{
    atomic_fetch_add(&freed, 1);
    free(item);
}

static int *make(int n)
{
    int *item = malloc(sizeof(*item));
    *item = n;
    return item;
}

static void wake(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static int take(struct queue *q)
{
    void *item;
    if (queue_take(q, &item, 1, 0) == 0)
        return -1;
    int n = *(int *)item;
    free(item);
    return n;
}

static void first_in_first_out(void **state)
{
    (void)state;
    atomic_store(&freed, 0);
    atomic_store(&wakes, 0);
    struct queue *q = queue_new(4, free_item, NULL, NULL);
    queue_on_put(q, wake, &wakes);
    assert_int_equal(take(q), -1);
    for (int i = 1; i <= 4; i++)
        assert_true(queue_put(q, make(i)));
    assert_false(queue_put(q, make(5))); /* full: refused and freed */
    assert_int_equal(queue_length(q), 4);
    assert_int_equal(queue_lost(q), 1);
    assert_int_equal(freed, 1);
    assert_int_equal(wakes, 4);
    void *items[8];
    assert_int_equal(queue_take(q, items, 2, 0), 2);
    assert_int_equal(*(int *)items[0], 1);
    assert_int_equal(*(int *)items[1], 2);
    free(items[0]);
    free(items[1]);
    assert_true(queue_put(q, make(6)));
    assert_int_equal(queue_take(q, items, 8, 1000), 3); /* at once: there is something */
    assert_int_equal(*(int *)items[0], 3);
    assert_int_equal(*(int *)items[1], 4);
    assert_int_equal(*(int *)items[2], 6);
    for (int i = 0; i < 3; i++)
        free(items[i]);
    assert_int_equal(queue_take(q, items, 8, 1), 0);
    assert_true(queue_put(q, make(7)));
    queue_free(q);
    assert_int_equal(freed, 2);
    queue_free(NULL);
}

static void closed(void **state)
{
    (void)state;
    atomic_store(&freed, 0);
    atomic_store(&wakes, 0);
    struct queue *q = queue_new(4, free_item, NULL, NULL);
    queue_on_put(q, wake, &wakes);
    assert_true(queue_put(q, make(1)));
    assert_false(queue_closed(q));
    queue_close(q);
    assert_int_equal(wakes, 2); /* the taker in poll() hears of it */
    assert_true(queue_closed(q));
    assert_false(queue_put(q, make(2)));
    assert_int_equal(freed, 1);
    assert_int_equal(take(q), 1); /* what is inside can still be taken */
    void *item;
    assert_int_equal(queue_take(q, &item, 1, 1 << 30), 0); /* and then nobody waits */
    queue_free(q);
}

/* Keeps the newest of each hundred. */
static size_t newest_of_each(void **items, size_t n, void *arg)
{
    size_t kept = 0;
    ++*(int *)arg;
    for (size_t i = 0; i < n; i++) {
        if (kept && *(int *)items[kept - 1] / 100 == *(int *)items[i] / 100)
            free_item(items[--kept]);
        items[kept++] = items[i];
    }
    return kept;
}

static void squeezed_when_full(void **state)
{
    (void)state;
    int squeezed = 0;
    atomic_store(&freed, 0);
    struct queue *q = queue_new(4, free_item, newest_of_each, &squeezed);
    static const int in[] = {101, 102, 103, 201, 202, 301};
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
        assert_true(queue_put(q, make(in[i])));
    assert_int_equal(squeezed, 1);
    assert_int_equal(queue_lost(q), 2);
    static const int out[] = {103, 201, 202, 301, -1};
    for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
        assert_int_equal(take(q), out[i]);

    /* nothing to squeeze out: the new one is refused */
    for (int i = 1; i <= 4; i++)
        assert_true(queue_put(q, make(i * 100)));
    assert_false(queue_put(q, make(500)));
    assert_int_equal(queue_lost(q), 3);
    assert_int_equal(queue_length(q), 4);
    queue_free(q);
    assert_int_equal(freed, 3 + 4);
}

#define PUTTERS 3
#define ITEMS   20000

struct race {
    struct queue *q;
    int who;
};

static void *putter(void *arg)
{
    struct race *r = arg;
    for (int i = 0; i < ITEMS; i++)
        (void)queue_put(r->q, make(r->who * ITEMS + i));
    return NULL;
}

static void *closer(void *arg)
{
    struct race *all = arg;
    pthread_t t[PUTTERS];
    for (int i = 0; i < PUTTERS; i++)
        assert_int_equal(thread_start(&t[i], "putter", putter, &all[i]), 0);
    for (int i = 0; i < PUTTERS; i++)
        assert_int_equal(thread_join(t[i], 60000), 0);
    queue_close(all[0].q);
    return NULL;
}

/* Each item is taken or lost, and each putter's come in order. */
static void every_item_is_taken_or_lost(void **state)
{
    (void)state;
    atomic_store(&freed, 0);
    struct queue *q = queue_new(64, free_item, NULL, NULL);
    struct race all[PUTTERS];
    for (int i = 0; i < PUTTERS; i++)
        all[i] = (struct race){q, i};
    pthread_t t;
    assert_int_equal(thread_start(&t, "closer", closer, all), 0);
    int taken = 0, last[PUTTERS] = {-1, -1, -1};
    void *items[16];
    size_t n;
    while ((n = queue_take(q, items, 16, 600000)) > 0) {
        for (size_t i = 0; i < n; i++) {
            int value = *(int *)items[i], who = value / ITEMS;
            assert_true(value % ITEMS > last[who]);
            last[who] = value % ITEMS;
            free(items[i]);
            taken++;
        }
    }
    assert_int_equal(thread_join(t, 60000), 0);
    assert_int_equal(taken + (int)queue_lost(q), PUTTERS * ITEMS);
    assert_int_equal(freed, queue_lost(q));
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(first_in_first_out),
            cmocka_unit_test(closed),
            cmocka_unit_test(squeezed_when_full),
            cmocka_unit_test(every_item_is_taken_or_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
