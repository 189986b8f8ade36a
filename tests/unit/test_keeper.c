/* needs: store/keeper base/err base/log base/mem base/redact base/url fake:mono fake:writer */
#include "store/keeper.h"

#include "../fakes/fake_mono.h"
#include "../fakes/fake_writer.h"
#include "base/mono.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000)

static struct keeper begin(bool alone, int64_t rows, int64_t row_us)
{
    struct keeper k;
    fake_mono_reset();
    fake_writer = (struct fake_writer){
            .rows = rows, .pages = rows / 10, .row_us = row_us, .page_us = row_us};
    keeper_init(&k, alone, mono_us());
    return k;
}

/* Waits until it is due, by the clock that costs nothing, and calls it. */
static void turn(struct keeper *k)
{
    int64_t wait_us = keeper_due_us(k) - mono_us();
    if (wait_us > 0)
        fake_mono_ahead(wait_us);
    keeper_turn(k, NULL);
}

static void pieces_come_near_their_time_and_not_far_over_it(void **state)
{
    (void)state;
    const int64_t costs_us[] = {2, 20, 200, 2000};
    for (size_t i = 0; i < 4; i++) {
        struct keeper k = begin(false, 100000, costs_us[i]);
        for (int n = 0; n < 10; n++) /* to learn what a row costs */
            turn(&k);
        fake_writer.longest_us = 0;
        int64_t begin_us = mono_us(), rows = fake_writer.rows;
        for (int n = 0; n < 8; n++)
            turn(&k);
        assert_true(fake_writer.longest_us <= 40 * MS);
        assert_true(fake_writer.last_amount == 5000 || fake_writer.longest_us >= 5 * MS);
        /* And the store's time is mostly for others. */
        int64_t worked_us = (rows - fake_writer.rows) * costs_us[i];
        assert_true(worked_us > 0 && worked_us * 3 <= mono_us() - begin_us);
    }
}

static void a_slow_disk_is_met_with_small_pieces_at_once(void **state)
{
    (void)state;
    struct keeper k = begin(false, 1000000, 2);
    while (fake_writer.last_amount < 5000)
        turn(&k);
    fake_writer.row_us = 200;
    turn(&k); /* one that is too long, and no second */
    fake_writer.longest_us = 0;
    turn(&k);
    assert_true(fake_writer.longest_us <= 20 * MS);
}

static void a_page_may_cost_more_than_a_row(void **state)
{
    (void)state;
    struct keeper k = begin(false, 100000, 2);
    fake_writer.page_us = 300;
    while (fake_writer.rows)
        turn(&k);
    assert_int_equal(fake_writer.last_amount, 5000);
    fake_writer.longest_us = 0;
    while (fake_writer.pages)
        turn(&k);
    assert_in_range(fake_writer.longest_us, 5 * MS, 40 * MS);
}

static void when_all_is_done_it_looks_once_a_minute(void **state)
{
    (void)state;
    struct keeper k = begin(false, 0, 1);
    turn(&k);
    assert_int_equal(fake_writer.pieces, 0);
    assert_in_range(keeper_due_us(&k) - mono_us(), 59 * MONO_SECOND, 60 * MONO_SECOND);
    fake_writer.rows = 10;
    keeper_look(&k, mono_us());
    turn(&k);
    assert_int_equal(fake_writer.rows, 0);
    turn(&k); /* the room that it took */
    assert_int_equal(fake_writer.pieces, 2);
    assert_int_equal(fake_writer.shrinks_all, 0);
    assert_true(keeper_due_us(&k) - mono_us() > 59 * MONO_SECOND);
}

