#include "app/audience.h"

#include "app/rows.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/when.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAYS      7
#define DAYS_MANY 400 /* of more, those before the first visitor are left out */

const char *const audience_by_names[] = {"hour", "day", "weekday", "camera", NULL};

static const char *const weekdays[] = {
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

int audience_by_named(const char *name)
{
    for (int i = 0; i < AUDIENCE_BY_COUNT; i++) {
        if (strcmp(audience_by_names[i], name) == 0)
            return i;
    }
    return -1;
}

/* ------------------------------------------------------------- the calendar --- */

static struct tm local(int64_t us)
{
    time_t t = us / MONO_SECOND - (us % MONO_SECOND < 0);
    struct tm tm = {0};
    (void)localtime_r(&t, &tm);
    return tm;
}

/* Days since 1970-01-01 of a date (Howard Hinnant's days_from_civil). */
static int64_t day_number(const struct tm *tm)
{
    int64_t y = tm->tm_year + 1900 - (tm->tm_mon < 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400, year = y - era * 400;
    int64_t day = (153 * ((tm->tm_mon + 10) % 12) + 2) / 5 + tm->tm_mday - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

/* The same time by the clock on the wall, so many days later. */
static int64_t days_later(int64_t us, int days)
{
    struct tm tm = local(us);
    tm.tm_mday += days;
    return when_local(&tm) * MONO_SECOND;
}

static int64_t midnight(int64_t us, int days)
{
    struct tm tm = local(us);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_mday += days;
    return when_local(&tm) * MONO_SECOND;
}

static int64_t quarter(int64_t us, bool up)
{
    int64_t past = us % SUMS_QUARTER_US;
    return past == 0 ? us : us - past + (up ? SUMS_QUARTER_US : 0);
}

void audience_zone(char ret_name[64])
{
    char link[256];
    const char *zone = getenv("TZ"); // NOLINT(concurrency-mt-unsafe): nobody sets it
    ssize_t n = zone && *zone ? 0 : readlink("/etc/localtime", link, sizeof(link) - 1);
    if (n > 0) {
        link[n] = '\0';
        const char *at = strstr(link, "zoneinfo/");
        zone = at ? at + strlen("zoneinfo/") : NULL;
    }
    if (zone && *zone == ':')
        zone++;
    (void)snprintf(ret_name, 64, "%s", zone && *zone ? zone : "UTC");
}

/* ------------------------------------------------------------- counting --- */

/* One pass over the sums of the span itself and of the week before, which mostly overlap. */
struct pass {
    struct audience *a;
    int64_t first_day; /* number of the first group's day */
    int64_t at_us;     /* the quarter that the groups were found for; they come in order */
    int group, group_before;
};

static struct audience_group *add_group(struct audience *a, const char *key)
{
    a->groups = mem_grow(a->groups, (size_t)a->n + 1, sizeof(*a->groups));
    struct audience_group *g = &a->groups[a->n++];
    *g = (struct audience_group){0};
    (void)snprintf(g->key, sizeof(g->key), "%s", key);
    return g;
}

static int of_camera(struct audience *a, const char *camera)
{
    for (int i = 0; i < a->n; i++) {
        if (strcmp(a->groups[i].key, camera) == 0)
            return i;
    }
    (void)add_group(a, camera);
    return a->n - 1;
}

static void find_groups(struct pass *p, int64_t start_us)
{
    struct tm tm = local(start_us);
    p->at_us = start_us;
    switch (p->a->query.by) {
    case AUDIENCE_HOUR: p->group = tm.tm_hour; break;
    case AUDIENCE_WEEKDAY: p->group = (tm.tm_wday + 6) % 7; break;
    default: p->group = (int)(day_number(&tm) - p->first_day); break;
    }
    p->group_before = p->group + (p->a->query.by == AUDIENCE_DAY ? 7 : 0);
}

static void count(struct count *c, const struct sum *s)
{
    c->people += s->people;
    c->stay_us += s->stay_us;
    c->cells[s->age_range < 0 ? AGE_RANGES : s->age_range][s->gender] += s->people;
}

static struct audience_group *group_at(const struct audience *a, int i)
{
    return i >= 0 && i < a->n ? &a->groups[i] : NULL;
}

static void each(const struct sum *s, void *arg)
{
    struct pass *p = arg;
    struct audience *a = p->a;
    if (s->start_us < a->query.since_us && s->start_us >= a->before_until_us)
        return; /* between the two */
    if (a->query.by == AUDIENCE_CAMERA)
        p->group = p->group_before = of_camera(a, s->camera);
    else if (p->at_us != s->start_us)
        find_groups(p, s->start_us);
    struct audience_group *now = group_at(a, p->group), *later = group_at(a, p->group_before);
    if (s->start_us >= a->query.since_us) {
        count(&a->total, s);
        if (now)
            count(&now->count, s);
    }
    if (s->start_us < a->before_until_us) {
        a->before += s->people;
        if (later)
            later->before += s->people;
    }
}

static int64_t make_days(struct audience *a)
{
    struct tm first = local(a->query.since_us), last = local(a->query.until_us - 1);
    int64_t number = day_number(&first), n = day_number(&last) - number + 1;
    for (int64_t i = 0; i < n; i++) {
        char key[NAME_SIZE];
        int64_t from_us = midnight(a->query.since_us, (int)i);
        struct tm tm = local(from_us);
        /* a zone may skip its midnight, or a whole day: then the date is another */
        tm = first;
        tm.tm_mday += (int)i;
        (void)timegm(&tm); /* carries the days over */
        (void)strftime(key, sizeof(key), "%Y-%m-%d", &tm);
        add_group(a, key)->from_us = from_us;
    }
    return number;
}

static int64_t make_groups(struct audience *a)
{
    char key[NAME_SIZE];
    switch (a->query.by) {
    case AUDIENCE_HOUR:
        for (int i = 0; i < 24; i++) {
            (void)snprintf(key, sizeof(key), "%d", i);
            (void)add_group(a, key);
        }
        return 0;
    case AUDIENCE_WEEKDAY:
        for (int i = 0; i < 7; i++)
            (void)add_group(a, weekdays[i]);
        return 0;
    case AUDIENCE_DAY: return make_days(a);
    default: return 0;
    }
}

/* Of very many days those before anybody came say nothing. */
static void trim(struct audience *a)
{
    int empty = 0;
    while (empty < a->n && !a->groups[empty].count.people && !a->groups[empty].before)
        empty++;
    if (a->query.by != AUDIENCE_DAY || a->n <= DAYS_MANY)
        return;
    a->n -= empty;
    memmove(a->groups, a->groups + empty, (size_t)a->n * sizeof(*a->groups));
}

static int64_t between(int64_t low, int64_t us, int64_t high)
{
    return us < low ? low : us > high ? high : us;
}

/* Each day is a group, so days that cannot have had anybody are not for the asking. */
static void take_bounds(struct audience *a, const struct audience_query *query, int64_t now_us)
{
    int64_t first = midnight(now_us, -AUDIENCE_DAYS_MAX), end = midnight(now_us, 1);
    int64_t since_us = query->since_us ? query->since_us : midnight(now_us, 1 - DAYS);
    int64_t until_us = query->until_us ? query->until_us : now_us;
    a->query.since_us = quarter(between(first, since_us, end), false);
    a->query.until_us = quarter(between(a->query.since_us, until_us, end), true);
}

struct audience *audience_ask(
        struct reader *r, const struct audience_query *query, int64_t now_us, struct err *e)
{
    struct audience *a = mem_new(1, sizeof(*a));
    a->query = *query;
    if (query->camera) {
        (void)snprintf(a->camera, sizeof(a->camera), "%s", query->camera);
        a->query.camera = a->camera;
    }
    take_bounds(a, query, now_us);
    a->before_since_us = days_later(a->query.since_us, -7);
    a->before_until_us = days_later(a->query.until_us, -7);
    int64_t first_day = make_groups(a);
    bool names = a->query.by == AUDIENCE_CAMERA;
    struct pass pass = {.a = a, .first_day = first_day, .at_us = -1};
    if (reader_sums(r, a->query.camera, names, a->before_since_us, a->query.until_us, each, &pass,
                e) < 0) {
        audience_free(a);
        return NULL;
    }
    trim(a);
    return a;
}

void audience_free(struct audience *a)
{
    if (!a)
        return;
    free(a->groups);
    free(a);
}

/* ------------------------------------------------------------- telling --- */

int64_t audience_of_age(const struct count *c, int age)
{
    return c->cells[age][SUM_MALE] + c->cells[age][SUM_FEMALE] + c->cells[age][SUM_UNKNOWN];
}

int64_t audience_of_gender(const struct count *c, int gender)
{
    int64_t n = 0;
    for (int i = 0; i <= AGE_RANGES; i++)
        n += c->cells[i][gender];
    return n;
}

double audience_change(const struct audience *a)
{
    return a->before ? (double)(a->total.people - a->before) / (double)a->before : (double)NAN;
}

static const char *age_name(int age)
{
    return age < AGE_RANGES ? age_range_name(age) : "unknown";
}

static json_t *real(double v, double unit)
{
    return isnan(v) ? json_null() : json_real(round(v / unit) * unit);
}

static double stay_s(const struct count *c)
{
    return c->people ? (double)c->stay_us / 1e6 / (double)c->people : (double)NAN;
}

static json_t *moment(int64_t us)
{
    char text[WHEN_TEXT];
    when_format(text, us);
    return json_string(text);
}

static void add_counts(json_t *j, const struct count *c)
{
    json_t *ages = json_object();
    for (int i = 0; i <= AGE_RANGES; i++)
        json_object_set_new(ages, age_name(i), json_integer(audience_of_age(c, i)));
    json_object_set_new(j, "people", json_integer(c->people));
    json_object_set_new(j, "stay_s", real(stay_s(c), 0.1));
    json_object_set_new(j, "ages", ages);
    json_object_set_new(j, "genders",
            json_pack("{s:I, s:I, s:I}", "male", (json_int_t)audience_of_gender(c, SUM_MALE),
                    "female", (json_int_t)audience_of_gender(c, SUM_FEMALE), "unknown",
                    (json_int_t)audience_of_gender(c, SUM_UNKNOWN)));
}

static json_t *by_gender_json(const struct count *c)
{
    json_t *j = json_object();
    for (int i = 0; i <= AGE_RANGES; i++)
        json_object_set_new(j, age_name(i),
                json_pack("{s:I, s:I, s:I}", "male", (json_int_t)c->cells[i][SUM_MALE], "female",
                        (json_int_t)c->cells[i][SUM_FEMALE], "unknown",
                        (json_int_t)c->cells[i][SUM_UNKNOWN]));
    return j;
}

static json_t *groups_json(const struct audience *a)
{
    json_t *list = json_array();
    for (int i = 0; i < a->n; i++) {
        const struct audience_group *g = &a->groups[i];
        json_t *j = json_object();
        json_object_set_new(j, "key", json_string(g->key));
        json_object_set_new(
                j, "from", a->query.by == AUDIENCE_DAY ? moment(g->from_us) : json_null());
        add_counts(j, &g->count);
        json_object_set_new(j, "before", json_integer(g->before));
        json_array_append_new(list, j);
    }
    return list;
}

json_t *audience_json(const struct audience *a)
{
    char zone[64];
    audience_zone(zone);
    json_t *j = json_object();
    json_object_set_new(j, "since", moment(a->query.since_us));
    json_object_set_new(j, "until", moment(a->query.until_us));
    json_object_set_new(j, "time_zone", json_string(zone));
    json_object_set_new(j, "by", json_string(audience_by_names[a->query.by]));
    json_object_set_new(j, "camera", a->query.camera ? json_string(a->camera) : json_null());
    add_counts(j, &a->total);
    json_object_set_new(j, "ages_by_gender", by_gender_json(&a->total));
    json_t *before = json_object();
    json_object_set_new(before, "since", moment(a->before_since_us));
    json_object_set_new(before, "until", moment(a->before_until_us));
    json_object_set_new(before, "people", json_integer(a->before));
    json_object_set_new(before, "change", real(audience_change(a), 0.001));
    json_object_set_new(j, "week_before", before);
    json_object_set_new(j, "groups", groups_json(a));
    return j;
}

void audience_csv(const struct audience *a, FILE *to)
{
    fprintf(to, "%s,people,stay_s,before,male,female,gender_unknown",
            audience_by_names[a->query.by]);
    for (int i = 0; i < AGE_RANGES; i++)
        fprintf(to, ",age_%s", age_range_name(i));
    fputs(",age_unknown\r\n", to);
    for (int i = 0; i < a->n; i++) {
        const struct count *c = &a->groups[i].count;
        csv_field(to, a->groups[i].key);
        fprintf(to, ",%lld,", (long long)c->people);
        if (c->people)
            fprintf(to, "%.1f", stay_s(c));
        fprintf(to, ",%lld", (long long)a->groups[i].before);
        for (int g = 0; g < SUM_GENDERS; g++)
            fprintf(to, ",%lld", (long long)audience_of_gender(c, g));
        for (int age = 0; age <= AGE_RANGES; age++)
            fprintf(to, ",%lld", (long long)audience_of_age(c, age));
        fputs("\r\n", to);
    }
}
