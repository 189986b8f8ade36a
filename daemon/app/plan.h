#pragma once

#include "base/err.h"
#include "flow/settings.h"

#include <stdbool.h>

/*
 * What a reload does: the configuration that is in effect beside the one that was read, as steps.
 *
 * All or nothing: where one key cannot change while the daemon runs, nothing is done, so that the
 * operator never has a mixture of two files. A camera that did not change is not touched, unless
 * the way in which all are looked at changes (models, certainty, tracks, workers): then every
 * camera begins anew with the new models. Pure.
 */
enum plan_what {
    PLAN_KEEP,
    PLAN_ADD,
    PLAN_REMOVE,
    PLAN_CHANGE, /* remove, then add under the same name */
    PLAN_SWITCH, /* nothing but `enabled` is different */
};

struct plan_step {
    enum plan_what what;
    const struct conf_camera *camera; /* of the new configuration; with PLAN_REMOVE of the old */
    bool switched;                    /* with PLAN_CHANGE: `enabled` is different too */
};

struct plan {
    bool bus;   /* another broker, or something of the way to it */
    bool look;  /* the pipeline and all cameras begin anew */
    bool web;   /* the web server, or what it looks at pictures with */
    bool store; /* what the store keeps, and for how long */
    int n;
    struct plan_step *steps; /* those to be removed first */
    int added, removed, changed;
};

/* 0, and *ret to be given to plan_done(); or -EPERM: a key that needs a restart is different. */
int plan_make(const struct conf *old, const struct conf *new, struct plan *ret, struct err *e);
void plan_done(struct plan *p);

/* "1 camera added, 2 changed; broker" or "nothing has changed". */
void plan_words(const struct plan *p, char *dst, size_t size);
