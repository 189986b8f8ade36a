#include "app/control.h"
#include "app/ctl/ctl.h"
#include "app/ctl/table.h"
#include "base/when.h"
#include "conf/load.h"
#include "flow/settings.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 5000

struct arguments {
    struct ctl_common common;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const char *text(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s ? s : "";
}

static long long number(const json_t *j, const char *key)
{
    return (long long)json_number_value(json_object_get(j, key));
}

static void print_head(const json_t *j)
{
    char up[WHEN_TEXT];
    when_format_span(up, number(j, "uptime_s"));
    printf("faced %s on %s, process %lld, up %s, %lld MB\n", text(j, "version"), text(j, "node"),
            number(j, "pid"), up, number(j, "rss_bytes") / 1000000);

    const json_t *broker = json_object_get(j, "broker");
    if (json_is_null(broker))
        printf("broker: none configured\n");
    else if (json_is_true(json_object_get(broker, "connected")))
        printf("broker: %s, connected since %s\n", text(broker, "url"), text(broker, "since"));
    else
        printf("broker: %s, NOT connected since %s\n", text(broker, "url"), text(broker, "since"));
    if (number(j, "outbox_waiting"))
        printf("outbox: %lld messages wait\n", number(j, "outbox_waiting"));
    const json_t *database = json_object_get(j, "database");
    printf("database: %s\n", text(database, "path"));
    if (number(j, "records_lost"))
        printf("records lost: %lld\n", number(j, "records_lost"));
    putchar('\n');
}

static void print_cameras(const json_t *cameras)
{
    static const char *const titles[] = {
            "CAMERA", "STATE", ">FOR", ">PEOPLE", ">FPS", ">LOST", "FORMAT", "DECODER"};
    struct table *t = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    const char *name;
    json_t *c;
    json_object_foreach((json_t *)cameras, name, c)
    {
        char since[WHEN_TEXT];
        when_format_span(since, number(c, "for_s"));
        table_add(t, "%s", name);
        bool asleep = json_is_true(json_object_get(c, "asleep"));
        table_add(t, "%s%s", text(c, "state"), asleep ? ", asleep" : "");
        table_add(t, "%s", since);
        table_add(t, "%lld", number(c, "people"));
        table_add(t, "%.1f", json_number_value(json_object_get(c, "process_fps")));
        table_add(t, "%lld", number(c, "frames_lost") + number(c, "dropped"));
        table_add(t, "%s", text(c, "format"));
        table_add(t, "%s", text(c, "decoder"));
    }
    table_print(t);
    table_free(t);
}

static void print_troubles(const json_t *troubles)
{
    size_t i;
    json_t *t;
    if (json_array_size(troubles) == 0)
        printf("\nall is well\n");
    json_array_foreach((json_t *)troubles, i, t)
    {
        char span[WHEN_TEXT];
        when_format_span(span, number(t, "for_s"));
        printf("%s%s, for %s: %s\n", i ? "" : "\n", text(t, "who"), span, text(t, "text"));
    }
}

int ctl_status(int argc, char **argv)
{
    static const struct argp argp = {
            .parser = parse, .children = ctl_common, .doc = "Say what the daemon is doing now."};
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);

    struct conf *conf = ctl_conf("status", a.common.file);
    bool readable = conf != NULL;
    struct err e = {0};
    char *answer = NULL;
    /* A daemon that refused to reload this file has something to say about it. */
    if (!readable && conf_load("/dev/null", CONF_NO_CAMERAS, &conf, NULL) < 0)
        return CTL_CONFIG;
    int r = control_call(conf->control, "status", PATIENCE_MS, &answer, &e);
    conf_free(conf);
    if (r < 0 && !readable)
        return CTL_CONFIG;
    if (r < 0)
        return ctl_fail(r == -ENOENT || r == -ECONNREFUSED ? CTL_NOT_RUNNING : CTL_FAILED, "status",
                "%s", e.text);
    json_t *j = json_loads(answer, 0, NULL);
    int code = CTL_OK;
    if (!json_is_object(j)) {
        code = ctl_fail(
                CTL_FAILED, "status", "the daemon's answer is no JSON; is it of this version?");
    } else if (a.common.json) {
        fputs(answer, stdout);
    } else {
        print_head(j);
        print_cameras(json_object_get(j, "cameras"));
        print_troubles(json_object_get(j, "troubles"));
    }
    json_decref(j);
    free(answer);
    return code;
}
