/* needs: app/audience app/rows store/sums store/reader store/dbfile store/schema store/sql flow/age base/err base/log base/mem base/mono base/redact base/url base/uuid base/when */
#include "kit_store.h"

#include <time.h>

#include "app/audience.h"
#include "base/mono.h"
#include "base/when.h"
#include "store/dbfile.h"

struct shop {
    char *dir;
    const char *path;
    sqlite3 *db;
};

static struct shop begin(const char *zone)
{
    struct shop s = {.dir = kit_dir()};
    s.path = kit_path(s.dir, "faced.db");
    assert_int_equal(dbfile_open(s.path, &s.db, NULL), 0);
    setenv("TZ", zone, 1);
    tzset();
    return s;
}

static void end(struct shop *s)
{
    sqlite3_close(s->db);
    kit_remove(s->dir);
}

static int64_t at(const char *text)
{
    int64_t us = 0;
    assert_int_equal(when_parse(text, 0, &us), 0);
    return us;
}

/* People who came at this moment. */
static void came(struct shop *s, const char *when, const char *camera, const char *age,
        const char *gender, int people)
{
    char text[400];
    int64_t us = at(when);
    (void)snprintf(text, sizeof(text),
            "INSERT INTO quarters VALUES (%lld, '%s', '%s', '%s', %d, %lld)"
            " ON CONFLICT DO UPDATE SET people = people + excluded.people,"
            " stay_us = stay_us + excluded.stay_us",
            (long long)(us - us % SUMS_QUARTER_US), camera, age, gender, people,
            (long long)people * 10 * MONO_SECOND);
    assert_int_equal(sqlite3_exec(s->db, text, NULL, NULL, NULL), SQLITE_OK);
}

static struct audience *ask_at(
        struct shop *s, enum audience_by by, const char *since, const char *until, const char *now)
{
    struct err e = {0};
    struct reader *r = reader_open(s->path, &e);
    assert_non_null(r);
    struct audience_query q = {by, NULL, at(since), at(until)};
    struct audience *a = audience_ask(r, &q, at(now), &e);
    assert_non_null(a);
    reader_close(r);
    return a;
}

static struct audience *ask(
        struct shop *s, enum audience_by by, const char *since, const char *until)
{
    return ask_at(s, by, since, until, until);
}

static const struct audience_group *group(const struct audience *a, const char *key)
{
    for (int i = 0; i < a->n; i++) {
        if (strcmp(a->groups[i].key, key) == 0)
            return &a->groups[i];
    }
    fail_msg("no group %s", key);
    return NULL;
}

static void check_sums(const struct audience *a)
{
    int64_t people = 0, stay = 0, cells = 0, before = 0;
    for (int i = 0; i < a->n; i++) {
        people += a->groups[i].count.people;
        stay += a->groups[i].count.stay_us;
        before += a->groups[i].before;
    }
    for (int age = 0; age <= AGE_RANGES; age++)
        cells += audience_of_age(&a->total, age);
    assert_int_equal(people, a->total.people);
    assert_int_equal(stay, a->total.stay_us);
    assert_int_equal(cells, a->total.people);
    assert_int_equal(before, a->before);
}

/* Somebody comes every quarter of an hour: a day of 23 hours has 92, one of 25 hours 100, whatever
 * the zone; and each of them counts at one hour, one day, one weekday and one camera. */
