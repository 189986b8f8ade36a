#include "app/ctl/ctl.h"
#include "app/ctl/question.h"
#include "app/ctl/table.h"
#include "app/rows.h"
#include "base/when.h"
#include "flow/age.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FOLLOW_LATEST 10  /* as tail -f */
#define FOLLOW_MS     250 /* between two looks */

struct arguments {
    struct question question;
    struct face_filter filter;
    bool follow;
};

static const struct argp_option options[] = {
        {"camera", 'C', "NAME", 0, "Only of this camera", 0},
        {"since", 's', "T", 0, "Who came at T or later: 1h, 2d, a local date, RFC 3339", 0},
        {"until", 'u', "T", 0, "Who came before T", 0},
        {"gender", 'g', "G", 0, "male, female or unknown", 0},
        {"age", 'a', "RANGE", 0, "0-2 4-6 8-12 15-20 25-32 38-43 48-53 60-100 or unknown", 0},
        {"limit", 'n', "N", 0, "Only the latest N", 0},
        {"follow", 'F', NULL, 0, "Go on, with each person who leaves, until Ctrl-C", 0},
        {0},
};

static bool is_gender(const char *text)
{
    return strcmp(text, "male") == 0 || strcmp(text, "female") == 0 || strcmp(text, "unknown") == 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->question; break;
    case 'C': a->filter.camera = arg; break;
    case 'F': a->follow = true; break;
    case 's': question_time(state, "since", arg, &a->filter.since_us); break;
    case 'u': question_time(state, "until", arg, &a->filter.until_us); break;
    case 'n': question_number(state, "limit", arg, 1, &a->filter.limit); break;
    case 'g':
        if (!is_gender(arg))
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

/* ------------------------------------------------------------- rows --- */

#define CELL 40
enum {
    CAME,
    CAMERA,
    STAYED,
    AGE,
    GENDER,
    FACE,
    END,
    CELLS,
};
static const char *const titles[CELLS] = {
        "CAME", "CAMERA", ">STAYED", "AGE", "GENDER", ">FACE", "END"};
/* Who follows does not know how wide the cells to come are. */
static const int widths[CELLS] = {19, 12, 10, 25, 25, 7, 0};

/* The answer with its certainty, or "unknown" with the reason. */
static void answer(char dst[CELL], const char *value, double probability, const char *unknown)
{
    if (!value)
        (void)snprintf(dst, CELL, "unknown: %s", unknown ? unknown : "");
    else if (isnan(probability))
        (void)snprintf(dst, CELL, "%s", value);
    else
        (void)snprintf(dst, CELL, "%s (%.0f%%)", value, probability * 100);
}

static void fill(const struct face_row *row, char cells[CELLS][CELL])
{
    char start[WHEN_TEXT];
    when_format_local(start, row->start_us);
    (void)snprintf(cells[CAME], CELL, "%s", start);
    (void)snprintf(cells[CAMERA], CELL, "%s", row->camera);
    if (row->end_us)
        (void)snprintf(cells[STAYED], CELL, "%.1f s", row->duration_s);
    else
        (void)snprintf(cells[STAYED], CELL, "still there");
    answer(cells[AGE], row->age_range, row->age_probability, row->age_unknown);
    answer(cells[GENDER], row->gender, row->gender_probability, row->gender_unknown);
    (void)snprintf(cells[FACE], CELL, "%lld px", (long long)row->width_px);
    (void)snprintf(cells[END], CELL, "%s", row->end_reason ? row->end_reason : "");
}

static int add_row(const struct face_row *row, void *arg)
{
    char cells[CELLS][CELL];
    fill(row, cells);
    for (int i = 0; i < CELLS; i++)
        table_add(arg, "%s", cells[i]);
    return 0;
}

static void print_cells(const char *const cells[CELLS])
{
    for (int i = 0; i < CELLS; i++) {
        bool right = titles[i][0] == '>';
        printf("%*s%s", right ? widths[i] : -widths[i], cells[i], i + 1 < CELLS ? "  " : "\n");
    }
}

static int print_row(const struct face_row *row, void *arg)
{
    char cells[CELLS][CELL];
    const char *texts[CELLS];
    (void)arg;
    fill(row, cells);
    for (int i = 0; i < CELLS; i++)
        texts[i] = cells[i];
    print_cells(texts);
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

static int list(struct reader *r, const struct arguments *a, struct err *e)
{
    if (a->question.format == FORMAT_JSON)
        return reader_faces(r, &a->filter, print_json, NULL, e);
    if (a->question.format == FORMAT_CSV) {
        row_csv_head(stdout, false);
        return reader_faces(r, &a->filter, print_csv, NULL, e);
    }
    struct table *t = table_new(titles, CELLS);
    int result = reader_faces(r, &a->filter, add_row, t, e);
    if (result == 0)
        table_print(t);
    table_free(t);
    return result;
}

/* ------------------------------------------------------------- following --- */

struct follower {
    const char *path;
    struct reader *reader;
    struct stat file;
    char epoch[UUID_TEXT];
    struct face_filter filter;
    int (*print)(const struct face_row *row, void *arg);
};

static int keep_seq(const struct face_row *row, void *arg)
{
    struct follower *f = arg;
    if (row->seq > f->filter.after_seq)
        f->filter.after_seq = row->seq;
    return f->print(row, NULL);
}

/* Only those who have left: so each comes once. */
static int print_left(const struct face_row *row, void *arg)
{
    return row->seq ? keep_seq(row, arg) : 0;
}

static void print_titles(enum format format)
{
    const char *texts[CELLS];
    for (int i = 0; i < CELLS; i++)
        texts[i] = titles[i] + (titles[i][0] == '>');
    if (format == FORMAT_CSV)
        row_csv_head(stdout, false);
    else if (format == FORMAT_TABLE)
        print_cells(texts);
}

/* What was before, and where to go on from: both as they were at one moment. */
static int begin(struct follower *f, const struct arguments *a, struct err *e)
{
    struct face_filter before = a->filter;
    int64_t last = 0;
    if (!before.limit && !before.since_us)
        before.limit = FOLLOW_LATEST;
    reader_hold(f->reader);
    int r = reader_last_seq(f->reader, &last, e);
    reader_epoch(f->reader, f->epoch);
    if (r == 0)
        r = reader_faces(f->reader, &before, print_left, f, e);
    reader_release(f->reader);
    if (last > f->filter.after_seq)
        f->filter.after_seq = last;
    return r;
}

/* Another file under the same name: a daemon that found the old one damaged, or an operator. */
static int look_at_file(struct follower *f, struct err *e)
{
    struct stat now;
    if (stat(f->path, &now) < 0 || (now.st_ino == f->file.st_ino && now.st_dev == f->file.st_dev))
        return 0;
    struct reader *r = reader_open(f->path, e);
    if (!r) /* it may be just in the making */
        return 0;
    char epoch[UUID_TEXT];
    reader_close(f->reader);
    f->reader = r;
    f->file = now;
    reader_epoch(r, epoch);
    if (strcmp(epoch, f->epoch) != 0)
        f->filter.after_seq = 0;
    memcpy(f->epoch, epoch, sizeof(epoch));
    return 0;
}

/* f takes over the reader. */
static int follow(struct follower *f, const struct arguments *a, struct err *e)
{
    sigset_t signals;
    const struct timespec turn = {0, FOLLOW_MS * INT64_C(1000000)};
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    print_titles(a->question.format);
    int r = begin(f, a, e);
    while (r == 0) {
        if (fflush(stdout) != 0 || sigtimedwait(&signals, NULL, &turn) > 0)
            break;
        r = look_at_file(f, e);
        if (r == 0)
            r = reader_faces(f->reader, &f->filter, keep_seq, f, e);
    }
    reader_close(f->reader);
    return r;
}

int ctl_events(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .children = question_options,
            .doc = "List the people seen, in the order in which they came."};
    static int (*const printers[])(const struct face_row *row, void *arg) = {
            [FORMAT_TABLE] = print_row, [FORMAT_JSON] = print_json, [FORMAT_CSV] = print_csv};
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);

    struct err e = {0};
    char *path = NULL;
    int code, result;
    struct reader *r = question_open("events", &a.question, &path, &code);
    if (!r)
        return code;
    if (a.follow) {
        struct follower f = {.path = path,
                .reader = r,
                .filter = a.filter,
                .print = printers[a.question.format]};
        f.filter.by_seq = true;
        f.filter.limit = 0;
        (void)stat(path, &f.file);
        result = follow(&f, &a, &e);
    } else {
        result = list(r, &a, &e);
        reader_close(r);
    }
    free(path);
    return result < 0 ? ctl_fail(CTL_FAILED, "events", "%s", e.text) : CTL_OK;
}
