#include "base/when.h"

#include "base/mono.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    int64_t us;
} units[] = {
        {"w", 7 * 86400 * MONO_SECOND}, /* largest first, for when_format_duration() */
        {"d", 86400 * MONO_SECOND},
        {"h", 3600 * MONO_SECOND},
        {"m", 60 * MONO_SECOND},
        {"s", MONO_SECOND},
        {"ms", 1000},
        {"us", 1},
};

/* Division that rounds down also before 1970. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* strftime() writes the year 202 with three digits; RFC 3339 has four. */
static size_t format_year(char *dst, const struct tm *tm)
{
    return (size_t)snprintf(dst, WHEN_TEXT, "%04d", tm->tm_year + 1900);
}

void when_format(char ret_text[WHEN_TEXT], int64_t wall_us)
{
    time_t s = floor_div(wall_us, MONO_SECOND);
    int ms = (int)((wall_us - s * MONO_SECOND) / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = format_year(ret_text, &tm);
    n += strftime(ret_text + n, WHEN_TEXT - n, "-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(ret_text + n, WHEN_TEXT - n, ".%03dZ", ms);
}

void when_format_local(char ret_text[WHEN_TEXT], int64_t wall_us)
{
    time_t s = floor_div(wall_us, MONO_SECOND);
    struct tm tm;
    localtime_r(&s, &tm);
    size_t n = format_year(ret_text, &tm);
    strftime(ret_text + n, WHEN_TEXT - n, "-%m-%d %H:%M:%S", &tm);
}

int when_parse_duration(const char *text, int64_t *ret_us)
{
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    long long n = strtoll(text, &end, 10);
    if (errno)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        return __builtin_mul_overflow((int64_t)n, units[i].us, ret_us) ? -EINVAL : 0;
    }
    return -EINVAL;
}

void when_format_duration(char ret_text[WHEN_TEXT], int64_t us)
{
    size_t i = 1; /* weeks are read, days are written */
    while (i + 1 < sizeof(units) / sizeof(units[0]) && us % units[i].us != 0)
        i++;
    if (us == 0)
        i = 4;
    (void)snprintf(ret_text, WHEN_TEXT, "%lld%s", (long long)(us / units[i].us), units[i].name);
}

/* Exactly n digits at *p, which moves behind them; false: there are not so many. */
static bool digits(const char **p, int n, int *ret)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        char c = (*p)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *p += n;
    *ret = value;
    return true;
}

static bool skip(const char **p, char c)
{
    bool there = **p == c;
    *p += there;
    return there;
}

static int days_in(int month, int year)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* "2026-11-23"; no 30th of February, which mktime() would make the 2nd of March. */
static bool parse_date(const char **p, struct tm *ret)
{
    int year, month, day;
    if (!digits(p, 4, &year) || !skip(p, '-') || !digits(p, 2, &month) || !skip(p, '-') ||
            !digits(p, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(month, year))
        return false;
    ret->tm_year = year - 1900;
    ret->tm_mon = month - 1;
    ret->tm_mday = day;
    return true;
}

/* "17:40", "17:40:08" or "17:40:08.120"; a leap second is the beginning of the next minute. */
static bool parse_clock(const char **p, struct tm *ret, int64_t *ret_fraction_us)
{
    if (!digits(p, 2, &ret->tm_hour) || !skip(p, ':') || !digits(p, 2, &ret->tm_min))
        return false;
    bool seconds = skip(p, ':');
    if (seconds && !digits(p, 2, &ret->tm_sec))
        return false;
    if (seconds && skip(p, '.')) {
        int64_t unit = MONO_SECOND / 10;
        int d;
        if (!digits(p, 1, &d))
            return false;
        do {
            *ret_fraction_us += d * unit;
            unit /= 10;
        } while (digits(p, 1, &d));
    }
    return ret->tm_hour <= 23 && ret->tm_min <= 59 && ret->tm_sec <= 60;
}

/* "Z", "+01:00" or "-05:30" and the end. */
static bool parse_offset(const char *p, int *ret_offset_s)
{
    int hours = 0, minutes = 0, sign = *p == '-' ? -1 : 1;
    if (*p == 'Z' || *p == 'z')
        p++;
    else if ((!skip(&p, '+') && !skip(&p, '-')) || !digits(&p, 2, &hours) || !skip(&p, ':') ||
             !digits(&p, 2, &minutes))
        return false;
    *ret_offset_s = sign * (hours * 60 + minutes) * 60;
    return *p == '\0' && hours <= 23 && minutes <= 59;
}

static bool shows(time_t moment, time_t wall)
{
    struct tm tm;
    localtime_r(&moment, &tm);
    return moment + tm.tm_gmtoff == wall;
}

static time_t offset_at(time_t moment)
{
    struct tm tm;
    localtime_r(&moment, &tm);
    return tm.tm_gmtoff;
}

/* A day before and a day after every offset is one of the two that can count. */
int64_t when_local(const struct tm *wall)
{
    struct tm tm = *wall;
    time_t s = timegm(&tm);
    time_t a = s - offset_at(s - 86400), b = s - offset_at(s + 86400);
    time_t first = a < b ? a : b, second = a < b ? b : a;
    return shows(first, s) ? first : second;
}

int when_parse(const char *text, int64_t now_us, int64_t *ret_wall_us)
{
    int64_t ago, fraction_us = 0;
    if (when_parse_duration(text, &ago) == 0) {
        *ret_wall_us = now_us - ago;
        return 0;
    }
    struct tm tm = {0};
    const char *p = text;
    bool utc = false;
    int offset_s = 0;
    if (!parse_date(&p, &tm))
        return -EINVAL;
    if (*p == 'T' || *p == 't' || *p == ' ') {
        p++;
        if (!parse_clock(&p, &tm, &fraction_us))
            return -EINVAL;
        utc = *p != '\0';
        if (utc && !parse_offset(p, &offset_s))
            return -EINVAL;
    } else if (*p) {
        return -EINVAL;
    }
    int64_t s = utc ? timegm(&tm) - offset_s : when_local(&tm);
    *ret_wall_us = s * MONO_SECOND + fraction_us;
    return 0;
}

void when_format_span(char ret_text[WHEN_TEXT], int64_t s)
{
    const struct {
        int64_t below, unit;
        const char *name;
    } steps[] = {{120, 1, "s"}, {7200, 60, "min"}, {172800, 3600, "h"}, {INT64_MAX, 86400, "d"}};
    int i = 0;
    while (s >= steps[i].below && steps[i].below != INT64_MAX)
        i++;
    (void)snprintf(ret_text, WHEN_TEXT, "%lld %s", (long long)(s / steps[i].unit), steps[i].name);
}
