/* needs: store/upkeep store/crops store/dbfile store/quarters store/outbox store/record store/schema store/sql flow/event flow/message flow/face flow/age base/err base/log base/mem base/mono base/redact base/url base/uuid base/when */
#include "kit_store.h"

#include "base/mono.h"
#include "store/crops.h"
#include "store/dbfile.h"
#include "store/outbox.h"
#include "store/quarters.h"
#include "store/record.h"
#include "store/sql.h"
#include "store/upkeep.h"

#define DAY (86400 * MONO_SECOND)

struct setup {
    char *dir, *path;
    sqlite3 *db;
    struct records *r;
    struct quarters *q;
    struct outbox *o;
    struct crops *c;
    struct upkeep *u;
    struct meta m;
};

static struct setup begin(void)
{
    struct setup s = {.dir = kit_dir()};
    const struct outbox_bounds none = {0};
    s.path = strdup(kit_path(s.dir, "faced.db"));
    assert_int_equal(dbfile_open(s.path, &s.db, NULL), 0);
    assert_int_equal(sql_exec(s.db, "PRAGMA synchronous = OFF"), SQLITE_OK);
    assert_int_equal(records_open(&s.r, s.db, "lobby"), SQLITE_OK);
    assert_int_equal(quarters_open(&s.q, s.db), SQLITE_OK);
    assert_int_equal(outbox_open(&s.o, s.db, "lobby", &none), SQLITE_OK);
    assert_int_equal(crops_open(&s.c, s.db, s.path), SQLITE_OK);
    const struct upkeep_parts parts = {s.db, s.c, s.o, s.q};
    assert_int_equal(upkeep_open(&s.u, &parts), SQLITE_OK);
    assert_int_equal(meta_read(s.db, &s.m), SQLITE_OK);
    return s;
}

static void end(struct setup *s)
{
    upkeep_close(s->u);
    crops_close(s->c);
    outbox_close(s->o);
    quarters_close(s->q);
    records_close(s->r);
    assert_int_equal(sqlite3_close(s->db), SQLITE_OK);
    free(s->path);
    kit_remove(s->dir);
}

/* Person n of this camera, who came at this time; he has left, or is still there. */
static void person(struct setup *s, int n, const char *camera, int64_t start_us, bool left)
{
    struct event *ev = kit_event(left ? EVENT_END : EVENT_NEW, n);
    bool changed;
    (void)snprintf(ev->camera, sizeof(ev->camera), "%s", camera);
    ev->record.start_us = start_us;
    ev->record.end_us = start_us + 1000;
    int64_t seq = left ? s->m.next_seq++ : 0;
    assert_int_equal(records_write(s->r, ev, seq, &changed), SQLITE_OK);
    if (left)
        assert_int_equal(quarters_add(s->q, ev->record.id), SQLITE_OK);
    assert_int_equal(outbox_put(s->o, &s->m, ev, seq), SQLITE_OK);
    event_free(ev);
}

static void observe(struct setup *s, int n, int times)
{
    struct event *ev = kit_event(EVENT_OBSERVATION, n);
    for (int i = 0; i < times; i++)
        assert_int_equal(records_observe(s->r, ev), SQLITE_OK);
    event_free(ev);
}

static int64_t integer(struct setup *s, const char *question)
{
    int64_t n = -1;
    assert_int_equal(sql_integer(s->db, question, &n), SQLITE_OK);
    return n;
}

static struct removal prune(struct setup *s, const struct retention *kept, int64_t now_us, int rows)
{
    struct removal t = {0};
    bool more = true;
    while (more)
        assert_int_equal(upkeep_prune(s->u, &s->m, kept, now_us, rows, &t, &more), SQLITE_OK);
    return t;
}

static struct removal erase(struct setup *s, const struct erasure *who, int rows)
{
    struct removal t = {0};
    bool more = true;
    while (more)
        assert_int_equal(upkeep_erase(s->u, &s->m, who, rows, &t, &more), SQLITE_OK);
    return t;
}

