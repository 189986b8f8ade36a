#include "app/errand.h"

#include "app/control.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "store/store.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct errand {
    struct store *store;
    uint64_t token; /* of the one who waits; 0: nobody */
    const char *command;
    int64_t told_us;
};

struct errand *errand_new(struct store *store)
{
    struct errand *n = mem_new(1, sizeof(*n));
    n->store = store;
    return n;
}

void errand_free(struct errand *n)
{
    free(n);
}

static char *text_of(json_t *j)
{
    char *text = mem_check(json_dumps(j, JSON_COMPACT));
    json_decref(j);
    return text;
}

static char *failure(const char *why)
{
    json_t *j = json_object();
    json_t *words = json_string(why);
    json_object_set_new(j, "error", words ? words : json_string("?"));
    return text_of(j);
}

/* ---- what is asked ---- */

/* A time that may be absent. False: it is something else. */
static bool read_time(const json_t *request, const char *key, int64_t *ret_us)
{
    const json_t *j = json_object_get(request, key);
    *ret_us = j ? (int64_t)json_integer_value(j) : 0;
    return !j || (json_is_integer(j) && *ret_us > 0);
}

static bool read_erasure(const json_t *request, struct erasure *ret_who)
{
    const json_t *camera = json_object_get(request, "camera");
    *ret_who = (struct erasure){0};
    if (!read_time(request, "since_us", &ret_who->since_us) ||
            !read_time(request, "until_us", &ret_who->until_us))
        return false;
    if (camera && (!json_is_string(camera) || json_string_length(camera) >= NAME_SIZE))
        return false;
    if (camera)
        (void)snprintf(ret_who->camera, sizeof(ret_who->camera), "%s", json_string_value(camera));
    /* Nobody erases everything by leaving something out. */
    return ret_who->camera[0] || ret_who->since_us || ret_who->until_us;
}

char *errand_begin(
        struct errand *n, const char *command, const struct json_t *request, uint64_t token)
{
    struct store_order order = {.job = STORE_PRUNE};
    n->command = "prune";
    if (strcmp(command, "erase") == 0) {
        order.job = STORE_ERASE;
        n->command = "erase";
        if (!read_erasure(request, &order.who))
            return failure("erase needs one of since_us, until_us (microseconds) and camera (a "
                           "name)");
    }
    int r = store_order(n->store, &order);
    if (r == -EBUSY)
        return failure("faced is already pruning or erasing; try again when that is done");
    if (r < 0)
        return failure("faced is ending");
    log_info("main", "%s: asked over the control socket", n->command);
    n->token = token;
    n->told_us = mono_us();
    return NULL;
}

/* ---- what is answered ---- */

static json_t *removal_json(const struct removal *t)
{
    json_t *j = json_object();
    json_object_set_new(j, "records", json_integer(t->records));
    json_object_set_new(j, "observations", json_integer(t->observations));
    json_object_set_new(j, "pictures", json_integer(t->crops));
    json_object_set_new(j, "messages", json_integer(t->messages));
    json_object_set_new(j, "sums", json_integer(t->sums));
    return j;
}

struct json_t *errand_result(const struct store_progress *p)
{
    json_t *j = removal_json(&p->gone);
    json_object_set_new(j, "still_there", json_integer(p->still_there));
    json_object_set_new(j, "wal_kept", json_boolean(p->wal_kept));
    json_object_set_new(j, "cannot_shrink", json_boolean(p->cannot_shrink));
    return j;
}

static char *result(const struct store_progress *p)
{
    return p->code < 0 ? failure(p->text) : text_of(errand_result(p));
}

static char *progress(const struct store_progress *p)
{
    json_t *j = json_object();
    json_object_set_new(j, "progress", removal_json(&p->gone));
    return text_of(j);
}

void errand_turn(struct errand *n, struct control *control)
{
    struct store_progress p;
    int64_t now_us = mono_us();
    if (!n->token)
        return;
    store_progress(n->store, &p);
    if (p.running && now_us - n->told_us < MONO_SECOND)
        return;
    n->told_us = now_us;
    char *line = p.running ? progress(&p) : result(&p);
    if (control)
        control_tell(control, n->token, line, !p.running);
    free(line);
    if (p.running)
        return;
    if (p.code < 0)
        log_warn("main", "%s: %s", n->command, p.text);
    else
        log_info("main", "%s: %lld records have gone", n->command, (long long)p.gone.records);
    n->token = 0;
}
