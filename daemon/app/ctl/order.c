#include "app/ctl/order.h"

#include "app/control.h"
#include "app/ctl/bar.h"
#include "app/errand.h"
#include "base/mem.h"
#include "flow/settings.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_MS 30000 /* the daemon says something every second */

/* ---- what is told ---- */

static int64_t number(const json_t *j, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(j, key));
}

static void print_hints(const json_t *j, const char *name)
{
    if (number(j, "still_there"))
        printf("%lld people are still there and were spared: say it again when they have left\n",
                (long long)number(j, "still_there"));
    if (json_is_true(json_object_get(j, "wal_kept")))
        printf("Some program keeps reading the database, so its -wal still holds what was "
               "removed:\nend that program and run `facectl %s` again.\n",
                name);
    if (json_is_true(json_object_get(j, "cannot_shrink")))
        printf("The file was begun by an older faced: what was removed earlier may stand in its "
               "free\nspace until you stop faced and run `facectl prune`.\n");
}

static void print_result(const struct order *o, const json_t *j, const char *text)
{
    if (o->common->json) {
        printf("%s%s", text, strchr(text, '\n') ? "" : "\n");
        return;
    }
    printf("%lld records %s", (long long)number(j, "records"), o->done);
    if (number(j, "records"))
        printf(", with %lld observations, %lld pictures and %lld waiting messages",
                (long long)number(j, "observations"), (long long)number(j, "pictures"),
                (long long)number(j, "messages"));
    if (number(j, "sums"))
        printf(", and %lld sums of whole quarters of an hour", (long long)number(j, "sums"));
    putchar('\n');
    print_hints(j, o->name);
}

/* ---- by the daemon ---- */

static char *request_of(const struct order *o)
{
    const struct erasure *who = &o->order.who;
    json_t *j = json_object();
    json_object_set_new(j, "command", json_string(o->name));
    if (o->order.job == STORE_ERASE && who->camera[0])
        json_object_set_new(j, "camera", json_string(who->camera));
    if (o->order.job == STORE_ERASE && who->since_us)
        json_object_set_new(j, "since_us", json_integer(who->since_us));
    if (o->order.job == STORE_ERASE && who->until_us)
        json_object_set_new(j, "until_us", json_integer(who->until_us));
    char *text = mem_check(json_dumps(j, JSON_COMPACT));
    json_decref(j);
    return text;
}

static void hear(const char *line, void *arg)
{
    json_t *j = json_loads(line, 0, NULL);
    bar_show(arg, number(json_object_get(j, "progress"), "records"));
    json_decref(j);
}

static int print_answer(const struct order *o, const char *answer)
{
    json_t *j = json_loads(answer, 0, NULL);
    const char *why = json_string_value(json_object_get(j, "error"));
    int code = CTL_OK;
    if (why)
        code = ctl_fail(CTL_FAILED, o->name, "%s", why);
    else if (!json_is_integer(json_object_get(j, "records")))
        code = ctl_fail(CTL_FAILED, o->name,
                "the daemon's answer is not understood; is it of this version?");
    else
        print_result(o, j, answer);
    json_decref(j);
    return code;
}

/* ---- without one ---- */

static void see(const struct store_progress *p, void *arg)
{
    bar_show(arg, p->gone.records);
}

static int do_here(const struct order *o, const struct conf *conf, struct bar *bar)
{
    const struct store_options options = {
            .path = conf->database.path,
            .node = conf->node,
            .settings =
                    {
                            .mqtt = conf->mqtt.configured,
                            .outbox_age_us = conf->mqtt.outbox_age_us,
                            .outbox_size = conf->mqtt.outbox_size,
                            .kept = {conf->database.retention_us, conf->database.max_size,
                                    conf->privacy.crops_retention_us},
                    },
    };
    struct store_progress p;
    struct err e = {0};
    int r = store_work(&options, &o->order, see, bar, &p, &e);
    bar_clear(bar);
    if (r == -EBUSY)
        return ctl_fail(
                CTL_FAILED, o->name, "%s (and it does not answer at %s)", e.text, conf->control);
    if (r < 0)
        return ctl_fail(CTL_FAILED, o->name, "%s", e.text);
    json_t *j = errand_result(&p);
    char *text = mem_check(json_dumps(j, JSON_COMPACT));
    print_result(o, j, text);
    json_decref(j);
    free(text);
    return CTL_OK;
}

/* ---- public ---- */

int order_carry_out(const struct order *o, const struct conf *conf)
{
    struct bar bar = {.what = o->done, .total = o->total};
    struct err e = {0};
    char *request = request_of(o), *answer = NULL;
    int r = control_ask(conf->control, request, SILENCE_MS, hear, &bar, &answer, &e);
    bar_clear(&bar);
    free(request);
    if (r == -ENOENT || r == -ECONNREFUSED)
        return do_here(o, conf, &bar);
    if (r < 0)
        return ctl_fail(CTL_FAILED, o->name, "%s", e.text);
    int code = print_answer(o, answer);
    free(answer);
    return code;
}
