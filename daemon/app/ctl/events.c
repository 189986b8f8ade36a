#include "app/ctl/ctl.h"
#include "app/ctl/table.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/when.h"
#include "conf/load.h"
#include "flow/age.h"
#include "flow/settings.h"
#include "store/reader.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum format {
    FORMAT_TABLE,
    FORMAT_JSON,
    FORMAT_CSV,
};

struct arguments {
    const char *file, *database;
    enum format format;
    struct face_filter filter;
};

static const struct argp_option options[] = {
        {"config", 'c', "FILE", 0, "The daemon's configuration; default " CTL_CONF_DEFAULT, 0},
        {"db", 'd', "FILE", 0, "The database itself, without a configuration", 0},
        {"camera", 'C', "NAME", 0, "Only of this camera", 0},
        {"since", 's', "T", 0, "Who came at T or later: 1h, 2d, a local date, RFC 3339", 0},
        {"until", 'u', "T", 0, "Who came before T", 0},
        {"gender", 'g', "G", 0, "male, female or unknown", 0},
        {"age", 'a', "RANGE", 0, "0-2 4-6 8-12 15-20 25-32 38-43 48-53 60-100 or unknown", 0},
        {"limit", 'n', "N", 0, "Only the latest N", 0},
        {"format", 'f', "FORMAT", 0, "table (default), json (a line each) or csv", 0},
        {0},
};

static void parse_time(struct argp_state *state, const char *option, const char *text, int64_t *ret)
{
    if (when_parse(text, mono_wall_us(), ret) < 0)
        argp_error(state, "--%s %s: expected 1h, 2d, 2026-11-23, '2026-11-23 17:40' or RFC 3339",
                option, text);
}

static int one_of(const char *text, const char *const *words)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0)
            return i;
    }
    return -1;
}

static void parse_format(struct argp_state *state, const char *text, enum format *ret)
{
    static const char *const words[] = {"table", "json", "csv", NULL};
    int i = one_of(text, words);
    if (i < 0)
        argp_error(state, "--format %s: expected table, json or csv", text);
    else
        *ret = (enum format)i;
}

static void parse_limit(struct argp_state *state, const char *text, int64_t *ret)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || end == text || *end || n < 1)
        argp_error(state, "--limit %s: a number from 1 on is expected", text);
    *ret = n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    static const char *const genders[] = {"male", "female", "unknown", NULL};
    struct arguments *a = state->input;
    switch (key) {
    case 'c': a->file = arg; break;
    case 'd': a->database = arg; break;
    case 'C': a->filter.camera = arg; break;
    case 's': parse_time(state, "since", arg, &a->filter.since_us); break;
    case 'u': parse_time(state, "until", arg, &a->filter.until_us); break;
    case 'n': parse_limit(state, arg, &a->filter.limit); break;
    case 'f': parse_format(state, arg, &a->format); break;
    case 'g':
        if (one_of(arg, genders) < 0)
            argp_error(state, "--gender %s: expected male, female or unknown", arg);
        a->filter.gender = arg;
        break;
    case 'a':
        if (age_range_named(arg) < 0 && strcmp(arg, "unknown") != 0)
            argp_error(state,
                    "--age %s: expected one of 0-2 4-6 8-12 15-20 25-32 38-43 48-53 "
                    "60-100 or unknown",
                    arg);
        a->filter.age = arg;
        break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ------------------------------------------------------------- JSON and CSV --- */

/* The columns of the view `faces`, in its order; both formats are made from this one list. */
enum column_type {
    COLUMN_TEXT,
    COLUMN_INTEGER,
    COLUMN_REAL,
};

#define NULL_IS_ZERO 1 /* 0 stands for NULL */
#define AT(field)    offsetof(struct face_row, field)
static const struct {
    const char *name;
    enum column_type type;
    size_t offset;
    unsigned flags;
} columns[] = {
        {"id", COLUMN_TEXT, AT(id), 0},
        {"seq", COLUMN_INTEGER, AT(seq), NULL_IS_ZERO},
        {"node", COLUMN_TEXT, AT(node), 0},
        {"camera", COLUMN_TEXT, AT(camera), 0},
        {"start_time", COLUMN_TEXT, AT(start_time), 0},
        {"end_time", COLUMN_TEXT, AT(end_time), 0},
        {"start_us", COLUMN_INTEGER, AT(start_us), 0},
        {"end_us", COLUMN_INTEGER, AT(end_us), NULL_IS_ZERO},
        {"duration_s", COLUMN_REAL, AT(duration_s), 0},
        {"end_reason", COLUMN_TEXT, AT(end_reason), 0},
        {"age_years", COLUMN_REAL, AT(age_years), 0},
        {"age_range", COLUMN_TEXT, AT(age_range), 0},
        {"age_probability", COLUMN_REAL, AT(age_probability), 0},
        {"age_unknown", COLUMN_TEXT, AT(age_unknown), 0},
        {"gender", COLUMN_TEXT, AT(gender), 0},
        {"gender_probability", COLUMN_REAL, AT(gender_probability), 0},
        {"gender_unknown", COLUMN_TEXT, AT(gender_unknown), 0},
        {"samples", COLUMN_INTEGER, AT(samples), 0},
        {"score", COLUMN_REAL, AT(score), 0},
        {"box_x", COLUMN_REAL, AT(box_x), 0},
        {"box_y", COLUMN_REAL, AT(box_y), 0},
        {"box_w", COLUMN_REAL, AT(box_w), 0},
        {"box_h", COLUMN_REAL, AT(box_h), 0},
        {"width_px", COLUMN_INTEGER, AT(width_px), 0},
        {"detector", COLUMN_TEXT, AT(detector), 0},
        {"attributes", COLUMN_TEXT, AT(attributes), 0},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* A new reference: the column's value, null for NULL. */
static json_t *column_json(const struct face_row *row, size_t i)
{
    const char *at = (const char *)row + columns[i].offset;
    switch (columns[i].type) {
    case COLUMN_TEXT: {
        const char *s = *(const char *const *)at;
        return s ? json_string(s) : json_null();
    }
    case COLUMN_INTEGER: {
        int64_t n = *(const int64_t *)at;
        return n == 0 && (columns[i].flags & NULL_IS_ZERO) ? json_null() : json_integer(n);
    }
    case COLUMN_REAL: break;
    }
    double d = *(const double *)at;
    return isnan(d) ? json_null() : json_real(d);
}

static int print_json(const struct face_row *row, void *arg)
{
    (void)arg;
    json_t *j = json_object();
    for (size_t i = 0; i < COLUMNS; i++)
        json_object_set_new(j, columns[i].name, column_json(row, i));
    json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(j);
    return 0;
}

/* RFC 4180: no value here holds a comma, a quote or a line's end but what a stranger's database
 * may have put there, so text is quoted where it must be. */
static void print_field(const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, stdout);
        return;
    }
    putchar('"');
    for (; *s; s++) {
        if (*s == '"')
            putchar('"');
        putchar(*s);
    }
    putchar('"');
}

