/*
 * The answers of the JSON API that come from the database. Each asks through a connection of its
 * own, opened for it: so a database that was replaced is noticed, and no thread keeps one.
 */
#include "app/audience.h"
#include "app/cursor.h"
#include "app/rows.h"
#include "app/web/server.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT     100
#define LIMIT_MAX 1000
#define CSV_MAX   100000
#define CSV       "text/csv; charset=utf-8; header=present"

static const char unreadable[] = "the database cannot be read just now";
static const char aggregate_only[] =
        "sums are kept here, and nothing about anybody (privacy.aggregate_only)";

/* ------------------------------------------------------------- what is asked --- */

/* False: it was refused, with *ret. */
static bool take_time(struct visit *v, const char *name, int64_t *ret_us, enum MHD_Result *ret)
{
    const char *text = visit_query(v, name);
    if (!text || !*text || when_parse(text, mono_wall_us(), ret_us) == 0)
        return true;
    *ret = reply_error(
            v, MHD_HTTP_BAD_REQUEST, "%s: 1h, 2d, a local date or RFC 3339 is expected", name);
    return false;
}

static bool take_number(struct visit *v, const char *name, int64_t low, int64_t high,
        int64_t *ret_n, enum MHD_Result *ret)
{
    const char *text = visit_query(v, name);
    char *end;
    if (!text)
        return true;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (!errno && end != text && !*end && n >= low && n <= high) {
        *ret_n = n;
        return true;
    }
    *ret = reply_error(v, MHD_HTTP_BAD_REQUEST, "%s: a number from %lld to %lld", name,
            (long long)low, (long long)high);
    return false;
}

static const char *given(const struct visit *v, const char *name)
{
    const char *text = visit_query(v, name);
    return text && *text ? text : NULL;
}

static bool is_csv(const struct visit *v)
{
    const char *format = given(v, "format");
    return format && strcmp(format, "csv") == 0;
}

static bool take_format(struct visit *v, enum MHD_Result *ret)
{
    const char *format = given(v, "format");
    if (!format || strcmp(format, "json") == 0 || strcmp(format, "csv") == 0)
        return true;
    *ret = reply_error(v, MHD_HTTP_BAD_REQUEST, "format: json or csv");
    return false;
}

static bool take_filter(struct visit *v, struct face_filter *f, enum MHD_Result *ret)
{
    f->camera = given(v, "camera");
    f->gender = given(v, "gender");
    f->age = given(v, "age");
    f->limit = is_csv(v) ? CSV_MAX : LIMIT;
    if (f->gender && strcmp(f->gender, "male") != 0 && strcmp(f->gender, "female") != 0 &&
            strcmp(f->gender, "unknown") != 0) {
        *ret = reply_error(v, MHD_HTTP_BAD_REQUEST, "gender: male, female or unknown");
        return false;
    }
    if (f->age && age_range_named(f->age) < 0 && strcmp(f->age, "unknown") != 0) {
        *ret = reply_error(v, MHD_HTTP_BAD_REQUEST, "age: one of the eight ranges, or unknown");
        return false;
    }
    return take_format(v, ret) && take_time(v, "since", &f->since_us, ret) &&
           take_time(v, "until", &f->until_us, ret) &&
           take_number(v, "limit", 1, is_csv(v) ? CSV_MAX : LIMIT_MAX, &f->limit, ret);
}

