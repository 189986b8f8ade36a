/* needs: store/outbox store/schema store/sql flow/event flow/message flow/face flow/age base/err base/mem base/mono base/when base/uuid */
#include "kit_store.h"

#include "base/mono.h"
#include "store/outbox.h"
#include "store/sql.h"

struct box_of {
    sqlite3 *db;
    struct outbox *o;
    struct meta m;
    int64_t last;
};

static struct box_of begin(int64_t age_us, int64_t size)
{
    struct box_of b = {0};
    const struct outbox_bounds bounds = {age_us, size};
    assert_int_equal(sqlite3_open(":memory:", &b.db), SQLITE_OK);
    assert_int_equal(schema_bring(b.db, NULL), 0);
    assert_int_equal(outbox_open(&b.o, b.db, "lobby", &bounds), SQLITE_OK);
    assert_int_equal(meta_read(b.db, &b.m), SQLITE_OK);
    return b;
}

static void end(struct box_of *b)
{
    outbox_close(b->o);
    sqlite3_close(b->db);
}

static void put(struct box_of *b, enum event_type type, int person)
{
    struct event *ev = kit_event(type, person);
    assert_int_equal(outbox_put(b->o, &b->m, ev, person), SQLITE_OK);
    event_free(ev);
}

static int64_t count(struct box_of *b, const char *question)
{
    int64_t n = -1;
    assert_int_equal(sql_integer(b->db, question, &n), SQLITE_OK);
    return n;
}

/* What the counters say is what the table holds. */
static void assert_counted(struct box_of *b)
{
    assert_int_equal(b->m.outbox_rows, count(b, "SELECT count(*) FROM outbox"));
    assert_int_equal(b->m.outbox_bytes, count(b, "SELECT coalesce(sum(bytes), 0) FROM outbox"));
}

static void numbers_come_in_the_order_of_the_rows(void **state)
{
    (void)state;
    struct box_of b = begin(0, 0);
    for (int i = 0; i < 10; i++)
        put(&b, EVENT_NEW, i);
    struct message *list[10];
    size_t n = 0;
    assert_int_equal(outbox_number(b.o, &b.m, 0, 4, list, &n), SQLITE_OK);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(list[i]->msg, i + 1);
        assert_string_equal(list[i]->topic, "door/faces");
        assert_true(list[i]->decided_boot_us >= 0); /* this very boot */
    }
    assert_int_equal(b.m.next_msg, 5);
    int64_t last = list[3]->row;

    /* In the next run all come again, with the numbers that they have. */
    struct message *again[10];
    size_t m = 0;
    assert_int_equal(outbox_number(b.o, &b.m, 0, 10, again, &m), SQLITE_OK);
    assert_int_equal(m, 10);
    for (size_t i = 0; i < m; i++)
        assert_int_equal(again[i]->msg, i + 1);
    assert_int_equal(again[3]->row, last);
    for (size_t i = 0; i < m; i++)
        message_free(again[i]);
    for (size_t i = 0; i < n; i++)
        message_free(list[i]);
    assert_counted(&b);
    end(&b);
}

static void a_row_of_another_boot_says_so(void **state)
{
    (void)state;
    struct box_of b = begin(0, 0);
    put(&b, EVENT_NEW, 1);
    assert_int_equal(sql_exec(b.db, "UPDATE outbox SET boot = 'another'"), SQLITE_OK);
    struct message *m;
    size_t n;
    assert_int_equal(outbox_number(b.o, &b.m, 0, 1, &m, &n), SQLITE_OK);
    assert_int_equal(m->decided_boot_us, -1);
    message_free(m);
    end(&b);
}

