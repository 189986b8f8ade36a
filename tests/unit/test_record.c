/* needs: store/record store/schema store/sql flow/event flow/face flow/age base/err base/mem base/mono base/redact base/url base/uuid base/when */
#include "kit_store.h"

#include "base/redact.h"
#include "store/record.h"
#include "store/schema.h"
#include "store/sql.h"

struct setup {
    sqlite3 *db;
    struct records *r;
};

static struct setup begin(void)
{
    struct setup s = {0};
    assert_int_equal(sqlite3_open(":memory:", &s.db), SQLITE_OK);
    assert_int_equal(schema_bring(s.db, NULL), 0);
    assert_int_equal(records_open(&s.r, s.db, "lobby"), SQLITE_OK);
    return s;
}

static void end(struct setup *s)
{
    records_close(s->r);
    assert_int_equal(sqlite3_close(s->db), SQLITE_OK);
}

/* The columns of the first row, joined by "|". */
static void assert_row(struct setup *s, const char *question, const char *expected)
{
    char text[1000] = "";
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_prepare_v2(s->db, question, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    for (int i = 0; i < sqlite3_column_count(st); i++) {
        const char *v = (const char *)sqlite3_column_text(st, i);
        size_t n = strlen(text);
        (void)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "|" : "", v ? v : "NULL");
    }
    sqlite3_finalize(st);
    assert_string_equal(text, expected);
}

static bool write_one(struct setup *s, struct event *ev, int64_t seq)
{
    bool changed = false;
    assert_int_equal(records_write(s->r, ev, seq, &changed), SQLITE_OK);
    event_free(ev);
    return changed;
}

static void the_row_holds_what_the_event_says(void **state)
{
    (void)state;
    struct setup s = begin();
    assert_true(write_one(&s, kit_event(EVENT_NEW, 0), 0));
    assert_row(&s, "SELECT seq, start_time, end_time, end_us, duration_s, end_reason FROM faces",
            "NULL|2026-11-23T16:40:08.120Z|NULL|NULL|4.225|NULL");
    assert_true(write_one(&s, kit_event(EVENT_END, 0), 77));
    assert_row(&s, "SELECT * FROM faces",
            "01900000-0000-7000-8000-000000000000|77|lobby|door|2026-11-23T16:40:08.120Z|"
            "2026-11-23T16:40:12.345Z|1795452008120000|1795452012345000|4.225|left|29.4|25-32|"
            "0.71|NULL|female|0.97|NULL|6|0.93|0.41|0.22|0.06|0.11|84|yunet|xception");
    end(&s);
}

static void an_answer_that_is_withheld_is_null_with_its_reason(void **state)
{
    (void)state;
    struct setup s = begin();
    struct event *ev = kit_event(EVENT_NEW, 0);
    ev->record.answers = (struct answers){
            .age_unknown = UNKNOWN_TOO_SMALL,
            .age_range = -1,
            .age_years = 30,
            .gender_unknown = UNKNOWN_DISAGREE,
            .gender_probability = 0.5f,
    };
    assert_true(write_one(&s, ev, 0));
    assert_row(&s,
            "SELECT age_years, age_range, age_probability, age_unknown, gender,"
            " gender_probability, gender_unknown FROM faces",
            "NULL|NULL|NULL|too_small|NULL|NULL|disagree");
    end(&s);
}

static void a_record_that_has_ended_stays_as_it_is(void **state)
{
    (void)state;
    struct setup s = begin();
    assert_true(
            write_one(&s, kit_event(EVENT_END, 0), 1)); /* its NEW was lost: made all the same */
    const enum event_type late[] = {EVENT_SEEN, EVENT_UPDATE, EVENT_NEW, EVENT_END};
    for (int i = 0; i < 4; i++) {
        struct event *ev = kit_event(late[i], 0);
        ev->record.end_us += 1000000;
        assert_false(write_one(&s, ev, 2));
    }
    assert_row(&s, "SELECT count(*), max(seq), max(end_us) FROM faces", "1|1|1795452012345000");
    end(&s);
}

static void an_open_record_comes_back_as_it_was_seen_last(void **state)
{
    (void)state;
    struct setup s = begin();
    struct event *seen = kit_event(EVENT_SEEN, 0), got;
    seen->record.end_us += 5000000;
    bool found = false;
    assert_true(write_one(&s, kit_event(EVENT_NEW, 0), 0));
    assert_true(write_one(&s, kit_event(EVENT_END, 1), 1));
    struct record expected = seen->record;
    assert_true(write_one(&s, seen, 0));
    assert_int_equal(records_next_open(s.r, &got, &found), SQLITE_OK);
    assert_true(found);
    assert_int_equal(got.type, EVENT_END);
    assert_string_equal(got.camera, "door");
    expected.reason = END_RESTART;
    assert_memory_equal(&got.record.id, &expected.id, sizeof(expected.id));
    assert_int_equal(got.record.start_us, expected.start_us);
    assert_int_equal(got.record.end_us, expected.end_us);
    assert_int_equal(got.record.reason, END_RESTART);
    assert_memory_equal(&got.record.answers, &expected.answers, sizeof(expected.answers));
    assert_memory_equal(&got.record.box, &expected.box, sizeof(expected.box));
    assert_int_equal(got.record.samples, 6);
    assert_int_equal(got.record.width_px, 84);
    assert_string_equal(got.record.attributes, "xception");

    bool changed;
    assert_int_equal(records_write(s.r, &got, 2, &changed), SQLITE_OK);
    assert_int_equal(records_next_open(s.r, &got, &found), SQLITE_OK);
    assert_false(found);
    assert_row(&s, "SELECT end_reason, end_time FROM faces WHERE seq = 2",
            "restart|2026-11-23T16:40:17.345Z");
    end(&s);
}

