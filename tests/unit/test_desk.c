/* needs: store/desk base/mem */
#include "store/desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void count(void *arg)
{
    ++*(int *)arg;
}

static void an_order_goes_over_the_desk_and_its_progress_comes_back(void **state)
{
    (void)state;
    struct desk *d = desk_new();
    int woken = 0;
    struct store_order order = {.job = STORE_ERASE, .who = {.since_us = 7}}, taken = {0};
    struct store_progress p;
    desk_on_progress(d, count, &woken);
    assert_false(desk_take_order(d, &taken));
    assert_int_equal(desk_order(d, &order), 0);
    assert_int_equal(desk_order(d, &order), -EBUSY); /* lies there */
    desk_progress(d, &p);
    assert_true(p.running);
    assert_true(desk_take_order(d, &taken));
    assert_int_equal(taken.who.since_us, 7);
    assert_false(desk_take_order(d, &taken));
    assert_int_equal(desk_order(d, &order), -EBUSY); /* is being done */

    desk_tell(d, &(struct store_progress){.running = true, .gone = {.records = 3}});
    desk_progress(d, &p);
    assert_int_equal(p.gone.records, 3);
    desk_tell(d, &(struct store_progress){.gone = {.records = 5}});
    desk_progress(d, &p);
    assert_false(p.running);
    assert_int_equal(p.gone.records, 5);
    assert_int_equal(woken, 2);
    assert_int_equal(desk_order(d, &order), 0);
    desk_free(d);
}

static void what_nobody_ordered_is_nobodys_news(void **state)
{
    (void)state;
    struct desk *d = desk_new();
    int woken = 0;
    desk_on_progress(d, count, &woken);
    desk_tell(d, &(struct store_progress){.gone = {.records = 5}});
    assert_int_equal(woken, 0);
    assert_int_equal(desk_order(d, &(struct store_order){0}), 0);
    desk_tell(d, &(struct store_progress){.gone = {.records = 5}}); /* not of this order */
    struct store_progress p;
    desk_progress(d, &p);
    assert_true(p.running);
    assert_int_equal(p.gone.records, 0);
    desk_free(d);
}

static void a_closed_desk_answers(void **state)
{
    (void)state;
    struct desk *d = desk_new();
    struct store_progress p;
    int woken = 0;
    desk_on_progress(d, count, &woken);
    assert_int_equal(desk_order(d, &(struct store_order){0}), 0);
    desk_close(d);
    desk_close(d);
    desk_progress(d, &p);
    assert_false(p.running);
    assert_int_equal(p.code, -ESHUTDOWN);
    assert_int_equal(woken, 1);
    assert_int_equal(desk_order(d, &(struct store_order){0}), -ESHUTDOWN);
    desk_free(d);
    desk_free(NULL);
}

static void the_newest_settings_are_taken_once(void **state)
{
    (void)state;
    struct desk *d = desk_new();
    struct store_settings s = {0};
    assert_false(desk_take_settings(d, &s));
    desk_set(d, &(struct store_settings){.outbox_size = 1});
    desk_set(d, &(struct store_settings){.outbox_size = 2});
    assert_true(desk_take_settings(d, &s));
    assert_int_equal(s.outbox_size, 2);
    assert_false(desk_take_settings(d, &s));
    desk_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_order_goes_over_the_desk_and_its_progress_comes_back),
            cmocka_unit_test(what_nobody_ordered_is_nobodys_news),
            cmocka_unit_test(a_closed_desk_answers),
            cmocka_unit_test(the_newest_settings_are_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
