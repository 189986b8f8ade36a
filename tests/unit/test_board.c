/* needs: bus/board base/mem base/err */
#include "bus/board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Takes the next and checks it; it goes out as packet mid. */
static void expect(struct board *b, const char *topic, const char *payload, bool retained, int mid)
{
    char *t = NULL, *p = NULL;
    bool r = !retained;
    assert_true(board_take(b, &t, &p, &r));
    assert_string_equal(t, topic);
    assert_string_equal(p, payload);
    assert_int_equal(r, retained);
    board_sent(b, mid, mid);
    free(t);
    free(p);
}

static void expect_nothing(struct board *b)
{
    char *t, *p;
    bool r;
    assert_false(board_take(b, &t, &p, &r));
}

static void newest_wins(void **state)
{
    (void)state;
    struct board *b = board_new();
    assert_true(board_settled(b));
    board_set(b, "door/count", "1", true);
    board_set(b, "door/count", "2", true);
    assert_false(board_settled(b));
    expect(b, "door/count", "2", true, 1);
    /* While that is in flight newer ones wait, and only the newest of them goes. */
    board_set(b, "door/count", "3", true);
    board_set(b, "door/count", "4", true);
    expect_nothing(b);
    assert_int_equal(board_in_flight(b), 1);
    assert_true(board_acked(b, 1));
    expect(b, "door/count", "4", true, 2);
    assert_false(board_acked(b, 1));
    assert_true(board_acked(b, 2));
    assert_true(board_settled(b));
    board_set(b, "door/count", "4", true); /* nothing new */
    expect_nothing(b);
    board_free(b);
}

static void set_while_it_is_taken(void **state)
{
    (void)state;
    struct board *b = board_new();
    board_set(b, "a", "1", true);
    char *t, *p;
    bool r;
    assert_true(board_take(b, &t, &p, &r));
    board_set(b, "a", "2", true);
    board_set(b, "b", "9", true);
    board_sent(b, 1, 1);
    expect(b, "b", "9", true, 2);
    expect_nothing(b);
    assert_true(board_acked(b, 1));
    assert_false(board_settled(b));
    expect(b, "a", "2", true, 3);
    free(t);
    free(p);
    board_free(b);
}

static void a_new_connection_hears_all_in_order(void **state)
{
    (void)state;
    struct board *b = board_new();
    board_set(b, "status", "online", true);
    board_set(b, "door/count", "1", true);
    expect(b, "status", "online", true, 1);
    expect(b, "door/count", "1", true, 2);
    assert_true(board_acked(b, 1));
    assert_int_equal(board_waits_since(b), 2);
    board_cut(b);
    assert_int_equal(board_waits_since(b), INT64_MAX);
    assert_false(board_acked(b, 2));
    board_set(b, "hall/count", "5", true);
    board_set(b, "status", "offline", true);
    expect(b, "status", "offline", true, 1);
    expect(b, "door/count", "1", true, 2);
    expect(b, "hall/count", "5", true, 3);
    expect_nothing(b);
    board_free(b);
}

static void cleared_topics_and_news_leave_no_trace(void **state)
{
    (void)state;
    struct board *b = board_new();
    board_set(b, "door/count", "1", true);
    board_set(b, "door/count", NULL, true);
    board_set(b, "stats", "{1}", false);
    board_set(b, "stats", "{2}", false);
    expect(b, "door/count", "", true, 1);
    expect(b, "stats", "{2}", false, 2);
    board_cut(b); /* nobody knows whether they arrived */
    expect(b, "door/count", "", true, 1);
    expect(b, "stats", "{2}", false, 2);
    board_set(b, "stats", "{2}", false); /* equal news are news */
    assert_true(board_acked(b, 1));
    assert_true(board_acked(b, 2));
    expect(b, "stats", "{2}", false, 3);
    assert_true(board_acked(b, 3));
    board_cut(b);
    expect_nothing(b);
    assert_true(board_settled(b));
    /* A cleared one that came back meanwhile stays. */
    board_set(b, "x", NULL, true);
    expect(b, "x", "", true, 4);
    board_set(b, "x", "1", true);
    assert_true(board_acked(b, 4));
    expect(b, "x", "1", true, 5);
    board_free(b);
}

static void skipped_is_forgotten(void **state)
{
    (void)state;
    struct board *b = board_new();
    board_set(b, "bad", "1", true);
    board_set(b, "good", "1", true);
    char *t, *p;
    bool r;
    assert_true(board_take(b, &t, &p, &r));
    board_skip(b);
    free(t);
    free(p);
    expect(b, "good", "1", true, 1);
    board_cut(b);
    expect(b, "good", "1", true, 1);
    expect_nothing(b);
    board_free(b);
    board_free(NULL);
}

/*
 * Topics are set, sent, acknowledged and cut off at random; a broker that keeps what is retained
 * and forgets at random stands opposite. In the end it holds the newest value of each topic.
 */
static void random_life(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    enum {
        TOPICS = 12
    };
    int truth[TOPICS] = {0}, held[TOPICS] = {0}; /* 0: cleared */
    int flight[64], n_flight = 0, mid = 0;
    struct board *b = board_new();
    for (int round = 0; round < 40000 || !board_settled(b); round++) {
        int choice = rand_r(&seed) % 100;
        int i = rand_r(&seed) % TOPICS;
        char topic[16], value[16];
        (void)snprintf(topic, sizeof(topic), "t%d", i);
        if (choice < 30 && round < 40000) {
            truth[i] = rand_r(&seed) % 4 ? rand_r(&seed) % 5 + 1 : 0;
            (void)snprintf(value, sizeof(value), "%d", truth[i]);
            board_set(b, topic, truth[i] ? value : NULL, true);
        } else if (choice < 60) {
            char *t, *p;
            bool r;
            if (!board_take(b, &t, &p, &r))
                continue;
            assert_true(r);
            mid++;
            board_sent(b, mid, mid);
            flight[n_flight++] = mid;
            held[atoi(t + 1)] = atoi(p); /* "" is 0 */
            free(t);
            free(p);
        } else if (choice < 95 && n_flight) {
            int k = rand_r(&seed) % n_flight;
            assert_true(board_acked(b, flight[k]));
            assert_false(board_acked(b, flight[k]));
            flight[k] = flight[--n_flight];
        } else if (choice == 99 && rand_r(&seed) % 10 == 0) {
            board_cut(b);
            n_flight = 0;
            memset(held, 0, sizeof(held));
        }
        assert_int_equal(board_in_flight(b), n_flight);
        assert_in_range(n_flight, 0, TOPICS);
    }
    assert_memory_equal(held, truth, sizeof(truth));
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(newest_wins),
            cmocka_unit_test(set_while_it_is_taken),
            cmocka_unit_test(a_new_connection_hears_all_in_order),
            cmocka_unit_test(cleared_topics_and_news_leave_no_trace),
            cmocka_unit_test(skipped_is_forgotten),
            cmocka_unit_test(random_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
