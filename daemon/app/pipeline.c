#include "app/pipeline.h"

#include "app/models.h"
#include "app/pool.h"
#include "base/beat.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "flow/scale.h"
#include "flow/slot.h"
#include "vision/attrs.h"
#include "vision/detector.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIT_US (MONO_SECOND / 2) /* how late a dead camera's tracks may end */

struct worker {
    /* set at birth */
    struct pipeline *pipeline;
    pthread_t thread;
    bool started;
    struct beat beat;

    struct lane_tools tools; /* the worker's own */
};

struct pipeline {
    /* set at birth */
    const struct conf *conf;
    struct pipeline_links links;
    struct models models;
    int n_workers;
    struct worker *workers;
    struct pool *pool;

    /* owned by main */
    int n_lanes;
    struct lane **lanes;
    struct lane_tools closer; /* without nets: ends what is open where no worker comes */

    struct lane_totals totals;
};

static int open_nets(struct worker *w, struct err *e)
{
    const struct pipeline *p = w->pipeline;
    if (w->tools.attrs)
        return 0;
    if (!w->tools.detector)
        w->tools.detector = detector_open(p->models.detector, e);
    if (w->tools.detector)
        w->tools.attrs = attrs_open(p->models.attributes, e);
    return w->tools.attrs ? 0 : -1;
}

/* The first worker has its nets from the start; each further one opens his when there is more to do
 * than those before him can, and where that fails they go on without him. */
static bool is_able(struct worker *w, struct turn *turn)
{
    struct err e = {0};
    if (open_nets(w, &e) == 0)
        return true;
    log_error("vision", "worker %d is of no use, the others go on: %s",
            (int)(w - w->pipeline->workers), e.text);
    pool_give_back(turn, true);
    turn_ready(turn);
    return false;
}

static void *worker_body(void *arg)
{
    struct worker *w = arg;
    struct pipeline *p = w->pipeline;
    bool over = false;
    while (!over) {
        beat_set(&w->beat, BEAT_WAITING);
        struct turn *turn = pool_next(p->pool, (int)(w - p->workers), &over);
        if (!turn)
            continue;
        beat_set(&w->beat, BEAT_WORKING);
        if (!is_able(w, turn))
            break;
        struct lane *l = turn_owner(turn);
        lane_visit(l, &w->tools);
        pool_give_back(turn, slot_face_full(slot_face(lane_slot(l))));
    }
    beat_set(&w->beat, BEAT_WAITING);
    return NULL;
}

/* ------------------------------------------------------------- birth and death --- */

static int open_models(struct pipeline *p, struct err *e)
{
    if (models_load(&p->models, p->conf, e) < 0)
        return -1;
    for (int i = 0; i < p->n_workers; i++)
        p->workers[i].tools.scaler = p->conf->privacy.store_crops ? scaler_new() : NULL;
    return open_nets(&p->workers[0], e);
}

struct pipeline *pipeline_new(
        const struct conf *conf, const struct pipeline_links *links, struct err *e)
{
    struct pipeline *p = mem_new(1, sizeof(*p));
    p->conf = conf;
    p->links = *links;
    p->n_workers = conf->workers;
    p->workers = mem_new((size_t)p->n_workers, sizeof(*p->workers));
    for (int i = 0; i < p->n_workers; i++)
        p->workers[i].pipeline = p;
    p->pool = pool_new(VISIT_US);
    if (open_models(p, e) < 0) {
        pipeline_free(p);
        return NULL;
    }
    return p;
}

void pipeline_free(struct pipeline *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_lanes; i++)
        lane_free(p->lanes[i], false);
    free(p->lanes);
    for (int i = 0; i < p->n_workers; i++) {
        detector_close(p->workers[i].tools.detector);
        attrs_close(p->workers[i].tools.attrs);
        scaler_free(p->workers[i].tools.scaler);
    }
    free(p->workers);
    models_done(&p->models);
    pool_free(p->pool);
    free(p);
}

struct lane *pipeline_add(struct pipeline *p, const struct conf_camera *conf)
{
    struct lane_home home = {p->conf, &p->links, &p->models, p->pool, &p->totals};
    struct lane *l = lane_new(&home, conf);
    p->lanes = mem_grow(p->lanes, (size_t)p->n_lanes + 1, sizeof(struct lane *));
    p->lanes[p->n_lanes++] = l;
    return l;
}

bool pipeline_remove(struct pipeline *p, struct lane *l, enum end_reason reason)
{
    if (!lane_end(l, &p->closer, reason))
        return false;
    int i = 0;
    while (p->lanes[i] != l)
        i++;
    p->n_lanes--;
    memmove(&p->lanes[i], &p->lanes[i + 1], (size_t)(p->n_lanes - i) * sizeof(struct lane *));
    lane_free(l, true);
    return true;
}

int pipeline_start(struct pipeline *p)
{
    for (int i = 0; i < p->n_workers; i++) {
        struct worker *w = &p->workers[i];
        char name[32];
        (void)snprintf(name, sizeof(name), "infer-%d", i);
        int r = thread_start(&w->thread, name, worker_body, w);
        if (r < 0)
            return r;
        w->started = true;
    }
    return 0;
}

void pipeline_stop(struct pipeline *p)
{
    for (int i = 0; i < p->n_lanes; i++)
        slot_close(lane_slot(p->lanes[i]));
    pool_stop(p->pool);
}

int pipeline_join(struct pipeline *p, int timeout_ms)
{
    int result = 0;
    for (int i = 0; i < p->n_workers; i++) {
        struct worker *w = &p->workers[i];
        if (w->started && thread_join(w->thread, result ? 0 : timeout_ms) < 0)
            result = -ETIMEDOUT;
        else
            w->started = false;
    }
    /* A lane in which a worker hangs is left alone: the worker may come back at any time. */
    for (int i = 0; i < p->n_lanes; i++)
        (void)lane_end(p->lanes[i], &p->closer, END_SHUTDOWN);
    return result;
}

/* ------------------------------------------------------------- what others may ask --- */

int pipeline_workers(const struct pipeline *p)
{
    return p->n_workers;
}

const struct beat *pipeline_beat(const struct pipeline *p, int worker)
{
    return &p->workers[worker].beat;
}

void pipeline_stats(const struct pipeline *p, struct pipeline_stats *ret)
{
    ret->looks = atomic_load(&p->totals.looks);
    ret->partial = atomic_load(&p->totals.partial);
    ret->held = atomic_load(&p->totals.held);
    ret->faces = atomic_load(&p->totals.faces);
    ret->estimates = atomic_load(&p->totals.estimates);
    ret->detect_us = atomic_load(&p->totals.detect_us);
    ret->estimate_us = atomic_load(&p->totals.estimate_us);
}
