/* needs: store/schema store/sql flow/event flow/face flow/age base/err base/mem base/mono base/when base/uuid */
#include "kit_store.h"

#include <errno.h>

#include "store/schema.h"
#include "store/sql.h"

static sqlite3 *open_empty(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    return db;
}

static void assert_columns(sqlite3 *db, const char *view, const char *expected)
{
    char question[200], text[1000] = "";
    sqlite3_stmt *st = NULL;
    (void)snprintf(question, sizeof(question), "SELECT * FROM %s", view);
    assert_int_equal(sqlite3_prepare_v2(db, question, -1, &st, NULL), SQLITE_OK);
    for (int i = 0; i < sqlite3_column_count(st); i++) {
        size_t n = strlen(text);
        (void)snprintf(
                text + n, sizeof(text) - n, "%s%s", i ? " " : "", sqlite3_column_name(st, i));
    }
    sqlite3_finalize(st);
    assert_string_equal(text, expected);
}

static void the_views_have_the_columns_of_the_contract(void **state)
{
    (void)state;
    sqlite3 *db = open_empty();
    assert_int_equal(schema_bring(db, NULL), 0);
    assert_columns(db, "faces",
            "id seq node camera start_time end_time start_us end_us duration_s end_reason "
            "age_years age_range age_probability age_unknown gender gender_probability "
            "gender_unknown samples score box_x box_y box_w box_h width_px detector attributes");
    assert_columns(db, "cameras", "name url state first_seen last_seen");
    assert_columns(db, "observations",
            "id node camera time time_us age_years age_range gender score box_x box_y box_w box_h "
            "width_px");
    sqlite3_close(db);
}