static void those_who_left_too_long_ago_go(void **state)
{
    (void)state;
    struct setup s = begin();
    const struct retention kept = {.age_us = DAY};
    for (int i = 0; i < 100; i++)
        person(&s, i, "door", KIT_START + i * DAY / 10, true);
    person(&s, 200, "door", KIT_START, false); /* has stood there ever since */
    bool due = true;
    int64_t now_us = KIT_START + 5 * DAY + 1000 + DAY;
    assert_int_equal(upkeep_is_due(s.u, &kept, KIT_START + DAY, &due), SQLITE_OK);
    assert_false(due);
    assert_int_equal(upkeep_is_due(s.u, &kept, now_us, &due), SQLITE_OK);
    assert_true(due);
    struct removal t = prune(&s, &kept, now_us, 7);
    assert_int_equal(t.records, 50);
    assert_int_equal(integer(&s, "SELECT count(*) FROM faces"), 51);
    assert_int_equal(integer(&s, "SELECT min(end_us) FROM faces"), KIT_START + 5 * DAY + 1000);
    assert_int_equal(integer(&s, "SELECT count(*) FROM faces WHERE end_us IS NULL"), 1);
    assert_int_equal(integer(&s, "SELECT sum(people) FROM quarters"), 100); /* these stay */
    assert_int_equal(s.m.records_removed, 50);
    assert_int_equal(upkeep_is_due(s.u, &kept, now_us, &due), SQLITE_OK);
    assert_false(due);
    end(&s);
}

static void without_bounds_nothing_is_ever_due(void **state)
{
    (void)state;
    struct setup s = begin();
    const struct retention kept = {0};
    bool due = true;
    person(&s, 1, "door", 5, true);
    assert_int_equal(upkeep_is_due(s.u, &kept, INT64_MAX, &due), SQLITE_OK);
    assert_false(due);
    assert_int_equal(prune(&s, &kept, INT64_MAX, 10).records, 0);
    end(&s);
}

static void with_a_record_go_its_observations_and_what_waits_of_it(void **state)
{
    (void)state;
    struct setup s = begin();
    const struct retention kept = {.age_us = DAY};
    char id[UUID_TEXT], text[200];
    person(&s, 1, "door", KIT_START, true);
    person(&s, 2, "door", KIT_START + 2 * DAY, true);
    observe(&s, 1, 30);
    observe(&s, 2, 3);
    kit_id(id, 1);
    (void)snprintf(text, sizeof(text), "INSERT INTO crops VALUES ('%s', '%s.jpg', 9, 1)", id, id);
    assert_int_equal(sql_exec(s.db, text), SQLITE_OK);

    /* More observations than a step may take: the record goes with the last of them. */
    struct removal t = {0};
    bool more = false;
    assert_int_equal(upkeep_prune(s.u, &s.m, &kept, KIT_START + 2 * DAY, 20, &t, &more), SQLITE_OK);
    assert_true(more);
    assert_int_equal(t.observations, 20);
    assert_int_equal(t.records, 0);
    assert_int_equal(upkeep_prune(s.u, &s.m, &kept, KIT_START + 2 * DAY, 20, &t, &more), SQLITE_OK);
    assert_false(more);
    assert_int_equal(t.observations, 30);
    assert_int_equal(t.records, 1);
    assert_int_equal(t.crops, 1);
    assert_int_equal(t.messages, 1);
    assert_int_equal(s.m.messages_dropped, 1);
    assert_int_equal(integer(&s, "SELECT count(*) FROM observations"), 3);
    assert_int_equal(integer(&s, "SELECT count(*) FROM outbox"), 1);
    assert_int_equal(s.m.outbox_rows, 1);
    end(&s);
}

static int64_t bytes_in_use(struct setup *s)
{
    return (integer(s, "PRAGMA page_count") - integer(s, "PRAGMA freelist_count")) * 4096;
}