static void a_waiting_update_is_superseded_and_goes_to_the_end(void **state)
{
    (void)state;
    struct box_of b = begin(0, 0);
    put(&b, EVENT_NEW, 1);
    put(&b, EVENT_UPDATE, 1);
    put(&b, EVENT_NEW, 2);
    put(&b, EVENT_UPDATE, 2);
    put(&b, EVENT_UPDATE, 1); /* for the second row */
    assert_int_equal(b.m.outbox_rows, 4);
    assert_counted(&b);
    struct message *list[8];
    size_t n;
    assert_int_equal(outbox_number(b.o, &b.m, 0, 8, list, &n), SQLITE_OK);
    assert_int_equal(n, 4);
    char id[UUID_TEXT];
    kit_id(id, 1);
    assert_non_null(strstr(list[3]->json, id));
    assert_non_null(strstr(list[3]->json, "\"update\""));
    assert_int_equal(b.m.next_msg, 5); /* the superseded one took no number */

    /* One that has a number stays: it may have been sent. */
    put(&b, EVENT_UPDATE, 1);
    assert_int_equal(b.m.outbox_rows, 5);
    for (size_t i = 0; i < n; i++)
        message_free(list[i]);
    assert_counted(&b);
    end(&b);
}

static void an_acknowledged_row_goes_once(void **state)
{
    (void)state;
    struct box_of b = begin(0, 0);
    put(&b, EVENT_NEW, 1);
    int64_t row = count(&b, "SELECT row FROM outbox");
    assert_int_equal(outbox_delete(b.o, &b.m, row), SQLITE_OK);
    assert_int_equal(outbox_delete(b.o, &b.m, row), SQLITE_OK);
    assert_int_equal(b.m.outbox_rows, 0);
    put(&b, EVENT_NEW, 2);
    assert_true(count(&b, "SELECT row FROM outbox") > row); /* never given again */
    assert_counted(&b);
    end(&b);
}

static int64_t number_in(const char *json, const char *key)
{
    const char *at = strstr(json, key);
    assert_non_null(at);
    return strtoll(at + strlen(key), NULL, 10);
}

/*
 * What a receiver sees: every number once, as a message or inside a lost span; and what is lost is
 * told where it is missing, before anything later.
 */
static void receive(struct box_of *b, size_t max, int64_t *expected, int64_t *ret_lost)
{
    struct message *list[64];
    size_t n;
    assert_int_equal(outbox_number(b->o, &b->m, b->last, max, list, &n), SQLITE_OK);
    for (size_t i = 0; i < n; i++) {
        b->last = list[i]->row;
        if (strcmp(list[i]->topic, "lost") == 0) {
            int64_t from = number_in(list[i]->json, "\"from\":");
            int64_t to = number_in(list[i]->json, "\"to\":");
            assert_int_equal(from, *expected);
            assert_true(to >= from);
            *ret_lost += to - from + 1;
            *expected = to + 1;
        }
        assert_int_equal(list[i]->msg, *expected);
        (*expected)++;
        assert_int_equal(outbox_delete(b->o, &b->m, list[i]->row), SQLITE_OK);
        message_free(list[i]);
    }
}

static void when_full_the_oldest_go_and_every_number_is_accounted_for(void **state)
{
    (void)state;
    unsigned seed = kit_seed();
    for (int round = 0; round < 30; round++) {
        struct box_of b = begin(0, 2000 + rand_r(&seed) % 20000);
        int64_t expected = 1, lost = 0;
        for (int i = 0; i < 200; i++) {
            const enum event_type types[] = {EVENT_NEW, EVENT_UPDATE, EVENT_END};
            put(&b, types[rand_r(&seed) % 3], (int)(rand_r(&seed) % 20));
            assert_int_equal(outbox_trim(b.o, &b.m, mono_wall_us(), mono_boot_us()), SQLITE_OK);
            /* Within its bounds but for the one message that says what is missing. */
            assert_true(b.m.outbox_bytes <= 22000 + 400);
            if (rand_r(&seed) % 8 == 0)
                receive(&b, 1 + rand_r(&seed) % 20, &expected, &lost);
            assert_counted(&b);
        }
        while (b.m.outbox_rows)
            receive(&b, 64, &expected, &lost);
        assert_int_equal(expected, b.m.next_msg);
        assert_int_equal(lost, b.m.messages_dropped);
        end(&b);
    }
}

