#pragma once

#include "base/beat.h"

#include <stdbool.h>

struct bus;
struct camera;
struct conf;
struct lane;
struct pipeline;
struct store;

/*
 * What the daemon is doing, in one document, for everybody who asks: `facectl status`, the
 * `stats` topic, systemd's status line, its watchdog.
 *
 * It only reads the counters that the threads keep; main owns it and calls health_tick() about
 * once a second.
 */
struct health;

/* All borrowed, bus may be NULL; they outlive it. */
struct health *health_new(
        const struct conf *, const struct pipeline *, struct store *, struct bus *);
void health_free(struct health *h); /* NULL is fine */

void health_add_camera(struct health *h, struct camera *, const struct lane *);

/* A thread whose heartbeat is watched; the name is kept. */
void health_watch(struct health *h, const char *name, const struct beat *);

/* Takes samples, tells systemd, publishes the stats each minute. Logs a thread that hangs, once. */
void health_tick(struct health *h);

/* The document as JSON on one line; to be freed. */
char *health_status(struct health *h);

/* The milestones of the process for systemd; nothing happens where it did not start us. */
void health_ready(struct health *h);
void health_stopping(void);