static void the_oldest_make_room_when_it_is_too_much(void **state)
{
    (void)state;
    struct setup s = begin();
    assert_int_equal(sql_exec(s.db, "BEGIN"), SQLITE_OK);
    for (int i = 0; i < 20000; i++)
        person(&s, i, "door", KIT_START + i * MONO_SECOND, true);
    assert_int_equal(sql_exec(s.db, "COMMIT"), SQLITE_OK);
    const struct retention kept = {.size = 10 * 1000 * 1000};
    assert_true(bytes_in_use(&s) > kept.size);
    struct removal t = prune(&s, &kept, KIT_START, 100);
    int64_t used = bytes_in_use(&s);
    assert_true(used <= kept.size / 20 * 19);
    assert_true(used > kept.size / 10 * 9); /* and not more than need be */
    assert_true(t.records > 0 && t.records < 20000);
    assert_int_equal(
            integer(&s, "SELECT min(start_us) FROM faces"), KIT_START + t.records * MONO_SECOND);

    /* Below its size nothing is due until it has grown beyond it again. */
    bool due = true;
    assert_int_equal(upkeep_is_due(s.u, &kept, KIT_START, &due), SQLITE_OK);
    assert_false(due);
    end(&s);
}

static void room_is_given_back_in_pieces(void **state)
{
    (void)state;
    struct setup s = begin();
    assert_int_equal(sql_exec(s.db, "BEGIN"), SQLITE_OK);
    for (int i = 0; i < 5000; i++)
        person(&s, i, "door", KIT_START + i * MONO_SECOND, true);
    assert_int_equal(sql_exec(s.db, "COMMIT"), SQLITE_OK);
    const struct retention kept = {.age_us = 1};
    prune(&s, &kept, KIT_START + DAY, 1000);
    int64_t before = integer(&s, "PRAGMA page_count"),
            unused = integer(&s, "PRAGMA freelist_count");
    assert_true(unused > 500);
    bool more = false;
    assert_int_equal(upkeep_shrink(s.u, 100, false, &more), SQLITE_OK);
    assert_true(more);
    assert_in_range(before - integer(&s, "PRAGMA page_count"), 100, 110); /* and pages of the map */
    while (more)
        assert_int_equal(upkeep_shrink(s.u, 100, false, &more), SQLITE_OK);
    assert_in_range(integer(&s, "PRAGMA freelist_count"), 100, 256); /* to be used again */
    do {
        assert_int_equal(upkeep_shrink(s.u, 100, true, &more), SQLITE_OK);
    } while (more);
    assert_int_equal(integer(&s, "PRAGMA freelist_count"), 0);
    end(&s);
}

static void those_of_a_time_and_a_camera_are_erased(void **state)
{
    (void)state;
    struct setup s = begin();
    for (int i = 0; i < 60; i++)
        person(&s, i, i % 2 ? "door" : "desk", KIT_START + i * MONO_SECOND, true);
    person(&s, 100, "door", KIT_START + 20 * MONO_SECOND, false);
    struct erasure who = {
            .camera = "door",
            .since_us = KIT_START + 10 * MONO_SECOND,
            .until_us = KIT_START + 30 * MONO_SECOND,
    };
    int64_t present = 0;
    assert_int_equal(upkeep_still_there(s.u, &who, &present), SQLITE_OK);
    assert_int_equal(present, 1);
    assert_int_equal(erase(&s, &who, 3).records, 10);
    assert_int_equal(integer(&s, "SELECT count(*) FROM faces WHERE camera = 'desk'"), 30);
    assert_int_equal(integer(&s, "SELECT count(*) FROM faces WHERE camera = 'door'"), 21);
    assert_int_equal(integer(&s, "SELECT sum(people) FROM quarters"), 50);
    assert_int_equal(s.m.records_removed, 10);
    assert_int_equal(s.m.messages_dropped, 0); /* nobody was meant to hear them */

    who = (struct erasure){.until_us = KIT_START + 5 * MONO_SECOND};
    assert_int_equal(erase(&s, &who, 100).records, 5);
    who = (struct erasure){.since_us = KIT_START + 50 * MONO_SECOND};
    assert_int_equal(erase(&s, &who, 100).records, 10);
    /* Of those whom retention took nothing but the sum is left, and it goes as well. */
    const struct retention kept = {.age_us = DAY};
    int64_t later = KIT_START + DAY + 45 * MONO_SECOND;
    assert_true(prune(&s, &kept, later, 100).records > 0);
    assert_true(integer(&s, "SELECT count(*) FROM faces WHERE camera = 'desk'") <
                integer(&s, "SELECT sum(people) FROM quarters WHERE camera = 'desk'"));
    who = (struct erasure){.camera = "desk"};
    assert_true(erase(&s, &who, 100).sums > 0);
    assert_int_equal(integer(&s, "SELECT count(*) FROM faces WHERE camera = 'desk'"), 0);
    assert_int_equal(integer(&s, "SELECT count(*) FROM quarters WHERE camera = 'desk'"), 0);
    end(&s);
}