static void print_csv_head(void)
{
    for (size_t i = 0; i < COLUMNS; i++)
        printf("%s%s", i ? "," : "", columns[i].name);
    fputs("\r\n", stdout);
}

static int print_csv(const struct face_row *row, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (i)
            putchar(',');
        json_t *j = column_json(row, i);
        if (json_is_string(j))
            print_field(json_string_value(j));
        else if (json_is_integer(j))
            printf("%lld", (long long)json_integer_value(j));
        else if (json_is_real(j))
            printf("%.15g", json_real_value(j));
        json_decref(j);
    }
    fputs("\r\n", stdout);
    return 0;
}

/* ------------------------------------------------------------- the table --- */

/* The answer with its certainty, or "unknown" with the reason. */
static void add_answer(struct table *t, const char *value, double probability, const char *unknown)
{
    if (!value)
        table_add(t, "unknown: %s", unknown ? unknown : "");
    else if (isnan(probability))
        table_add(t, "%s", value);
    else
        table_add(t, "%s (%.0f%%)", value, probability * 100);
}

static int add_row(const struct face_row *row, void *arg)
{
    struct table *t = arg;
    char start[WHEN_TEXT];
    when_format_local(start, row->start_us);
    table_add(t, "%s", start);
    table_add(t, "%s", row->camera);
    if (row->end_us)
        table_add(t, "%.1f s", row->duration_s);
    else
        table_add(t, "still there");
    add_answer(t, row->age_range, row->age_probability, row->age_unknown);
    add_answer(t, row->gender, row->gender_probability, row->gender_unknown);
    table_add(t, "%lld px", (long long)row->width_px);
    table_add(t, "%s", row->end_reason ? row->end_reason : "");
    return 0;
}

static int print_events(struct reader *r, const struct arguments *a, struct err *e)
{
    static const char *const titles[] = {
            "CAME", "CAMERA", ">STAYED", "AGE", "GENDER", ">FACE", "END"};
    if (a->format == FORMAT_JSON)
        return reader_faces(r, &a->filter, print_json, NULL, e);
    if (a->format == FORMAT_CSV) {
        print_csv_head();
        return reader_faces(r, &a->filter, print_csv, NULL, e);
    }
    struct table *t = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    int result = reader_faces(r, &a->filter, add_row, t, e);
    if (result == 0)
        table_print(t);
    table_free(t);
    return result;
}

int ctl_events(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .doc = "List the people seen, in the order in which they came."};
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);

    char *path = a.database ? mem_strdup(a.database) : NULL;
    if (!path) {
        struct conf *conf = ctl_conf("events", a.file);
        if (!conf)
            return CTL_CONFIG;
        path = mem_strdup(conf->database.path);
        if (conf->privacy.aggregate_only)
            fputs("facectl events: sums are kept, and nothing about anybody "
                  "(privacy.aggregate_only): nobody new is listed\n",
                    stderr);
        conf_free(conf);
    }
    struct err e = {0};
    struct reader *r = reader_open(path, &e);
    int result = r ? print_events(r, &a, &e) : -1;
    reader_close(r);
    free(path);
    return result < 0 ? ctl_fail(CTL_FAILED, "events", "%s", e.text) : CTL_OK;
}