static void a_time_is_cut_to_the_millisecond_never_rounded_up(void **state)
{
    (void)state;
    sqlite3 *db = open_empty();
    assert_int_equal(schema_bring(db, NULL), 0);
    const struct {
        int64_t us;
        const char *text;
    } cases[] = {
            {INT64_C(1795452008120000), "2026-11-23T16:40:08.120Z"},
            {INT64_C(1795452008999999), "2026-11-23T16:40:08.999Z"},
            {INT64_C(1795452008000999), "2026-11-23T16:40:08.000Z"},
            {0, "1970-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sqlite3_stmt *st = NULL;
        assert_int_equal(sql_exec(db, "DELETE FROM camera"), SQLITE_OK);
        assert_int_equal(
                sql_prepare(db, &st, "INSERT INTO camera(name, first_seen_us) VALUES ('a', ?)"),
                SQLITE_OK);
        assert_int_equal(sql_bind(st, "i", cases[i].us), SQLITE_OK);
        assert_int_equal(sql_run(st), SQLITE_OK);
        sqlite3_finalize(st);
        assert_int_equal(
                sql_prepare(db, &st, "SELECT first_seen, last_seen FROM cameras"), SQLITE_OK);
        assert_int_equal(sql_next(st), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(st, 0), cases[i].text);
        assert_null(sqlite3_column_text(st, 1)); /* never is NULL, not text */
        sqlite3_finalize(st);
    }
    sqlite3_close(db);
}

static void every_database_has_its_own_epoch(void **state)
{
    (void)state;
    struct meta a, b;
    sqlite3 *one = open_empty(), *two = open_empty();
    assert_int_equal(schema_bring(one, NULL), 0);
    assert_int_equal(schema_bring(two, NULL), 0);
    assert_int_equal(meta_read(one, &a), SQLITE_OK);
    assert_int_equal(meta_read(two, &b), SQLITE_OK);
    assert_true(uuid_valid(a.epoch));
    assert_string_not_equal(a.epoch, b.epoch);
    assert_int_equal(a.next_seq, 1);
    assert_int_equal(a.next_msg, 1);

    /* To bring it up again changes nothing. */
    assert_int_equal(schema_bring(one, NULL), 0);
    assert_int_equal(meta_read(one, &b), SQLITE_OK);
    assert_string_equal(a.epoch, b.epoch);
    assert_int_equal(schema_check(one, NULL), 0);
    sqlite3_close(one);
    sqlite3_close(two);
}

/* ---- upgrades of what older versions wrote ---- */

#define VERSION_1 "tests/data/faced-schema-1.db" /* tests run from the top of the source tree */

static sqlite3 *open_copy_of(const char *file, char **ret_dir)
{
    *ret_dir = kit_dir();
    const char *path = kit_path(*ret_dir, "faced.db");
    kit_copy(file, path);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static int64_t integer(sqlite3 *db, const char *question)
{
    int64_t v = -1;
    assert_int_equal(sql_integer(db, question, &v), SQLITE_OK);
    return v;
}

static void version_1_becomes_the_present_and_keeps_what_it_knows(void **state)
{
    (void)state;
    char *dir;
    sqlite3 *db = open_copy_of(VERSION_1, &dir);
    struct err e = {0};
    assert_int_equal(integer(db, "PRAGMA user_version"), 1);
    int64_t outbox = integer(db, "SELECT outbox_rows FROM meta");
    assert_int_equal(schema_bring(db, &e), 0);
    assert_int_equal(integer(db, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(schema_check(db, &e), 0);

    assert_int_equal(integer(db, "SELECT count(*) FROM faces"), 36);
    assert_int_equal(integer(db, "SELECT count(*) FROM observations"), 515);
    assert_int_equal(integer(db, "SELECT count(*) FROM cameras"), 4);
    assert_int_equal(integer(db, "SELECT count(*) FROM outbox"), outbox);
    struct meta m;
    assert_int_equal(meta_read(db, &m), SQLITE_OK);
    assert_int_equal(m.next_seq, 34);
    assert_int_equal(m.next_msg, 65);
    assert_int_equal(m.records_removed, 0);
    assert_false(m.copied);
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
    sqlite3_finalize(st);
    sqlite3_close(db);
    kit_remove(dir);
}

static void version_2_sums_up_those_who_had_left(void **state)
{
    (void)state;
    char *dir;
    sqlite3 *db = open_copy_of(VERSION_1, &dir);
    assert_int_equal(schema_bring(db, NULL), 0);
    assert_int_equal(integer(db, "SELECT sum(people) FROM quarters"), 33);
    assert_int_equal(integer(db, "SELECT sum(stay_us) FROM quarters"),
            integer(db, "SELECT sum(end_us - start_us) FROM faces"));
    assert_int_equal(integer(db, "SELECT count(*) FROM quarters WHERE start_us % 900000000"), 0);
    assert_int_equal(integer(db, "SELECT sum(people) FROM quarters WHERE gender = 'male'"), 2);
    assert_int_equal(integer(db, "SELECT sum(people) FROM quarters WHERE age_range = '25-32'"), 2);
    assert_int_equal(
            integer(db, "SELECT sum(people) FROM quarters WHERE gender = '' AND age_range = ''"),
            integer(db, "SELECT count(*) FROM faces WHERE gender IS NULL AND age_range IS NULL"
                        " AND end_us"));
    sqlite3_close(db);
    kit_remove(dir);
}

/* ---- upgrades, with steps of a future and of a past ---- */

static int first(struct sqlite3 *db)
{
    return sql_exec(db, "PRAGMA application_id = 0x66616365; CREATE TABLE t(a); INSERT INTO t "
                        "VALUES (1)");
}

static int second(struct sqlite3 *db)
{
    return sql_exec(db, "ALTER TABLE t ADD COLUMN b; UPDATE t SET b = a + 1");
}

static int third_breaks_half_way(struct sqlite3 *db)
{
    int rc = sql_exec(db, "UPDATE t SET b = 99");
    return rc == SQLITE_OK ? sql_exec(db, "UPDATE missing SET x = 1") : rc;
}

static void an_older_one_takes_only_the_steps_it_lacks(void **state)
{
    (void)state;
    schema_step *const steps[] = {first, second, third_breaks_half_way};
    sqlite3 *db = open_empty();
    assert_int_equal(schema_upgrade(db, steps, 1, NULL), 0);
    assert_int_equal(integer(db, "PRAGMA user_version"), 1);
    assert_int_equal(schema_upgrade(db, steps, 2, NULL), 0);
    assert_int_equal(integer(db, "PRAGMA user_version"), 2);
    assert_int_equal(integer(db, "SELECT b FROM t"), 2);
    assert_int_equal(integer(db, "SELECT count(*) FROM t"), 1);

    /* A step that fails leaves what was there before it. */
    struct err e = {0};
    assert_true(schema_upgrade(db, steps, 3, &e) < 0);
    assert_non_null(strstr(e.text, "cannot be upgraded"));
    assert_int_equal(integer(db, "PRAGMA user_version"), 2);
    assert_int_equal(integer(db, "SELECT b FROM t"), 2);
    sqlite3_close(db);
}

static void a_newer_one_is_refused_and_left_alone(void **state)
{
    (void)state;
    sqlite3 *db = open_empty();
    struct err e = {0};
    assert_int_equal(schema_bring(db, NULL), 0);
    assert_int_equal(sql_exec(db, "PRAGMA user_version = 7"), SQLITE_OK);
    assert_int_equal(schema_bring(db, &e), -EINVAL);
    assert_string_equal(e.text,
            "it was written by a newer faced (schema version 7, this one knows 2): install that "
            "one, or name another file in database.path");
    assert_int_equal(schema_check(db, &e), -EINVAL);
    assert_int_equal(integer(db, "PRAGMA user_version"), 7);
    sqlite3_close(db);
}

static void another_programs_database_is_refused(void **state)
{
    (void)state;
    sqlite3 *db = open_empty();
    struct err e = {0};
    assert_int_equal(sql_exec(db, "CREATE TABLE bookmarks(url)"), SQLITE_OK);
    assert_int_equal(schema_bring(db, &e), -EINVAL);
    assert_non_null(strstr(e.text, "another program"));
    assert_int_equal(integer(db, "SELECT count(*) FROM sqlite_master"), 1);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_views_have_the_columns_of_the_contract),
            cmocka_unit_test(a_time_is_cut_to_the_millisecond_never_rounded_up),
            cmocka_unit_test(every_database_has_its_own_epoch),
            cmocka_unit_test(version_1_becomes_the_present_and_keeps_what_it_knows),
            cmocka_unit_test(version_2_sums_up_those_who_had_left),
            cmocka_unit_test(an_older_one_takes_only_the_steps_it_lacks),
            cmocka_unit_test(a_newer_one_is_refused_and_left_alone),
            cmocka_unit_test(another_programs_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
