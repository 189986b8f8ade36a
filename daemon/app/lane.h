#pragma once

#include "base/log.h"
#include "flow/event.h"
#include "flow/settings.h"
#include "flow/view.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct attrs;
struct camera;
struct detector;
struct models;
struct pool;
struct queue;
struct scaler;
struct slot;

/*
 * A camera's part of the pipeline: the slot that its pictures come in, who is there (tracker), and
 * what the world was told of them (emitter).
 *
 * One worker at a time is in a lane, so tracks see pictures in order without a lock of their own.
 * What he needs for a visit he brings along: nets are his, not the lane's.
 *
 * Threads: lane_visit() by the worker that has its turn; lane_stats() and the slot by any; all else
 * is main's.
 */
struct lane;

/* Where its results go. All borrowed; they outlive the pipeline. */
struct pipeline_links {
    struct queue *to_store;
    void (*counted)(void *arg); /* a lane's count of people has changed; on a worker's thread */
    void *arg;
    struct view_links view; /* zeroed: nobody ever looks */
};

/* What the lanes of a pipeline have counted together. */
struct lane_totals {
    atomic_uint_fast64_t looks, partial, held, faces, estimates;
    atomic_int_fast64_t detect_us, estimate_us;
};

/* What a lane is born into; all of it outlives the lane. */
struct lane_home {
    const struct conf *conf;
    const struct pipeline_links *links;
    const struct models *models;
    struct pool *pool;
    struct lane_totals *totals;
};

/* A worker's: without nets it can only end what is open. */
struct lane_tools {
    struct detector *detector;
    struct attrs *attrs;
    struct scaler *scaler; /* for the albums; NULL where none are kept */

    /* one visit's work */
    struct face found[FACES_MAX];
    int n_found; /* by the detector; the configuration may not want all of them */
    struct portrait portraits[VIEW_MAX];
    struct log_limit complained;
    struct sightings sightings;
    struct event *events[2 * SIGHTINGS_MAX];
};

struct lane *lane_new(const struct lane_home *home, const struct conf_camera *conf);

/* Nobody comes any more. turn_too: its place in the pool is given up, else the pool frees it. */
void lane_free(struct lane *l, bool turn_too);

struct slot *lane_slot(struct lane *l);
void lane_attach(struct lane *l, struct camera *c); /* whose lane it is: now a worker may come */

/* Works on what is in its slot, if there is something; the turn stays with the worker. */
void lane_visit(struct lane *l, struct lane_tools *w);

/* Ends its open records. False: a worker is in it, or it was done before. */
bool lane_end(struct lane *l, struct lane_tools *w, enum end_reason reason);

struct lane_stats {
    uint64_t looks, partial, held, faces, lost;
    int people; /* in view now */
};
void lane_stats(const struct lane *l, struct lane_stats *ret);
