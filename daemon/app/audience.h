#pragma once

#include "base/err.h"
#include "flow/age.h"
#include "flow/settings.h"
#include "store/sums.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The audience: how many people came, of which age and gender, how long they stayed, and how that
 * compares with the week before. For facectl and the web page alike.
 *
 * Asked for and told in local time, stored in UTC: a day has 23, 24 or 25 hours, and every zone's
 * hours and days are whole quarters of an hour, in which the sums are kept. "The week before" is
 * the same time by the clock on the wall seven days earlier. Main threads only read the time zone,
 * so any thread may ask.
 *
 * Whatever is asked for, the answer is about the last ten years and ends with today: so it has a
 * size that a stranger's question cannot blow up, and it says which span it is about.
 */
#define AUDIENCE_DAYS_MAX 3653

enum audience_by {
    AUDIENCE_HOUR, /* of the day, 0 to 23 */
    AUDIENCE_DAY,
    AUDIENCE_WEEKDAY, /* from Monday on */
    AUDIENCE_CAMERA,
    AUDIENCE_BY_COUNT,
};

/* "hour" ...; -1: none of them. */
extern const char *const audience_by_names[AUDIENCE_BY_COUNT + 1]; /* ended by NULL */
int audience_by_named(const char *name);

struct audience_query {
    enum audience_by by;
    const char *camera; /* NULL: all */
    int64_t since_us;   /* 0: local midnight, six days ago */
    int64_t until_us;   /* 0: now */
};

struct count {
    int64_t people, stay_us;
    int64_t cells[AGE_RANGES + 1][SUM_GENDERS]; /* the last row: age unknown */
};

struct audience_group {
    char key[NAME_SIZE]; /* "14", "2026-11-24", "Monday", "door" */
    int64_t from_us;     /* of a day: its midnight; else 0 */
    struct count count;
    int64_t before; /* people a week before */
};

struct audience {
    struct audience_query query; /* its bounds as they were taken: whole quarters, in range */
    char camera[NAME_SIZE];
    int64_t before_since_us, before_until_us;
    struct count total;
    int64_t before; /* people a week before */
    int n;
    struct audience_group *groups;
};

/* NULL, with a sentence: it cannot be read. */
struct audience *audience_ask(
        struct reader *r, const struct audience_query *query, int64_t now_us, struct err *e);
void audience_free(struct audience *a); /* NULL is fine */

/* By an age range (AGE_RANGES: unknown), or by a gender. */
int64_t audience_of_age(const struct count *c, int age);
int64_t audience_of_gender(const struct count *c, int gender);

/* How many more than the week before, as a share of those; NAN: nobody came then. */
double audience_change(const struct audience *a);

json_t *audience_json(const struct audience *a); /* a new reference */
void audience_csv(const struct audience *a, FILE *to);

/* "Europe/Berlin", or what else the C library goes by. */
void audience_zone(char ret_name[64]);