static void an_erasure_is_remove_shrink_empty(void **state)
{
    (void)state;
    struct keeper k = begin(false, 1000, 10);
    const struct store_order order = {.job = STORE_ERASE};
    fake_writer.readers = 3;
    assert_int_equal(keeper_order(&k, &order, mono_us()), 0);
    assert_int_equal(keeper_order(&k, &order, mono_us()), -EBUSY);
    while (k.progress.running)
        turn(&k);
    assert_int_equal(k.progress.code, 0);
    assert_int_equal(k.progress.gone.records, 1000);
    assert_int_equal(k.progress.still_there, 2);
    assert_int_equal(fake_writer.pages, 0);
    assert_true(fake_writer.shrinks_all > 0);
    assert_int_equal(fake_writer.empties, 4);
    assert_false(k.progress.wal_kept);
    assert_int_equal(keeper_order(&k, &order, mono_us()), 0); /* room for the next */
}

static void who_reads_for_ever_is_not_waited_for(void **state)
{
    (void)state;
    struct keeper k = begin(false, 10, 10);
    const struct store_order order = {.job = STORE_ERASE};
    fake_writer.readers = 1000000;
    assert_int_equal(keeper_order(&k, &order, mono_us()), 0);
    int64_t begin_us = mono_us();
    while (k.progress.running)
        turn(&k);
    assert_int_equal(k.progress.code, 0);
    assert_true(k.progress.wal_kept);
    assert_true(mono_us() - begin_us < 60 * MONO_SECOND);
}

static void what_fails_an_order_is_told_and_by_itself_it_is_tried_again(void **state)
{
    (void)state;
    struct keeper k = begin(false, 100000, 10);
    const struct store_order order = {.job = STORE_PRUNE};
    fake_writer.fail_at = 3;
    fake_writer.code = -ENOSPC;
    assert_int_equal(keeper_order(&k, &order, mono_us()), 0);
    while (k.progress.running)
        turn(&k);
    assert_int_equal(k.progress.code, -ENOSPC);
    assert_string_equal(k.progress.text, "it was told to fail");

    k = begin(false, 100, 10);
    fake_writer.fail_at = 1;
    fake_writer.code = -ENOSPC;
    turn(&k);
    assert_true(keeper_due_us(&k) - mono_us() > 59 * MONO_SECOND);
    turn(&k);
    assert_int_equal(k.gone.records, 50);
}

static void an_order_waits_for_a_lock_but_not_for_ever(void **state)
{
    (void)state;
    struct keeper k = begin(false, 100, 10);
    const struct store_order order = {.job = STORE_PRUNE};
    fake_writer.fail_at = 1;
    fake_writer.code = -EBUSY;
    assert_int_equal(keeper_order(&k, &order, mono_us()), 0);
    turn(&k);
    assert_true(k.progress.running);
    while (k.progress.running)
        turn(&k);
    assert_int_equal(k.progress.code, 0);

    k = begin(false, 100, 10);
    fake_writer.code = -EBUSY;
    assert_int_equal(keeper_order(&k, &order, mono_us()), 0);
    while (k.progress.running) {
        fake_writer.fail_at = fake_writer.pieces + 1; /* each */
        turn(&k);
    }
    assert_int_equal(k.progress.code, -EBUSY);
}

static void alone_it_makes_no_pauses(void **state)
{
    (void)state;
    struct keeper k = begin(true, 100000, 10);
    const struct store_order order = {.job = STORE_PRUNE};
    assert_int_equal(keeper_order(&k, &order, mono_us()), 0);
    while (k.progress.running) {
        assert_true(keeper_due_us(&k) <= mono_us());
        turn(&k);
    }
    assert_int_equal(k.progress.gone.records, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(pieces_come_near_their_time_and_not_far_over_it),
            cmocka_unit_test(a_slow_disk_is_met_with_small_pieces_at_once),
            cmocka_unit_test(a_page_may_cost_more_than_a_row),
            cmocka_unit_test(when_all_is_done_it_looks_once_a_minute),
            cmocka_unit_test(an_erasure_is_remove_shrink_empty),
            cmocka_unit_test(who_reads_for_ever_is_not_waited_for),
            cmocka_unit_test(what_fails_an_order_is_told_and_by_itself_it_is_tried_again),
            cmocka_unit_test(an_order_waits_for_a_lock_but_not_for_ever),
            cmocka_unit_test(alone_it_makes_no_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
