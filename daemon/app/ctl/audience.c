#include "app/audience.h"

#include "app/ctl/ctl.h"
#include "app/ctl/question.h"
#include "app/ctl/table.h"
#include "base/mono.h"
#include "base/when.h"

#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BAR_CELLS 24
#define LABEL     (NAME_SIZE + 8) /* a key and a weekday */

struct arguments {
    struct question question;
    struct audience_query query;
};

static const struct argp_option options[] = {
        {"by", 'b', "WHAT", 0, "hour (of the day), day (default), weekday or camera", 0},
        {"camera", 'C', "NAME", 0, "Only of this camera", 0},
        {"since", 's', "T", 0, "Who came at T or later: 1h, 2d, a local date, RFC 3339", 0},
        {"until", 'u', "T", 0, "Who came before T", 0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    int by;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->question; break;
    case 'C': a->query.camera = arg; break;
    case 's': question_time(state, "since", arg, &a->query.since_us); break;
    case 'u': question_time(state, "until", arg, &a->query.until_us); break;
    case 'b':
        by = audience_by_named(arg);
        if (by < 0)
            argp_error(state, "--by %s: expected hour, day, weekday or camera", arg);
        a->query.by = (enum audience_by)by;
        break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ------------------------------------------------------------- for a person --- */

/* As long as its share of the most, in eighths of a cell where the terminal has such letters. */
static void bar(char *dst, size_t size, int64_t n, int64_t most)
{
    static const char *const parts[] = {"", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
            "\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89"};
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    int eighths = most > 0 ? (int)((n * BAR_CELLS * 8 + most - 1) / most) : 0;
    size_t at = 0;
    dst[0] = '\0';
    for (int i = 0; i < eighths / 8 && at < size; i++)
        at += (size_t)snprintf(dst + at, size - at, "%s", utf8 ? "\xe2\x96\x88" : "#");
    if (at < size)
        (void)snprintf(dst + at, size - at, "%s",
                utf8          ? parts[eighths % 8]
                : eighths % 8 ? "#"
                              : "");
}

static void print_head(const struct audience *a)
{
    char since[WHEN_TEXT], until[WHEN_TEXT];
    when_format_local(since, a->query.since_us);
    when_format_local(until, a->query.until_us);
    printf("%lld %s came from %.16s to %.16s%s%s", (long long)a->total.people,
            a->total.people == 1 ? "person" : "people", since, until, a->query.camera ? " at " : "",
            a->query.camera ? a->query.camera : "");
    double change = audience_change(a);
    if (!isnan(change))
        printf(", %.0f %% %s than the week before (%lld)", fabs(change) * 100,
                change < 0 ? "fewer" : "more", (long long)a->before);
    else
        printf(", nobody the week before");
    if (a->total.people)
        printf("; they stayed %.0f s on average",
                (double)a->total.stay_us / 1e6 / (double)a->total.people);
    fputs("\n\n", stdout);
}

static const char *label(const struct audience *a, const struct audience_group *g, char dst[LABEL])
{
    if (a->query.by == AUDIENCE_HOUR) {
        (void)snprintf(dst, LABEL, "%02d:00", atoi(g->key));
        return dst;
    }
    if (a->query.by != AUDIENCE_DAY)
        return g->key;
    struct tm tm = {.tm_isdst = -1};
    char day[8] = "";
    if (strptime(g->key, "%Y-%m-%d", &tm))
        (void)strftime(day, sizeof(day), "%a", &tm);
    (void)snprintf(dst, LABEL, "%s %s", g->key, day);
    return dst;
}

static void print_groups(const struct audience *a)
{
    static const char *const first[] = {"HOUR", "DAY", "WEEKDAY", "CAMERA"};
    const char *const titles[] = {
            first[a->query.by], ">CAME", ">BEFORE", ">STAYED", ">MALE", ">FEMALE", ""};
    struct table *t = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    int64_t most = 0;
    char text[LABEL], cells[BAR_CELLS * 4];
    for (int i = 0; i < a->n; i++)
        most = a->groups[i].count.people > most ? a->groups[i].count.people : most;
    for (int i = 0; i < a->n; i++) {
        const struct audience_group *g = &a->groups[i];
        const struct count *c = &g->count;
        table_add(t, "%s", label(a, g, text));
        table_add(t, "%lld", (long long)c->people);
        table_add(t, "%lld", (long long)g->before);
        if (c->people)
            table_add(t, "%.0f s", (double)c->stay_us / 1e6 / (double)c->people);
        else
            table_add(t, "%s", "");
        table_add(t, "%lld", (long long)audience_of_gender(c, SUM_MALE));
        table_add(t, "%lld", (long long)audience_of_gender(c, SUM_FEMALE));
        bar(cells, sizeof(cells), c->people, most);
        table_add(t, "%s", cells);
    }
    table_print(t);
    table_free(t);
}

static void print_ages(const struct audience *a)
{
    static const char *const titles[] = {"AGE", ">MALE", ">FEMALE", ">UNKNOWN", ">ALL", ""};
    struct table *t = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    int64_t most = 0;
    char cells[BAR_CELLS * 4];
    for (int i = 0; i <= AGE_RANGES; i++)
        most = audience_of_age(&a->total, i) > most ? audience_of_age(&a->total, i) : most;
    for (int i = 0; i <= AGE_RANGES; i++) {
        table_add(t, "%s", i < AGE_RANGES ? age_range_name(i) : "unknown");
        for (int g = 0; g < SUM_GENDERS; g++)
            table_add(t, "%lld", (long long)a->total.cells[i][g]);
        table_add(t, "%lld", (long long)audience_of_age(&a->total, i));
        bar(cells, sizeof(cells), audience_of_age(&a->total, i), most);
        table_add(t, "%s", cells);
    }
    putchar('\n');
    table_print(t);
    table_free(t);
}

static void print(const struct audience *a, enum format format)
{
    if (format == FORMAT_CSV) {
        audience_csv(a, stdout);
    } else if (format == FORMAT_JSON) {
        json_t *j = audience_json(a);
        json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        putchar('\n');
        json_decref(j);
    } else {
        print_head(a);
        print_groups(a);
        print_ages(a);
    }
}

int ctl_audience(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .children = question_options,
            .doc = "How many people came, of which age and gender, how long they stayed, and how "
                   "that compares with the week before. Without --since the last seven days. Who "
                   "is still there is not counted; times are taken as whole quarters of an hour."};
    struct arguments a = {.query.by = AUDIENCE_DAY};
    ctl_parse(&argp, argc, argv, &a);
    struct err e = {0};
    int code;
    struct reader *r = question_open("audience", &a.question, NULL, &code);
    if (!r)
        return code;
    struct audience *found = audience_ask(r, &a.query, mono_wall_us(), &e);
    reader_close(r);
    if (!found)
        return ctl_fail(CTL_FAILED, "audience", "%s", e.text);
    print(found, a.question.format);
    audience_free(found);
    return CTL_OK;
}
