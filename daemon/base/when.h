#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Points in time as people and programs write them.
 *
 * Inside the house time is microseconds of UTC; it becomes text only at the door: RFC 3339 with
 * milliseconds and "Z" for what leaves, and for what an operator types also `2d` ago, a local
 * date, or a local date and time.
 */
#define WHEN_TEXT 32

/* "2026-11-23T16:40:08.120Z"; rounds down to the millisecond. */
void when_format(char ret_text[WHEN_TEXT], int64_t wall_us);

/* The same in the local time zone for tables: "2026-11-23 17:40:08". */
void when_format_local(char ret_text[WHEN_TEXT], int64_t wall_us);

/*
 * The moment at which the clock on the wall shows this, in seconds since 1970; fields beyond their
 * range are carried over, tm_isdst is not asked. Shown twice, because the clock went back: the
 * first time. Never shown, because it went forward: as long after the step as the time is behind
 * it, so that a day without a midnight begins at its first moment. mktime() answers the former by
 * what it was asked before.
 */
int64_t when_local(const struct tm *wall);

/*
 * Reads `90s 5m 1h 2d 3w` (so long before now_us), `2026-11-23` and `2026-11-23 17:40[:08]`
 * (local), or RFC 3339 with its offset. 0, or -EINVAL.
 */
int when_parse(const char *text, int64_t now_us, int64_t *ret_wall_us);

/* A duration `500ms 30s 5m 12h 90d 2w` in microseconds. 0, or -EINVAL. */
int when_parse_duration(const char *text, int64_t *ret_us);

/* The same back: the largest unit that divides it. */
void when_format_duration(char ret_text[WHEN_TEXT], int64_t us);

/* "45 s", "12 min", "3 h", "9 d": as much of a span as somebody wants to know. */
void when_format_span(char ret_text[WHEN_TEXT], int64_t s);
