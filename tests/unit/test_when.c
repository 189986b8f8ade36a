/* needs: base/when base/mono */
#include "base/when.h"

#include "base/mono.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define NOW    (INT64_C(1795452008) * SECOND) /* 2026-11-23T16:40:08Z */

static int64_t parse(const char *text)
{
    int64_t t;
    if (when_parse(text, NOW, &t) < 0)
        fail_msg("refused: %s", text);
    return t;
}

static void zone(const char *name)
{
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
}

static void rfc3339(void **state)
{
    (void)state;
    zone("Europe/Berlin"); /* must not matter */
    char text[WHEN_TEXT];
    when_format(text, NOW + 120999);
    assert_string_equal(text, "2026-11-23T16:40:08.120Z");
    when_format(text, -1);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    static const char *const early[] = {"0001-01-01T00:00:00.000Z", "0202-11-23T16:40:08.000Z"};
    for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
        when_format(text, parse(early[i]));
        assert_string_equal(text, early[i]);
    }
    assert_int_equal(parse("2026-11-23T16:40:08Z"), NOW);
    assert_int_equal(parse("2026-11-23t16:40:08.5z"), NOW + 500000);
    assert_int_equal(parse("2026-11-23T17:40:08+01:00"), NOW);
    assert_int_equal(parse("2026-11-23T11:10:08-05:30"), NOW);
    assert_int_equal(parse("2026-11-23T16:40:08-00:00"), NOW);
    assert_int_equal(parse("2026-11-23T16:40:08.1234567899Z"), NOW + 123456);
    assert_int_equal(parse("2026-11-24T00:10:08+07:30"), NOW);
    assert_int_equal(parse("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(parse("2024-02-29T00:00:00Z"), INT64_C(1709164800) * SECOND);
    assert_int_equal(parse("2016-12-31T23:59:60Z"), INT64_C(1483228800) * SECOND); /* leap */
}

static void round_trips(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    zone("America/New_York");
    char text[WHEN_TEXT];
    for (int i = 0; i < 10000; i++) {
        int64_t ms =
                ((int64_t)rand_r(&seed) << 12 | (rand_r(&seed) & 0xfff)) % INT64_C(4102444800000);
        when_format(text, ms * 1000);
        assert_int_equal(parse(text), ms * 1000);
        int64_t us = ((int64_t)rand_r(&seed) << 20) / (1 << rand_r(&seed) % 30), back;
        when_format_duration(text, us);
        assert_int_equal(when_parse_duration(text, &back), 0);
        assert_int_equal(back, us);
    }
}

static void local_time(void **state)
{
    (void)state;
    char text[WHEN_TEXT];
    zone("Europe/Berlin");
    when_format_local(text, NOW);
    assert_string_equal(text, "2026-11-23 17:40:08");
    assert_int_equal(parse("2026-11-23 17:40:08"), NOW);
    assert_int_equal(parse("2026-11-23T17:40:08"), NOW);
    assert_int_equal(parse("2026-11-23 17:40"), NOW - 8 * SECOND);
    assert_int_equal(parse("2026-11-23"), NOW - (17 * 3600 + 40 * 60 + 8) * SECOND);
    /* summer and winter: two hours before UTC, then one */
    assert_int_equal(parse("2026-07-01"), parse("2026-06-30T22:00:00Z"));
    assert_int_equal(parse("2026-12-01"), parse("2026-11-30T23:00:00Z"));
    /* the day on which the clocks go forward has 23 hours, the other one 25 */
    assert_int_equal(parse("2026-03-30") - parse("2026-03-29"), 23 * 3600 * SECOND);
    assert_int_equal(parse("2026-10-26") - parse("2026-10-25"), 25 * 3600 * SECOND);
    zone("UTC");
    assert_int_equal(parse("2026-11-23 16:40:08"), NOW);
    when_format_local(text, parse("0020-11-23"));
    assert_string_equal(text, "0020-11-23 00:00:00");
}

/* Around a change of the clock the page and facectl must mean the same moment, whatever was asked
 * before; tests/integration asks the page the same. */
static void when_the_clock_is_changed(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *local, *utc;
    } cases[] = {
            {"America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z"}, /* no midnight */
            {"America/Santiago", "2026-09-06 00:30", "2026-09-06T04:30:00Z"},
            {"America/Santiago", "2026-09-05 23:59", "2026-09-06T03:59:00Z"},
            {"America/Havana", "2026-03-08", "2026-03-08T05:00:00Z"},
            {"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"}, /* two midnights */
            {"America/Havana", "2026-11-01 00:30", "2026-11-01T04:30:00Z"},
            {"America/Havana", "2026-11-01 01:00", "2026-11-01T06:00:00Z"},
            {"Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z"},
            {"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"}, /* no such day */
            {"Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00Z"},
            {"Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z"},
            {"Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04T14:45:00Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        zone(cases[i].zone);
        for (int month = 1; month <= 7; month += 6) {
            struct tm before = {.tm_year = 126, .tm_mon = month - 1, .tm_mday = 15, .tm_isdst = -1};
            (void)mktime(&before);
            char text[WHEN_TEXT], want[WHEN_TEXT];
            when_format(text, parse(cases[i].local));
            when_format(want, parse(cases[i].utc));
            assert_string_equal(text, want);
        }
    }
}

static void so_long_ago(void **state)
{
    (void)state;
    assert_int_equal(parse("90s"), NOW - 90 * SECOND);
    assert_int_equal(parse("5m"), NOW - 300 * SECOND);
    assert_int_equal(parse("1h"), NOW - 3600 * SECOND);
    assert_int_equal(parse("2d"), NOW - 2 * 86400 * SECOND);
    assert_int_equal(parse("3w"), NOW - 21 * 86400 * SECOND);
    assert_int_equal(parse("0s"), NOW);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {{"500ms", 500000}, {"1us", 1}, {"30s", 30 * SECOND}, {"5m", 300 * SECOND},
            {"12h", 43200 * SECOND}, {"90d", 7776000 * SECOND}, {"2w", 1209600 * SECOND},
            {"0s", 0}};
    char text[WHEN_TEXT];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t us;
        assert_int_equal(when_parse_duration(cases[i].text, &us), 0);
        assert_int_equal(us, cases[i].us);
        when_format_duration(text, us);
        if (!strchr(cases[i].text, 'w'))
            assert_string_equal(text, cases[i].text);
    }
    static const char *const bad[] = {"", "5", "s", "-5s", "+5s", " 5s", "5 s", "5s ", "1.5h", "5S",
            "5min", "9223372036854775807s", "99999999999999999999ms", "0x5s", "15250285w"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t us;
        if (when_parse_duration(bad[i], &us) != -EINVAL)
            fail_msg("taken: '%s'", bad[i]);
    }
}

