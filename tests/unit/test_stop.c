/* needs: base/stop base/thread base/mono base/mem */
#include "base/stop.h"

#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void asked_stays_asked(void **state)
{
    (void)state;
    struct stop *s = stop_new();
    assert_false(stop_asked(s));
    assert_false(stop_wait(s, 0));
    assert_false(stop_wait(s, 1));
    stop_ask(s);
    stop_ask(s);
    assert_true(stop_asked(s));
    assert_true(stop_wait(s, 0));
    assert_true(stop_wait(s, 1 << 30)); /* at once */
    assert_true(stop_wait(s, -1));
    stop_clear(s);
    assert_false(stop_asked(s));
    assert_false(stop_wait(s, 1));
    stop_ask(s);
    assert_true(stop_wait(s, -1));
    stop_free(s);
    stop_free(NULL);
}

static void *wait_long(void *arg)
{
    return stop_wait(arg, 600000) ? arg : NULL;
}

static void *wait_for_good(void *arg)
{
    return stop_wait(arg, -1) ? arg : NULL;
}

/* However the asking and the waiting fall together, nobody waits on. */
static void who_waits_is_woken(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct stop *s = stop_new();
        pthread_t t[3];
        for (int k = 0; k < 3; k++)
            assert_int_equal(thread_start(&t[k], "waiter", k ? wait_long : wait_for_good, s), 0);
        stop_ask(s);
        for (int k = 0; k < 3; k++)
            assert_int_equal(thread_join(t[k], 60000), 0);
        stop_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(asked_stays_asked),
            cmocka_unit_test(who_waits_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
