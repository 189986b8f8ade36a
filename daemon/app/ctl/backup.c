#include "app/ctl/bar.h"
#include "app/ctl/ctl.h"
#include "conf/load.h"
#include "flow/settings.h"
#include "store/copy.h"

#include <jansson.h>
#include <stdio.h>

struct arguments {
    struct ctl_common common;
    const char *to;
    bool force;
};

static const struct argp_option options[] = {
        {"force", 'f', NULL, 0, "Replace FILE if it is there", 0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case 'f': a->force = true; break;
    case ARGP_KEY_ARG:
        if (a->to)
            argp_error(state, "'%s': one FILE is expected", arg);
        a->to = arg;
        break;
    case ARGP_KEY_NO_ARGS: argp_error(state, "the FILE to be made is missing"); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void show(int64_t bytes, int64_t of, void *arg)
{
    struct bar *bar = arg;
    bar->total = of / 1000000;
    bar_show(bar, bytes / 1000000);
}

int ctl_backup(int argc, char **argv)
{
    static const struct argp argp = {
            .options = options,
            .parser = parse,
            .children = ctl_common,
            .args_doc = "FILE",
            .doc = "Copy the database while faced uses it: consistent, for its owner alone, on "
                   "disk when this ends. Pictures are not part of it."
                   "\vTo restore it: stop faced, put FILE in the place of database.path without "
                   "the -wal beside it, give it to faced's user, start faced. The copy begins a "
                   "new epoch then.",
    };
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);
    struct conf *conf = ctl_conf("backup", a.common.file);
    if (!conf)
        return CTL_CONFIG;
    struct err e = {0};
    struct copy_made made;
    struct bar bar = {.what = "MB copied"};
    int r = copy_make(conf->database.path, a.to, a.force, show, &bar, &made, &e);
    bar_clear(&bar);
    conf_free(conf);
    if (r < 0)
        return ctl_fail(CTL_FAILED, "backup", "%s", e.text);
    if (a.common.json) {
        json_t *j = json_pack("{s:s, s:I, s:I}", "file", a.to, "bytes", (json_int_t)made.bytes,
                "records", (json_int_t)made.records);
        json_dumpf(j, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(j);
    } else {
        printf("%s: %lld records, %lld bytes\n", a.to, (long long)made.records,
                (long long)made.bytes);
    }
    return CTL_OK;
}