static void every_reason_to_withhold_comes_back(void **state)
{
    (void)state;
    for (int u = UNKNOWN_NOT + 1; u < UNKNOWN_COUNT; u++) {
        struct setup s = begin();
        struct event *ev = kit_event(EVENT_NEW, 0), got;
        ev->record.answers.age_unknown = ev->record.answers.gender_unknown = (enum unknown)u;
        bool found;
        assert_true(write_one(&s, ev, 0));
        assert_int_equal(records_next_open(s.r, &got, &found), SQLITE_OK);
        assert_int_equal(got.record.answers.age_unknown, u);
        assert_int_equal(got.record.answers.gender_unknown, u);
        assert_int_equal(got.record.answers.age_range, -1);
        end(&s);
    }
}

static void observations_belong_to_a_record_and_go_with_it(void **state)
{
    (void)state;
    struct setup s = begin();
    struct event *orphan = kit_event(EVENT_OBSERVATION, 5), *ev = kit_event(EVENT_OBSERVATION, 0);
    assert_int_equal(sql_exec(s.db, "PRAGMA foreign_keys = ON"), SQLITE_OK);
    assert_true(write_one(&s, kit_event(EVENT_NEW, 0), 0));
    assert_int_equal(records_observe(s.r, orphan), SQLITE_OK);
    assert_int_equal(records_observe(s.r, ev), SQLITE_OK);
    event_free(orphan);
    event_free(ev);
    assert_row(&s, "SELECT * FROM observations",
            "01900000-0000-7000-8000-000000000000|lobby|door|2026-11-23T16:40:12.345Z|"
            "1795452012345000|29.4|25-32|female|0.93|0.41|0.22|0.06|0.11|84");
    assert_row(&s, "SELECT count(*) FROM observations", "1");
    assert_int_equal(sql_exec(s.db, "DELETE FROM record"), SQLITE_OK);
    assert_row(&s, "SELECT count(*) FROM observation", "0");
    end(&s);
}

static void camera(
        struct setup *s, enum camera_state state, int64_t time_us, bool commanded, bool enabled)
{
    struct event *ev = event_new(EVENT_CAMERA, "door");
    ev->time_us = time_us;
    ev->status.state = state;
    ev->status.enabled = enabled;
    ev->status.commanded = commanded;
    (void)snprintf(ev->status.url, sizeof(ev->status.url), "rtsp://viewer:geheim@192.0.2.7/");
    assert_int_equal(records_camera(s->r, ev), SQLITE_OK);
    event_free(ev);
}

static void a_camera_is_seen_while_it_is_online(void **state)
{
    (void)state;
    struct setup s = begin();
    camera(&s, CAMERA_CONNECTING, KIT_START, false, true);
    assert_row(
            &s, "SELECT * FROM cameras", "door|rtsp://viewer:***@192.0.2.7/|connecting|NULL|NULL");
    camera(&s, CAMERA_ONLINE, KIT_START + 1000000, false, true);
    camera(&s, CAMERA_ONLINE, KIT_START + 2000000, false, true);
    camera(&s, CAMERA_OFFLINE, KIT_START + 9000000, false, true);
    assert_row(&s, "SELECT * FROM cameras",
            "door|rtsp://viewer:***@192.0.2.7/|offline|2026-11-23T16:40:09.120Z|"
            "2026-11-23T16:40:10.120Z");
    end(&s);
}

static void only_a_command_is_kept(void **state)
{
    (void)state;
    static const char question[] = "SELECT coalesce(enabled, -1) FROM camera";
    struct setup s = begin();
    camera(&s, CAMERA_DISABLED, KIT_START, false, false); /* as configured */
    assert_row(&s, question, "-1");
    camera(&s, CAMERA_DISABLED, KIT_START, true, false);
    camera(&s, CAMERA_DISABLED, KIT_START, false, true); /* does not undo the command */
    assert_row(&s, question, "0");
    camera(&s, CAMERA_ONLINE, KIT_START, true, true);
    assert_row(&s, question, "1");
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_row_holds_what_the_event_says),
            cmocka_unit_test(an_answer_that_is_withheld_is_null_with_its_reason),
            cmocka_unit_test(a_record_that_has_ended_stays_as_it_is),
            cmocka_unit_test(an_open_record_comes_back_as_it_was_seen_last),
            cmocka_unit_test(every_reason_to_withhold_comes_back),
            cmocka_unit_test(observations_belong_to_a_record_and_go_with_it),
            cmocka_unit_test(a_camera_is_seen_while_it_is_online),
            cmocka_unit_test(only_a_command_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
