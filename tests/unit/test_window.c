/* needs: bus/window flow/message base/mem base/mono base/err */
#include "bus/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct message *make(uint64_t number)
{
    return message_new((int64_t)number, number, "door/faces", "{}");
}

static void sends_in_order_and_forgets_on_acknowledgement(void **state)
{
    (void)state;
    struct window *w = window_new();
    assert_true(window_empty(w));
    assert_null(window_next(w));
    assert_int_equal(window_room(w), WINDOW_SIZE);
    for (uint64_t i = 1; i <= 3; i++)
        window_add(w, make(i));
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(window_next(w)->msg, i);
        window_sent(w, 100 + i, 1000 * i);
    }
    assert_null(window_next(w));
    assert_int_equal(window_in_flight(w), 3);
    assert_int_equal(window_waits_since(w), 1000);

    struct message *m = window_acked(w, 102);
    assert_int_equal(m->msg, 2);
    message_free(m);
    assert_null(window_acked(w, 102));
    assert_int_equal(window_waits_since(w), 1000);

    window_cut(w);
    assert_int_equal(window_in_flight(w), 0);
    assert_int_equal(window_waits_since(w), INT64_MAX);
    assert_null(window_acked(w, 101)); /* a number of the connection before */
    assert_int_equal(window_next(w)->msg, 1);
    m = window_skip(w);
    assert_int_equal(m->msg, 1);
    message_free(m);
    assert_int_equal(window_next(w)->msg, 3);
    window_free(w);
}

static void odd_acknowledgements(void **state)
{
    (void)state;
    struct window *w = window_new();
    static const int odd[] = {0, -1, 1, 65535, 65536, INT32_MAX, INT32_MIN};
    window_add(w, make(1));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_null(window_acked(w, odd[i]));
    assert_int_equal(window_next(w)->msg, 1);
    window_free(w);
    window_free(NULL);
}

/*
 * Any sequence of adding, sending, acknowledgements in any order, and cuts: on one connection each
 * number is sent at most once and in rising order, each is given back exactly once, none is lost.
 */
static void random_life(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    struct window *w = window_new();
    enum {
        N = 5000
    };
    static bool back[N + 1];
    uint64_t made = 0, last_sent = 0, n_back = 0;
    int mid = 0;
    while (n_back < N) {
        int choice = rand_r(&seed) % 100;
        if (choice < 30 && window_room(w) > 0 && made < N) {
            window_add(w, make(++made));
        } else if (choice < 60 && window_next(w)) {
            assert_true(window_next(w)->msg > last_sent);
            last_sent = window_next(w)->msg;
            mid++;
            window_sent(w, mid, mid);
        } else if (choice < 98 && mid > 0) {
            struct message *m = window_acked(w, mid - rand_r(&seed) % 25);
            if (m) {
                assert_false(back[m->msg]);
                back[m->msg] = true;
                n_back++;
            }
            message_free(m);
        } else if (choice == 99) {
            window_cut(w);
            last_sent = 0;
            mid = 0;
        }
        assert_in_range(window_in_flight(w), 0, WINDOW_SIZE - window_room(w));
        assert_true((window_in_flight(w) == 0) == (window_waits_since(w) == INT64_MAX));
    }
    assert_true(window_empty(w));
    window_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(sends_in_order_and_forgets_on_acknowledgement),
            cmocka_unit_test(odd_acknowledgements),
            cmocka_unit_test(random_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