static void days_are_as_long_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *day, *next;
        int quarters;
    } days[] = {
            {"Europe/Berlin", "2026-03-29", "2026-03-30", 92},
            {"Europe/Berlin", "2026-10-25", "2026-10-26", 100},
            {"Europe/Berlin", "2026-07-01", "2026-07-02", 96},
            {"America/St_Johns", "2026-03-08", "2026-03-09", 92},
            {"Asia/Kathmandu", "2026-03-29", "2026-03-30", 96},
            {"Australia/Lord_Howe", "2026-10-04", "2026-10-05", 94},
            {"Australia/Lord_Howe", "2026-04-05", "2026-04-06", 98},
            {"America/Santiago", "2026-09-06", "2026-09-07", 92}, /* no midnight */
            {"America/Havana", "2026-11-01", "2026-11-02", 100},  /* two of them */
            {"UTC", "2024-02-29", "2024-03-01", 96},
    };
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        struct shop s = begin(days[i].zone);
        for (int64_t us = at(days[i].day) - 3 * 86400 * MONO_SECOND;
                us < at(days[i].next) + 3 * 86400 * MONO_SECOND; us += SUMS_QUARTER_US) {
            char when[WHEN_TEXT];
            when_format(when, us);
            came(&s, when, us % (2 * SUMS_QUARTER_US) ? "door" : "yard", "25-32", "female", 1);
        }
        for (int by = 0; by < AUDIENCE_BY_COUNT; by++) {
            struct audience *a = ask(&s, (enum audience_by)by, days[i].day, days[i].next);
            assert_int_equal(a->total.people, days[i].quarters);
            check_sums(a);
            if (by == AUDIENCE_DAY) {
                assert_int_equal(a->n, 1);
                assert_int_equal(group(a, days[i].day)->count.people, days[i].quarters);
                assert_int_equal(group(a, days[i].day)->from_us, at(days[i].day));
            }
            audience_free(a);
        }
        end(&s);
    }
}

static void a_week_before_is_by_the_clock_on_the_wall(void **state)
{
    (void)state;
    struct shop s = begin("Europe/Berlin");
    came(&s, "2026-03-25 09:00", "door", "25-32", "male", 4);  /* winter */
    came(&s, "2026-04-01 09:00", "door", "4-6", "female", 5);  /* summer */
    came(&s, "2026-04-01 08:45", "door", "4-6", "female", 50); /* before */
    came(&s, "2026-03-25 08:45", "door", "4-6", "female", 40);
    struct audience *a = ask(&s, AUDIENCE_DAY, "2026-04-01 09:00", "2026-04-01 10:00");
    assert_int_equal(a->total.people, 5);
    assert_int_equal(a->before, 4);
    assert_int_equal(group(a, "2026-04-01")->before, 4);
    assert_float_equal(audience_change(a), 0.25, 1e-9);
    assert_int_equal(a->before_since_us, at("2026-03-25 09:00"));
    check_sums(a);
    audience_free(a);
    a = ask(&s, AUDIENCE_HOUR, "2026-04-01 09:00", "2026-04-01 10:00");
    assert_int_equal(group(a, "9")->count.people, 5);
    assert_int_equal(group(a, "9")->before, 4);
    audience_free(a);
    end(&s);
}

static void empty_days_are_there_and_ages_are_apart(void **state)
{
    (void)state;
    struct shop s = begin("UTC");
    came(&s, "2026-11-20 10:00", "door", "25-32", "male", 1);
    came(&s, "2026-11-20 10:00", "door", "48-53", "female", 2);
    came(&s, "2026-11-20 10:00", "yard", "4-6", "", 3);
    came(&s, "2026-11-20 10:00", "yard", "", "", 4);
    struct audience *a = ask(&s, AUDIENCE_DAY, "2026-11-18", "2026-11-22");
    assert_int_equal(a->n, 4);
    assert_int_equal(group(a, "2026-11-19")->count.people, 0);
    assert_int_equal(a->total.cells[4][SUM_MALE], 1);
    assert_int_equal(a->total.cells[6][SUM_FEMALE], 2);
    assert_int_equal(a->total.cells[1][SUM_UNKNOWN], 3);
    assert_int_equal(a->total.cells[AGE_RANGES][SUM_UNKNOWN], 4);
    assert_int_equal(audience_of_gender(&a->total, SUM_UNKNOWN), 7);
    assert_true(isnan(audience_change(a)));
    json_t *j = audience_json(a);
    assert_int_equal(json_integer_value(json_object_get(j, "people")), 10);
    assert_true(json_is_null(json_object_get(json_object_get(j, "week_before"), "change")));
    assert_float_equal(json_real_value(json_object_get(j, "stay_s")), 10, 1e-9);
    json_decref(j);
    audience_free(a);
    end(&s);
}