/* NULL: it was answered. */
static struct reader *open_reader(struct visit *v, struct err *e, enum MHD_Result *ret)
{
    struct reader *r = reader_open(v->web->conf->database.path, e);
    if (!r)
        *ret = reply_error(v, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", unreadable);
    return r;
}

/* ------------------------------------------------------------- people --- */

struct listing {
    json_t *list;
    FILE *csv; /* or that */
    const char *epoch;
    int64_t n;
};

static int add_row(const struct face_row *row, void *arg)
{
    struct listing *l = arg;
    l->n++;
    if (l->csv)
        row_csv(l->csv, row, l->epoch);
    else
        json_array_append_new(l->list, row_json(row, l->epoch));
    return 0;
}

/* Reads what the filter says into the answer. epoch NULL: rows are without. */
static enum MHD_Result list(
        struct visit *v, struct reader *r, const struct face_filter *f, const char *epoch)
{
    struct err e = {0};
    char *text = NULL;
    size_t n = 0;
    struct listing l = {.epoch = epoch};
    if (is_csv(v)) {
        l.csv = mem_check(open_memstream(&text, &n));
        row_csv_head(l.csv, epoch != NULL);
    } else {
        l.list = json_array();
    }
    int failed = reader_faces(r, f, add_row, &l, &e);
    if (l.csv)
        (void)fclose(l.csv);
    if (failed < 0) {
        free(text);
        json_decref(l.list);
        return reply_error(v, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", unreadable);
    }
    bool empty = v->web->conf->privacy.aggregate_only && l.n == 0;
    if (text && empty) { /* a table has no room for the reason */
        free(text);
        return reply_error(v, MHD_HTTP_FORBIDDEN, "%s", aggregate_only);
    }
    if (text)
        return reply_text(v, MHD_HTTP_OK, CSV, text, n);
    return reply_json(v, MHD_HTTP_OK,
            json_pack("{s:o, s:s?}", "faces", l.list, "why", empty ? aggregate_only : NULL));
}

enum MHD_Result get_faces(struct visit *v)
{
    struct face_filter f = {.newest_first = true};
    enum MHD_Result answered;
    struct err e = {0};
    if (!take_filter(v, &f, &answered))
        return answered;
    struct reader *r = open_reader(v, &e, &answered);
    if (r)
        answered = list(v, r, &f, NULL);
    reader_close(r);
    return answered;
}

/* From where the cursor says. That it was another database's is told by the rows' epoch. */
static enum MHD_Result list_from(struct visit *v, struct reader *r, struct face_filter *f)
{
    struct err e = {0};
    char epoch[UUID_TEXT];
    int judged = cursor_judge(r, visit_query(v, "epoch"), &f->after_seq, epoch, &e);
    if (judged == -ERANGE)
        return reply_error(v, MHD_HTTP_CONFLICT, "%s", e.text);
    if (judged < 0)
        return reply_error(v, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", unreadable);
    return list(v, r, f, epoch);
}

enum MHD_Result get_export(struct visit *v)
{
    struct face_filter f = {.by_seq = true, .limit = LIMIT_MAX, .after_seq = -1};
    enum MHD_Result answered;
    struct err e = {0};
    if (!take_format(v, &answered) ||
            !take_number(v, "after", 0, INT64_MAX, &f.after_seq, &answered) ||
            !take_number(v, "limit", 1, CSV_MAX, &f.limit, &answered))
        return answered;
    if (f.after_seq < 0)
        return reply_error(v, MHD_HTTP_BAD_REQUEST, "after: the last seq that you have, or 0");
    struct reader *r = open_reader(v, &e, &answered);
    if (r) {
        reader_hold(r);
        answered = list_from(v, r, &f);
        reader_release(r);
    }
    reader_close(r);
    return answered;
}

enum MHD_Result get_events(struct visit *v)
{
    if (v->web->conf->privacy.aggregate_only)
        return reply_error(v, MHD_HTTP_FORBIDDEN, "%s", aggregate_only);
    struct MHD_Response *r = news_listen(v->web->links.news, v->connection, &v->web->closing);
    if (!r)
        return reply_wait(v, MHD_HTTP_SERVICE_UNAVAILABLE, 5, "too many listen already");
    (void)MHD_add_response_header(r, "X-Accel-Buffering", "no"); /* a proxy is not to collect it */
    return reply_response(v, MHD_HTTP_OK, "text/event-stream", r);
}

/* ------------------------------------------------------------- the audience --- */

static bool take_query(struct visit *v, struct audience_query *q, enum MHD_Result *ret)
{
    const char *by = given(v, "by");
    int named = by ? audience_by_named(by) : AUDIENCE_DAY;
    q->camera = given(v, "camera");
    if (named < 0) {
        *ret = reply_error(v, MHD_HTTP_BAD_REQUEST, "by: hour, day, weekday or camera");
        return false;
    }
    q->by = (enum audience_by)named;
    return take_format(v, ret) && take_time(v, "since", &q->since_us, ret) &&
           take_time(v, "until", &q->until_us, ret);
}

enum MHD_Result get_audience(struct visit *v)
{
    struct audience_query q = {0};
    enum MHD_Result answered;
    struct err e = {0};
    if (!take_query(v, &q, &answered))
        return answered;
    struct reader *r = open_reader(v, &e, &answered);
    if (!r)
        return answered;
    struct audience *a = audience_ask(r, &q, mono_wall_us(), &e);
    reader_close(r);
    if (!a)
        return reply_error(v, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", unreadable);
    if (is_csv(v)) {
        char *text = NULL;
        size_t n = 0;
        FILE *to = mem_check(open_memstream(&text, &n));
        audience_csv(a, to);
        (void)fclose(to);
        answered = reply_text(v, MHD_HTTP_OK, CSV, text, n);
    } else {
        answered = reply_json(v, MHD_HTTP_OK, audience_json(a));
    }
    audience_free(a);
    return answered;
}
