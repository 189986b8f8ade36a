#pragma once

#include "app/lane.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct beat;

/*
 * The product in one loop: the longest waiting camera's picture is taken from its slot, faces are
 * found in it, joined to tracks, looked at where it is worth it, and what that means for the
 * records goes to the store.
 *
 * A camera's part of it is a lane (app/lane.h); each worker has nets of its own. A lane that gets
 * no pictures is visited twice a second all the same, so that tracks end in time when a camera is
 * dead.
 */
struct pipeline;

/* Loads the nets of the first worker; each other one loads his when he is needed. NULL: the models
 * are not usable, see e. The configuration outlives the pipeline. Everything is main's to call. */
struct pipeline *pipeline_new(const struct conf *, const struct pipeline_links *, struct err *e);
void pipeline_free(struct pipeline *p);

int pipeline_start(struct pipeline *p);

/*
 * A lane for one more camera, at any time before pipeline_stop(). The camera puts into the slot; no
 * worker comes before it is attached.
 */
struct lane *pipeline_add(struct pipeline *p, const struct conf_camera *);

/*
 * Ends the lane's open records with this reason and frees it; its camera has been joined and not
 * yet freed. False: a worker is in the lane just now, ask again in a moment.
 */
bool pipeline_remove(struct pipeline *p, struct lane *l, enum end_reason reason);

/* No more pictures are taken in; what is in the slots is still worked on. */
void pipeline_stop(struct pipeline *p);

/*
 * Waits for the workers, then ends every open record with the reason `shutdown`. -ETIMEDOUT: a
 * worker hangs; the lanes of the others have been ended.
 */
int pipeline_join(struct pipeline *p, int timeout_ms);

int pipeline_workers(const struct pipeline *p);
const struct beat *pipeline_beat(const struct pipeline *p, int worker);

struct pipeline_stats {
    uint64_t looks;     /* pictures that the detector saw */
    uint64_t partial;   /* those of them in which it saw only what had changed */
    uint64_t held;      /* pictures that showed nothing new beside the last of these */
    uint64_t faces;     /* faces that it found */
    uint64_t estimates; /* pictures of faces that were classified */
    int64_t detect_us;  /* time inside the detector, all workers together */
    int64_t estimate_us;
};
void pipeline_stats(const struct pipeline *p, struct pipeline_stats *ret);