static void the_message_sequence_keeps_its_numbers(void **state)
{
    (void)state;
    struct setup s = begin();
    for (int i = 0; i < 4; i++)
        person(&s, i, "door", KIT_START + i * MONO_SECOND, true);
    struct message *out[2];
    size_t n = 0;
    assert_int_equal(outbox_number(s.o, &s.m, 0, 2, out, &n), SQLITE_OK);
    assert_int_equal(n, 2);
    message_free(out[0]);
    message_free(out[1]);

    /* One that has its number and one that waits for it. */
    struct erasure who = {
            .since_us = KIT_START + MONO_SECOND,
            .until_us = KIT_START + 3 * MONO_SECOND,
    };
    struct removal t = erase(&s, &who, 100);
    assert_int_equal(t.messages, 2);
    assert_int_equal(integer(&s, "SELECT count(*) FROM outbox"), 3);
    assert_int_equal(integer(&s, "SELECT msg FROM outbox WHERE type = 'lost'"), 2);
    assert_int_equal(integer(&s, "SELECT json ->> '$.from' FROM outbox WHERE type = 'lost'"), 2);
    assert_int_equal(integer(&s, "SELECT json ->> '$.to' FROM outbox WHERE type = 'lost'"), 2);
    char id[UUID_TEXT], question[120];
    for (int i = 1; i < 3; i++) {
        kit_id(id, i);
        (void)snprintf(question, sizeof(question),
                "SELECT count(*) FROM outbox WHERE json LIKE '%%%s%%'", id);
        assert_int_equal(integer(&s, question), 0);
    }
    struct message *rest[8];
    assert_int_equal(outbox_number(s.o, &s.m, 0, 8, rest, &n), SQLITE_OK);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rest[i]->msg, i + 1);
        message_free(rest[i]);
    }
    assert_int_equal(s.m.outbox_rows, 3);
    assert_int_equal(s.m.outbox_bytes, integer(&s, "SELECT sum(bytes) FROM outbox"));
    end(&s);
}

static void no_question_of_it_reads_a_whole_table(void **state)
{
    (void)state;
    struct setup s = begin();
    kit_assert_plans(s.db);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(those_who_left_too_long_ago_go),
            cmocka_unit_test(without_bounds_nothing_is_ever_due),
            cmocka_unit_test(with_a_record_go_its_observations_and_what_waits_of_it),
            cmocka_unit_test(the_oldest_make_room_when_it_is_too_much),
            cmocka_unit_test(room_is_given_back_in_pieces),
            cmocka_unit_test(those_of_a_time_and_a_camera_are_erased),
            cmocka_unit_test(the_message_sequence_keeps_its_numbers),
            cmocka_unit_test(no_question_of_it_reads_a_whole_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
