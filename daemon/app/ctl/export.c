#include "app/ctl/ctl.h"
#include "app/ctl/question.h"
#include "app/cursor.h"
#include "app/rows.h"

#include <stdio.h>

struct arguments {
    struct question question;
    struct face_filter filter;
    const char *epoch; /* the database to which after_seq belongs; NULL: not said */
};

static const struct argp_option options[] = {
        {"after", 'a', "SEQ", 0, "Those with a higher seq: the last one that you have, or 0", 0},
        {"epoch", 'e', "EPOCH", 0, "Whose seq that is: another database is read from 0", 0},
        {"limit", 'n', "N", 0, "At most N", 0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->question; break;
    case 'a': question_number(state, "after", arg, 0, &a->filter.after_seq); break;
    case 'e': a->epoch = arg; break;
    case 'n': question_number(state, "limit", arg, 1, &a->filter.limit); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is expected", arg); break;
    case ARGP_KEY_END:
        if (a->filter.after_seq < 0)
            argp_error(state, "--after is needed: the last seq that you have, or 0");
        if (a->question.format == FORMAT_TABLE)
            argp_error(state, "--format table: expected json or csv");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int print_json(const struct face_row *row, void *arg)
{
    json_t *j = row_json(row, arg);
    json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(j);
    return 0;
}

static int print_csv(const struct face_row *row, void *arg)
{
    row_csv(stdout, row, arg);
    return 0;
}

int ctl_export(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .children = question_options,
            .doc = "The people who have left, in the order of seq, for another database: epoch and "
                   "seq are where to go on from. A line of JSON for each, or CSV."};
    struct arguments a = {
            .question.format = FORMAT_JSON, .filter = {.by_seq = true, .after_seq = -1}};
    ctl_parse(&argp, argc, argv, &a);
    struct err e = {0};
    char epoch[UUID_TEXT];
    int code;
    struct reader *r = question_open("export", &a.question, NULL, &code);
    if (!r)
        return code;
    reader_hold(r);
    int result = cursor_judge(r, a.epoch, &a.filter.after_seq, epoch, &e);
    if (result == CURSOR_BEGINS)
        fprintf(stderr, "facectl export: the database is another one (%s): read from 0\n", epoch);
    bool csv = a.question.format == FORMAT_CSV;
    if (result >= 0 && csv)
        row_csv_head(stdout, true);
    if (result >= 0)
        result = reader_faces(r, &a.filter, csv ? print_csv : print_json, epoch, &e);
    reader_release(r);
    reader_close(r);
    return result < 0 ? ctl_fail(CTL_FAILED, "export", "%s", e.text) : CTL_OK;
}
