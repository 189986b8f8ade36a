/* needs: store/quarters store/outbox store/record store/schema store/sql flow/event flow/message flow/face flow/age base/err base/mem base/mono base/redact base/url base/uuid base/when */
#include "kit_store.h"

#include "store/outbox.h"
#include "store/quarters.h"
#include "store/record.h"
#include "store/schema.h"
#include "store/sql.h"

#define QUARTER INT64_C(900000000)

struct setup {
    sqlite3 *db;
    struct records *r;
    struct quarters *q;
};

static struct setup begin(void)
{
    struct setup s = {0};
    assert_int_equal(sqlite3_open(":memory:", &s.db), SQLITE_OK);
    assert_int_equal(schema_bring(s.db, NULL), 0);
    assert_int_equal(records_open(&s.r, s.db, "lobby"), SQLITE_OK);
    assert_int_equal(quarters_open(&s.q, s.db), SQLITE_OK);
    return s;
}

static void end(struct setup *s)
{
    records_close(s->r);
    quarters_close(s->q);
    assert_int_equal(sqlite3_close(s->db), SQLITE_OK);
}

/* Person n came at this time, stayed for two seconds, and has left. */
static void pass(struct setup *s, int n, int64_t start_us, int age_range, bool female)
{
    struct event *ev = kit_event(EVENT_END, n);
    bool changed;
    ev->record.start_us = start_us;
    ev->record.end_us = start_us + 2000000;
    ev->record.answers.age_range = age_range;
    ev->record.answers.age_unknown = age_range < 0 ? UNKNOWN_BLURRED : UNKNOWN_NOT;
    ev->record.answers.female = female;
    assert_int_equal(records_write(s->r, ev, n, &changed), SQLITE_OK);
    assert_true(changed);
    assert_int_equal(quarters_add(s->q, ev->record.id), SQLITE_OK);
    event_free(ev);
}

static int64_t integer(struct setup *s, const char *question)
{
    int64_t n = -1;
    assert_int_equal(sql_integer(s->db, question, &n), SQLITE_OK);
    return n;
}

static void people_are_summed_by_quarter_range_and_gender(void **state)
{
    (void)state;
    struct setup s = begin();
    const int64_t t = KIT_START - KIT_START % QUARTER;
    pass(&s, 1, t, 4, true);
    pass(&s, 2, t + QUARTER - 1, 4, true);
    pass(&s, 3, t + QUARTER, 4, true);
    pass(&s, 4, t + 5, 4, false);
    pass(&s, 5, t + 6, -1, false);
    assert_int_equal(integer(&s, "SELECT count(*) FROM quarters"), 4);
    assert_int_equal(integer(&s, "SELECT people FROM quarters ORDER BY start_us, people DESC"), 2);
    assert_int_equal(integer(&s, "SELECT max(stay_us) FROM quarters"), 4000000);
    assert_int_equal(integer(&s, "SELECT people FROM quarters WHERE age_range = ''"), 1);
    assert_int_equal(integer(&s, "SELECT min(start_us) FROM quarters"), t);
    assert_int_equal(integer(&s, "SELECT max(start_us) FROM quarters"), t + QUARTER);
    end(&s);
}

static void one_who_is_taken_out_leaves_no_trace(void **state)
{
    (void)state;
    struct setup s = begin();
    char id[UUID_TEXT];
    pass(&s, 1, KIT_START, 4, true);
    pass(&s, 2, KIT_START, 4, true);
    pass(&s, 3, KIT_START, -1, true);
    kit_id(id, 1);
    assert_int_equal(quarters_subtract(s.q, id), SQLITE_OK);
    assert_int_equal(integer(&s, "SELECT people FROM quarters WHERE age_range <> ''"), 1);
    assert_int_equal(integer(&s, "SELECT stay_us FROM quarters WHERE age_range <> ''"), 2000000);
    kit_id(id, 3);
    assert_int_equal(quarters_subtract(s.q, id), SQLITE_OK);
    assert_int_equal(integer(&s, "SELECT count(*) FROM quarters"), 1);
    kit_id(id, 99); /* nobody */
    assert_int_equal(quarters_subtract(s.q, id), SQLITE_OK);
    assert_int_equal(integer(&s, "SELECT sum(people) FROM quarters"), 1);
    end(&s);
}