static void bounds_are_whole_quarters(void **state)
{
    (void)state;
    struct shop s = begin("UTC");
    came(&s, "2026-11-20 10:00", "door", "25-32", "male", 1);
    came(&s, "2026-11-20 10:15", "door", "25-32", "male", 2);
    came(&s, "2026-11-20 10:30", "door", "25-32", "male", 4);
    struct audience *a = ask(&s, AUDIENCE_CAMERA, "2026-11-20 10:16", "2026-11-20 10:29");
    assert_int_equal(a->total.people, 2);
    assert_int_equal(a->query.since_us, at("2026-11-20 10:15"));
    assert_int_equal(a->query.until_us, at("2026-11-20 10:30"));
    audience_free(a);
    a = ask(&s, AUDIENCE_WEEKDAY, "2026-11-20 10:16", "2026-11-20 10:01"); /* the wrong way round */
    assert_int_equal(a->total.people, 0);
    audience_free(a);
    end(&s);
}

/* Each day is a group; no question makes more of them than ten years have. */
static void no_question_is_without_bounds(void **state)
{
    (void)state;
    static const char *const spans[][2] = {{"0001-01-01", "9999-12-31"},
            {"2026-11-19", "9999-12-31T23:59:59-23:59"}, {"0001-01-01", "0002-01-01"},
            {"9998-01-01", "9999-01-01"}, {"0202-01-01T00:00:00+23:59", "2026-11-20 12:00"}};
    struct shop s = begin("Europe/Berlin");
    came(&s, "2012-01-01 10:00", "door", "25-32", "male", 1);
    came(&s, "2016-11-21 10:00", "door", "25-32", "male", 2);
    came(&s, "2026-11-20 10:00", "door", "25-32", "male", 4);
    came(&s, "2026-11-20 23:45", "door", "25-32", "male", 8);
    static const int64_t people[] = {14, 12, 0, 0, 6};
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        for (int by = 0; by < AUDIENCE_BY_COUNT; by++) {
            struct audience *a =
                    ask_at(&s, (enum audience_by)by, spans[i][0], spans[i][1], "2026-11-20 12:00");
            assert_int_equal(a->total.people, people[i]);
            assert_in_range(a->n, 0, AUDIENCE_DAYS_MAX + 1);
            assert_true(a->query.since_us >= at("2016-11-18"));
            assert_true(a->query.until_us <= at("2026-11-21"));
            assert_true(a->query.since_us <= a->query.until_us);
            check_sums(a);
            audience_free(a);
        }
    }
    struct audience *a = ask_at(&s, AUDIENCE_DAY, spans[0][0], spans[0][1], "2026-11-20 12:00");
    assert_int_equal(group(a, "2016-11-21")->count.people, 2);
    assert_int_equal(group(a, "2026-11-20")->count.people, 12);
    audience_free(a);
    end(&s);
}

static int plan_line(void *arg, int n, char **values, char **names)
{
    char *text = arg;
    (void)names;
    size_t used = strlen(text);
    (void)snprintf(text + used, 2000 - used, "%s\n", values[n - 1]);
    return 0;
}

/* The questions that are asked of a million records go by an index and sort nothing. */
static void no_question_reads_everything(void **state)
{
    (void)state;
    static const char *const questions[] = {
            "SELECT start_us, people, stay_us, age_range, gender, camera FROM quarters"
            " WHERE start_us >= 1 AND start_us < 2 ORDER BY start_us",
            "SELECT * FROM faces WHERE start_us >= 1 AND start_us < 2 ORDER BY start_us, id",
            "SELECT * FROM faces WHERE 1 ORDER BY start_us DESC, id DESC LIMIT 100",
            "SELECT * FROM faces WHERE camera = 'a' ORDER BY start_us DESC, id DESC LIMIT 100",
            "SELECT * FROM faces WHERE 1 AND seq > 5 ORDER BY seq",
            "SELECT * FROM faces WHERE id = 'x'",
    };
    struct shop s = begin("UTC");
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        char text[600], plan[2000] = "";
        (void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", questions[i]);
        assert_int_equal(sqlite3_exec(s.db, text, plan_line, plan, NULL), SQLITE_OK);
        print_message("%s\n%s", questions[i], plan);
        assert_null(strstr(plan, "USE TEMP B-TREE FOR ORDER BY"));
        assert_true(strstr(plan, "SEARCH") || strstr(plan, "USING INDEX"));
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(days_are_as_long_as_they_are),
            cmocka_unit_test(a_week_before_is_by_the_clock_on_the_wall),
            cmocka_unit_test(empty_days_are_there_and_ages_are_apart),
            cmocka_unit_test(bounds_are_whole_quarters),
            cmocka_unit_test(no_question_is_without_bounds),
            cmocka_unit_test(no_question_reads_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
