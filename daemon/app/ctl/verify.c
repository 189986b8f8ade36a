#include "store/verify.h"
#include "app/ctl/ctl.h"
#include "base/mem.h"
#include "conf/load.h"
#include "flow/settings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct arguments {
    struct ctl_common common;
    const char *database;
};

static const struct argp_option options[] = {
        {"db", 'd', "FILE", 0, "The database itself, without a configuration", 0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case 'd': a->database = arg; break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void print_finding(const char *finding, void *arg)
{
    (void)arg;
    puts(finding);
}

static void add_finding(const char *finding, void *arg)
{
    json_t *text = json_string(finding);
    json_array_append_new(arg, text ? text : json_string("?"));
}

static int say(const struct arguments *a, const char *path)
{
    struct err e = {0};
    json_t *list = json_array();
    int n = a->common.json ? verify(path, add_finding, list, &e)
                           : verify(path, print_finding, NULL, &e);
    if (n >= 0 && a->common.json) {
        json_t *j = json_object();
        json_object_set_new(j, "database", json_string(path));
        json_object_set_new(j, "sound", json_boolean(n == 0));
        json_object_set(j, "findings", list);
        json_dumpf(j, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(j);
    } else if (n == 0) {
        printf("%s is sound\n", path);
    }
    json_decref(list);
    if (n < 0)
        return ctl_fail(CTL_FAILED, "verify", "%s", e.text);
    return n == 0 ? CTL_OK : CTL_FAILED;
}

int ctl_verify(int argc, char **argv)
{
    static const struct argp argp = {
            .options = options,
            .parser = parse,
            .children = ctl_common,
            .doc = "Look through the database and what belongs to it, also while faced uses it: "
                   "a line for each thing that is not as it must be.",
    };
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);
    char *path = a.database ? mem_strdup(a.database) : NULL;
    if (!path) {
        struct conf *conf = ctl_conf("verify", a.common.file);
        if (!conf)
            return CTL_CONFIG;
        path = mem_strdup(conf->database.path);
        conf_free(conf);
    }
    int code = say(&a, path);
    free(path);
    return code;
}
