/* needs: flow/slot base/mem base/mono base/thread */
#include "flow/slot.h"

#include "base/thread.h"
#include "flow/frame.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A frame of our own: the slot only carries it and lets it go. */
struct frame {
    int number;
};

static atomic_int freed, wakes;

static struct frame *make(int number)
{
    struct frame *f = malloc(sizeof(*f));
    f->number = number;
    return f;
}

void frame_unref(struct frame *f)
{
    if (!f)
        return;
    atomic_fetch_add(&freed, 1);
    free(f);
}

static void wake(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static struct slot *new_slot(void)
{
    atomic_store(&freed, 0);
    atomic_store(&wakes, 0);
    return slot_new(wake, &wakes);
}

/* What comes out: a frame's number, 1000 + a mark, or -1. */
static int take(struct slot *s)
{
    struct frame *f = NULL;
    int mark = 0, number = -1;
    switch (slot_take(s, &f, &mark)) {
    case SLOT_EMPTY: break;
    case SLOT_MARK: number = 1000 + mark; break;
    case SLOT_FRAME:
        number = f->number;
        free(f);
        break;
    }
    return number;
}

static void the_newest_wins(void **state)
{
    (void)state;
    struct slot *s = new_slot();
    assert_true(!slot_face_full(slot_face(s)));
    assert_int_equal(take(s), -1);
    slot_put(s, make(1));
    assert_true(slot_face_full(slot_face(s)));
    slot_put(s, make(2));
    slot_put(s, make(3));
    assert_int_equal(slot_lost(s), 2);
    assert_int_equal(freed, 2);
    assert_int_equal(wakes, 3);
    assert_int_equal(take(s), 3);
    assert_true(!slot_face_full(slot_face(s)));
    assert_int_equal(take(s), -1);
    slot_put(s, make(4));
    slot_free(s); /* with what is inside */
    assert_int_equal(freed, 3);
    slot_free(NULL);
}

static void who_waits_is_refreshed(void **state)
{
    (void)state;
    struct slot *s = new_slot();
    slot_refresh(s, make(1)); /* nobody waits */
    assert_true(!slot_face_full(slot_face(s)) && atomic_load(&freed) == 1);
    slot_put(s, make(2));
    slot_refresh(s, make(3));
    slot_mark(s, 7);
    slot_refresh(s, make(4)); /* never before the mark */
    slot_put(s, make(5));
    slot_refresh(s, make(6));
    assert_int_equal(atomic_load(&wakes), 3);
    assert_int_equal(take(s), 3);
    assert_int_equal(take(s), 1007);
    assert_int_equal(take(s), 6);
    slot_put(s, make(8));
    slot_close(s);
    slot_refresh(s, make(9));
    assert_int_equal(take(s), 8);
    assert_true(slot_lost(s) == 0 && !slot_face_full(slot_face(s)));
    assert_int_equal(atomic_load(&freed), 5);
    slot_free(s);
}

static void a_mark_keeps_its_place(void **state)
{
    (void)state;
    struct slot *s = new_slot();
    slot_put(s, make(1));
    slot_mark(s, 7);
    slot_put(s, make(2));
    slot_put(s, make(3)); /* replaces 2, and never the frame before the mark */
    assert_int_equal(slot_lost(s), 1);
    assert_int_equal(take(s), 1);
    assert_int_equal(take(s), 1007);
    assert_int_equal(take(s), 3);
    assert_int_equal(take(s), -1);

    slot_mark(s, 8);
    slot_mark(s, 9); /* the first of two stays */
    assert_int_equal(take(s), 1008);
    assert_int_equal(take(s), -1);

    slot_mark(s, 1);
    slot_put(s, make(4));
    slot_mark(s, 2); /* the frame between the two is lost, and so they are one */
    assert_int_equal(slot_lost(s), 2);
    assert_int_equal(take(s), 1001);
    assert_int_equal(take(s), -1);
    slot_free(s);
}

static void closed(void **state)
{
    (void)state;
    struct slot *s = new_slot();
    slot_put(s, make(1));
    slot_mark(s, 2);
    slot_put(s, make(3));
    slot_close(s);
    slot_put(s, make(4));
    slot_put_wait(s, make(5), -1); /* does not wait */
    slot_mark(s, 6);
    assert_int_equal(freed, 2);
    assert_int_equal(take(s), 1); /* what was inside comes out whole */
    assert_int_equal(take(s), 1002);
    assert_int_equal(take(s), 3);
    assert_int_equal(take(s), -1);
    slot_free(s);
}

#define FRAMES 20000

struct race {
    struct slot *s;
    bool wait;
    atomic_bool done;
};

static void *putter(void *arg)
{
    struct race *r = arg;
    for (int i = 1; i <= FRAMES; i++) {
        if (r->wait)
            slot_put_wait(r->s, make(i), -1);
        else
            slot_put(r->s, make(i));
        if (i % 1000 == 0)
            slot_mark(r->s, i);
    }
    atomic_store(&r->done, true);
    return NULL;
}

/* Every frame is taken or lost; they come in order; no mark before what was put before it. */
static void every_frame_is_taken_or_lost(void **state)
{
    (void)state;
    for (int wait = 0; wait < 2; wait++) {
        struct race r = {new_slot(), wait, false};
        pthread_t t;
        assert_int_equal(thread_start(&t, "putter", putter, &r), 0);
        int taken = 0, last = 0, marks = 0;
        for (bool done = false; !done;) {
            done = atomic_load(&r.done); /* before the look, so that the last is seen */
            struct frame *f;
            int mark;
            enum slot_item item = slot_take(r.s, &f, &mark);
            if (item == SLOT_FRAME) {
                assert_true(f->number > last); /* newer than any before, a mark included */
                last = f->number;
                taken++;
                free(f);
            } else if (item == SLOT_MARK) {
                assert_true(mark >= last);
                last = mark;
                marks++;
            } else {
                sched_yield();
            }
            done = done && item == SLOT_EMPTY;
        }
        assert_int_equal(thread_join(t, 60000), 0);
        assert_int_equal(taken + (int)slot_lost(r.s), FRAMES);
        assert_int_equal(freed, slot_lost(r.s));
        if (wait) { /* nothing is lost */
            assert_int_equal(slot_lost(r.s), 0);
            assert_int_equal(taken, FRAMES);
            assert_int_equal(marks, FRAMES / 1000);
        }
        slot_free(r.s);
    }
}

static void *put_two(void *arg)
{
    slot_put_wait(arg, make(1), -1);
    slot_put_wait(arg, make(2), -1);
    return NULL;
}

static void closing_frees_a_waiting_putter(void **state)
{
    (void)state;
    struct slot *s = new_slot();
    pthread_t t;
    assert_int_equal(thread_start(&t, "putter", put_two, s), 0);
    while (atomic_load(&wakes) < 1)
        sched_yield();
    slot_close(s);
    assert_int_equal(thread_join(t, 60000), 0);
    assert_int_equal(take(s), 1);
    assert_int_equal(freed, 1);
    slot_free(s);
}

static void a_mirror_shows_the_face(void **state)
{
    (void)state;
    struct slot_face copy = {0};
    struct slot *s = new_slot();
    slot_need(s, true);
    slot_put(s, make(1));
    slot_mirror(s, &copy); /* what is so already as well */
    assert_true(atomic_load(&copy.needed) && atomic_load(&copy.full));
    assert_int_equal(take(s), 1);
    slot_need(s, false);
    assert_false(atomic_load(&copy.needed) || atomic_load(&copy.full));
    slot_mark(s, 7);
    assert_true(atomic_load(&copy.full));
    slot_mirror(s, NULL);
    assert_int_equal(take(s), 1007);
    slot_need(s, true);
    assert_true(atomic_load(&copy.full) && !atomic_load(&copy.needed)); /* it is left alone */
    slot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_mirror_shows_the_face),
            cmocka_unit_test(the_newest_wins),
            cmocka_unit_test(who_waits_is_refreshed),
            cmocka_unit_test(a_mark_keeps_its_place),
            cmocka_unit_test(closed),
            cmocka_unit_test(every_frame_is_taken_or_lost),
            cmocka_unit_test(closing_frees_a_waiting_putter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
