#include "app/ctl/ctl.h"
#include "app/ctl/table.h"
#include "app/rows.h"
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

static int print_json(const struct face_row *row, void *arg)
{
    (void)arg;
    json_t *j = row_json(row, NULL);
    json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(j);
    return 0;
}

static int print_csv(const struct face_row *row, void *arg)
{
    (void)arg;
    row_csv(stdout, row, NULL);
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
        row_csv_head(stdout, false);
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