static void the_oldest_quarter_is_forgotten_alone(void **state)
{
    (void)state;
    struct setup s = begin();
    for (int i = 0; i < 3; i++)
        pass(&s, i, KIT_START + i * QUARTER, 4, true);
    assert_int_equal(quarters_forget(s.q, KIT_START - QUARTER), SQLITE_OK);
    assert_int_equal(integer(&s, "SELECT count(*) FROM quarters"), 3);
    assert_int_equal(quarters_forget(s.q, KIT_START + 2 * QUARTER), SQLITE_OK);
    assert_int_equal(integer(&s, "SELECT count(*) FROM quarters"), 2);
    assert_true(integer(&s, "SELECT min(start_us) FROM quarters") > KIT_START);
    end(&s);
}

static int64_t erase(struct setup *s, struct erasure who, int rows)
{
    int64_t next_us = 0, erased = 0;
    do {
        assert_int_equal(quarters_erase(s->q, &who, rows, &next_us, &erased), SQLITE_OK);
    } while (next_us != INT64_MAX);
    return erased;
}

/* With whomever is in them; those that reach beyond the time stay. */
static void whole_quarters_of_a_time_and_a_camera_are_erased(void **state)
{
    (void)state;
    struct setup s = begin();
    const int64_t t = KIT_START - KIT_START % QUARTER;
    for (int rows = 1; rows < 50; rows += 7) {
        for (int i = 0; i < 40; i++) {
            struct event *ev = kit_event(EVENT_END, i);
            ev->record.start_us = t + i / 4 * QUARTER;
            ev->record.answers.female = i % 2;
            (void)snprintf(ev->camera, sizeof(ev->camera), "%s", i / 2 % 2 ? "door" : "desk");
            assert_int_equal(quarters_add_person(s.q, ev), SQLITE_OK);
            event_free(ev);
        }
        struct erasure who = {.since_us = t + 1, .until_us = t + 5 * QUARTER - 1};
        (void)snprintf(who.camera, sizeof(who.camera), "door");
        assert_int_equal(erase(&s, who, rows), 3 * 2); /* 1, 2, 3 of ten */
        assert_int_equal(integer(&s, "SELECT count(*) FROM quarters WHERE camera = 'desk'"), 20);
        assert_int_equal(erase(&s, who, rows), 0);
        assert_int_equal(
                erase(&s, (struct erasure){.since_us = t, .until_us = t + 2 * QUARTER}, rows),
                4 + 2); /* both of 0, desk's of 1 */
        assert_int_equal(erase(&s, (struct erasure){.until_us = t + QUARTER - 1}, rows), 0);
        who.since_us = who.until_us = 0;
        assert_int_equal(erase(&s, who, rows), 6 * 2); /* 4 to 9 */
        assert_int_equal(integer(&s, "SELECT count(*) FROM quarters WHERE camera = 'door'"), 0);
        erase(&s, (struct erasure){.since_us = 1}, rows);
        assert_int_equal(integer(&s, "SELECT count(*) FROM quarters"), 0);
    }
    end(&s);
}

static void no_statement_of_the_store_reads_a_whole_table(void **state)
{
    (void)state;
    struct setup s = begin();
    struct outbox *o = NULL;
    const struct outbox_bounds none = {0};
    assert_int_equal(outbox_open(&o, s.db, "lobby", &none), SQLITE_OK);
    kit_assert_plans(s.db);
    outbox_close(o);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(people_are_summed_by_quarter_range_and_gender),
            cmocka_unit_test(one_who_is_taken_out_leaves_no_trace),
            cmocka_unit_test(the_oldest_quarter_is_forgotten_alone),
            cmocka_unit_test(whole_quarters_of_a_time_and_a_camera_are_erased),
            cmocka_unit_test(no_statement_of_the_store_reads_a_whole_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