static void no_such_time(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "yesterday", "2026", "2026-11", "2026-13-01",
            "2026-00-01", "2026-11-00", "2026-11-31", "2026-02-30", "2026-02-29", "1900-02-29",
            "26-11-23", "2026-1-2", "2026- 1- 2", " 2026-11-23", "2026-11-23 ", "2026-11-23x",
            "2026-11-23Z", "2026-11-23+01:00", "2026-11-23T", "2026-11-23T16", "2026-11-23T16:4",
            "2026-11-23T24:00", "2026-11-23T16:60", "2026-11-23T16:40:61", "2026-11-23T16:40:08.",
            "2026-11-23T16:40:08.Z", "2026-11-23T16:40.5Z", "2026-11-23T16:40:08+1:00",
            "2026-11-23T16:40:08+0100", "2026-11-23T16:40:08+24:00", "2026-11-23T16:40:08+01:60",
            "2026-11-23T16:40:08+-1:00", "2026-11-23T16:40:08ZZ", "2026-11-23T16:40:08+01:00x",
            "2026-11-23T16:40:08 Z", "2026/11/23", "+2026-11-23", "-026-11-23", "2026-11-23T-1:40",
            "20261-11-23"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t t;
        if (when_parse(bad[i], NOW, &t) != -EINVAL)
            fail_msg("taken: '%s'", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(rfc3339),
            cmocka_unit_test(round_trips),
            cmocka_unit_test(local_time),
            cmocka_unit_test(when_the_clock_is_changed),
            cmocka_unit_test(so_long_ago),
            cmocka_unit_test(durations),
            cmocka_unit_test(no_such_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
