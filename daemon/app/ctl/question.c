#include "app/ctl/question.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/when.h"
#include "conf/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct argp_option options[] = {
        {"config", 'c', "FILE", 0, "The daemon's configuration; default " CTL_CONF_DEFAULT, 0},
        {"db", 'd', "FILE", 0, "The database itself, without a configuration", 0},
        {"format", 'f', "FORMAT", 0, "table, json or csv", 0},
        {"json", 'j', NULL, 0, "The same as --format=json", 0},
        {0},
};

static void parse_format(struct argp_state *state, const char *text, enum format *ret)
{
    static const char *const words[] = {"table", "json", "csv"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = (enum format)i;
            return;
        }
    }
    argp_error(state, "--format %s: expected table, json or csv", text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct question *q = state->input;
    switch (key) {
    case 'c': q->file = arg; break;
    case 'd': q->database = arg; break;
    case 'f': parse_format(state, arg, &q->format); break;
    case 'j': q->format = FORMAT_JSON; break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {.options = options, .parser = parse};
const struct argp_child question_options[] = {{&argp, 0, NULL, 0}, {0}};

void question_time(struct argp_state *state, const char *option, const char *text, int64_t *ret_us)
{
    if (when_parse(text, mono_wall_us(), ret_us) < 0)
        argp_error(state, "--%s %s: expected 1h, 2d, 2026-11-23, '2026-11-23 17:40' or RFC 3339",
                option, text);
}

void question_number(
        struct argp_state *state, const char *option, const char *text, int64_t low, int64_t *ret)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || end == text || *end || n < low)
        argp_error(
                state, "--%s %s: a number from %lld on is expected", option, text, (long long)low);
    *ret = n;
}

struct reader *question_open(
        const char *command, const struct question *q, char **ret_path, int *ret_code)
{
    char *path = q->database ? mem_strdup(q->database) : NULL;
    if (!path) {
        struct conf *conf = ctl_conf(command, q->file);
        if (!conf) {
            *ret_code = CTL_CONFIG;
            return NULL;
        }
        path = mem_strdup(conf->database.path);
        if (conf->privacy.aggregate_only && strcmp(command, "audience") != 0)
            fprintf(stderr,
                    "facectl %s: sums are kept, and nothing about anybody "
                    "(privacy.aggregate_only): nobody new is listed\n",
                    command);
        conf_free(conf);
    }
    struct err e = {0};
    struct reader *r = reader_open(path, &e);
    if (!r)
        *ret_code = ctl_fail(CTL_FAILED, command, "%s", e.text);
    if (r && ret_path)
        *ret_path = path;
    else
        free(path);
    return r;
}