static void adjacent_losses_are_one_message_until_it_is_numbered(void **state)
{
    (void)state;
    struct box_of b = begin(0, 3000);
    for (int i = 0; i < 50; i++) {
        put(&b, EVENT_NEW, i);
        assert_int_equal(outbox_trim(b.o, &b.m, mono_wall_us(), mono_boot_us()), SQLITE_OK);
    }
    assert_true(b.m.messages_dropped > 40);
    assert_int_equal(count(&b, "SELECT count(*) FROM outbox WHERE type = 'lost'"), 1);
    assert_int_equal(count(&b, "SELECT from_msg FROM outbox WHERE type = 'lost'"), 1);
    assert_int_equal(
            count(&b, "SELECT to_msg FROM outbox WHERE type = 'lost'"), b.m.messages_dropped);
    assert_int_equal(count(&b, "SELECT type = 'lost' FROM outbox ORDER BY row LIMIT 1"), 1);
    end(&b);
}

static void what_is_too_old_goes_by_the_boots_clock_and_not_by_a_step_of_the_wall(void **state)
{
    (void)state;
    const int64_t day = INT64_C(86400) * MONO_SECOND;
    struct box_of b = begin(30 * day, 0);
    put(&b, EVENT_NEW, 1);
    put(&b, EVENT_NEW, 2);
    int64_t now = mono_wall_us(), boot = mono_boot_us();
    /* The clock was set, from 1970 to today. */
    assert_int_equal(outbox_trim(b.o, &b.m, now + 20000 * day, boot), SQLITE_OK);
    assert_int_equal(b.m.messages_dropped, 0);
    assert_int_equal(outbox_trim(b.o, &b.m, now, boot + 31 * day), SQLITE_OK);
    assert_int_equal(b.m.messages_dropped, 2);
    assert_int_equal(b.m.outbox_rows, 1); /* says that 1 and 2 are missing, and is not dropped */
    assert_int_equal(outbox_trim(b.o, &b.m, now, boot + 99 * day), SQLITE_OK);
    assert_int_equal(b.m.outbox_rows, 1);
    assert_counted(&b);

    put(&b, EVENT_NEW, 3);
    assert_int_equal(sql_exec(b.db, "UPDATE outbox SET boot = 'another'"), SQLITE_OK);
    assert_int_equal(outbox_trim(b.o, &b.m, now + 31 * day, boot), SQLITE_OK);
    assert_int_equal(b.m.messages_dropped, 3);
    assert_int_equal(count(&b, "SELECT to_msg FROM outbox"), 3);
    end(&b);
}

static void a_new_outbox_does_not_repeat_the_rows_of_an_earlier_one(void **state)
{
    (void)state;
    struct box_of b = begin(0, 0);
    assert_int_equal(outbox_begin_after(b.db, 5000), SQLITE_OK);
    put(&b, EVENT_NEW, 1);
    assert_int_equal(count(&b, "SELECT row FROM outbox"), 5001);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(numbers_come_in_the_order_of_the_rows),
            cmocka_unit_test(a_row_of_another_boot_says_so),
            cmocka_unit_test(a_waiting_update_is_superseded_and_goes_to_the_end),
            cmocka_unit_test(an_acknowledged_row_goes_once),
            cmocka_unit_test(when_full_the_oldest_go_and_every_number_is_accounted_for),
            cmocka_unit_test(adjacent_losses_are_one_message_until_it_is_numbered),
            cmocka_unit_test(what_is_too_old_goes_by_the_boots_clock_and_not_by_a_step_of_the_wall),
            cmocka_unit_test(a_new_outbox_does_not_repeat_the_rows_of_an_earlier_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
