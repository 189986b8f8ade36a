#pragma once

#include "base/beat.h"

#include <stdbool.h>

struct bus;
struct camera;
struct conf;
struct ease;
struct lane;
struct pipeline;
struct store;

/*
 * What the daemon is doing, in one document, for everybody who asks: `facectl status`, the
 * `stats` topic, systemd's status line, its watchdog.
 *
 * It only reads the counters that the threads keep; what it writes is the order by which all
 * cameras do less while there is too much to do. Main owns it and calls health_tick() about once a
 * second.
 */
struct health;

/* Borrowed; it outlives it. */
struct health *health_new(struct store *);
void health_free(struct health *h); /* NULL is fine */

/* What the cameras may do; lives as long as it. */
const struct ease *health_ease(const struct health *h);

/* What is in effect from now on; borrowed until the next call; bus NULL: none. */
void health_set(struct health *h, const struct conf *, const struct pipeline *, struct bus *);

void health_add_camera(struct health *h, struct camera *, const struct lane *);
void health_remove_camera(struct health *h, const struct camera *);

/* A thread whose heartbeat is watched; the name is kept. */
void health_watch(struct health *h, const char *name, const struct beat *);
void health_unwatch(struct health *h, const struct beat *);

/* How the last reload went: why it was refused, or NULL. */
void health_reload(struct health *h, const char *refused);

/* Takes samples, tells systemd, publishes the stats each minute. Logs a thread that hangs, once. */
void health_tick(struct health *h);

/* The document as JSON on one line; to be freed. */
char *health_status(struct health *h);

/* The milestones of the process for systemd; nothing happens where it did not start us. */
void health_reloading(void); /* health_ready() ends it */
void health_ready(struct health *h);
void health_stopping(void);
