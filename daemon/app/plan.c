#include "app/plan.h"

#include "base/mem.h"
#include "conf/compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool in(const struct conf_key *key, const char *section)
{
    return strncmp(key->path, section, strlen(section)) == 0;
}

static void sort_key(const struct conf_key *key, struct plan *p)
{
    /* Where messages wait is the store's, and who sends them need not know how long; when a camera
     * counts as down is the roster's. */
    bool outbox = in(key, "mqtt.outbox_"), patience = in(key, "mqtt.camera_down_after");
    if (outbox || in(key, "database.") || in(key, "privacy."))
        p->store = true;
    else if (in(key, "mqtt.") && !patience)
        p->bus = true;
    if (in(key, "http.") || in(key, "models.") || in(key, "attributes."))
        p->web = true;
    if (strcmp(key->path, "database.observations") == 0 || in(key, "models.") ||
            in(key, "attributes.") || in(key, "track.") || in(key, "pipeline.") ||
            in(key, "privacy.store_crops"))
        p->look = true;
}

static void add_step(struct plan *p, enum plan_what what, const struct conf_camera *camera)
{
    p->steps[p->n++] = (struct plan_step){what, camera, false};
    p->added += what == PLAN_ADD;
    p->removed += what == PLAN_REMOVE;
    p->changed += what == PLAN_CHANGE || what == PLAN_SWITCH;
}

static enum plan_what compare(
        const struct conf_camera *was, const struct conf_camera *is, bool look)
{
    if (!was)
        return PLAN_ADD;
    struct conf_camera as_before = *is;
    as_before.enabled = was->enabled;
    if (look || !conf_same_camera(was, &as_before))
        return PLAN_CHANGE;
    return was->enabled != is->enabled ? PLAN_SWITCH : PLAN_KEEP;
}

int plan_make(const struct conf *old, const struct conf *new, struct plan *ret, struct err *e)
{
    struct plan p = {0};
    for (const struct conf_key *key = NULL; (key = conf_difference(old, new, key));) {
        if (key->fixed)
            return err_set(e, -EPERM,
                    "%s: %s cannot change while faced runs (%s); restart faced, or undo this",
                    new->file, key->path, key->fixed);
        sort_key(key, &p);
    }
    if (old->mqtt.configured != new->mqtt.configured)
        p.bus = p.store = true; /* without a broker nothing is put into the outbox */
    if (new->http.cert_file)
        p.web = true; /* the certificate may be another one */
    p.steps = mem_new((size_t)(old->n_cameras + new->n_cameras), sizeof(*p.steps));
    for (int i = 0; i < old->n_cameras; i++) {
        if (!conf_camera_named(new, old->cameras[i].name))
            add_step(&p, PLAN_REMOVE, &old->cameras[i]);
    }
    for (int i = 0; i < new->n_cameras; i++) {
        const struct conf_camera *is = &new->cameras[i];
        const struct conf_camera *was = conf_camera_named(old, is->name);
        add_step(&p, compare(was, is, p.look), is);
        p.steps[p.n - 1].switched = was && was->enabled != is->enabled;
    }
    *ret = p;
    return 0;
}

void plan_done(struct plan *p)
{
    free(p->steps);
    *p = (struct plan){0};
}

void plan_words(const struct plan *p, char *dst, size_t size)
{
    const struct {
        int n;
        const char *word;
    } counts[] = {{p->added, "added"}, {p->changed, "changed"}, {p->removed, "removed"}};
    size_t at = 0;
    dst[0] = '\0';
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && at < size; i++) {
        if (counts[i].n)
            at += (size_t)snprintf(dst + at, size - at, "%s%d camera%s %s", at ? ", " : "",
                    counts[i].n, counts[i].n == 1 ? "" : "s", counts[i].word);
    }
    const struct {
        bool is;
        const char *word;
    } others[] = {{p->look, "models and tracks"}, {p->bus, "broker"}, {p->store, "database"},
            {p->web, "web page"}};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && at < size; i++) {
        if (others[i].is)
            at += (size_t)snprintf(
                    dst + at, size - at, "%s%s anew", at ? ", " : "", others[i].word);
    }
    if (!at)
        (void)snprintf(dst, size, "nothing has changed");
}
