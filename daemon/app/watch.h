#pragma once

#include "base/err.h"
#include "flow/settings.h"
#include "flow/view.h"

#include <stdbool.h>

struct health;
struct plan;
struct queue;
struct store;

/*
 * Everything that the configuration brings to life: the pipeline, the cameras in it, the line to
 * the broker; and how they become what another configuration says while they run.
 *
 * A change begins at once and is finished by watch_turn(), for nobody waits for a thread that may
 * be inside the name resolver. New models are loaded before the old ones are let go, so for a
 * moment there are both in memory.
 *
 * Main only.
 */
struct watch;

/* All borrowed; they outlive it. */
struct watch_links {
    struct queue *events; /* to the store */
    struct health *health;
    void (*wake)(void *arg); /* any thread: watch_turn() is worth it */
    void *arg;
    int once; /* see camera_new() */
    struct view_links view;
};

/* Loads the models; starts no thread. conf is held. NULL: the models are not usable, see e. */
struct watch *watch_new(struct conf *conf, const struct watch_links *links, struct err *e);
void watch_free(struct watch *w); /* after the ends below came to true; NULL is fine */

/* For the store: messages to the broker, and those that it has acknowledged. */
struct queue *watch_messages(struct watch *w);
struct queue *watch_acks(struct watch *w);

/* The store runs by now. After a failure some threads may run. */
int watch_start(struct watch *w, struct err *e);

/*
 * To be what conf says, by the steps of this plan; conf is held. 0; or a negative errno, and
 * nothing has changed.
 */
int watch_change(struct watch *w, struct conf *conf, const struct plan *plan, struct err *e);

/* Goes on with what was begun, obeys commands, tells the broker of changes. To be called when woken
 * and once a second. True: something is not finished, come back soon. */
bool watch_turn(struct watch *w);

/* The database is being written: what could not be read there at the start is asked for once more,
 * such as which cameras a command has switched off. */
void watch_remember(struct watch *w);

/* Only ever with `once`; see roster.h. */
bool watch_finished(const struct watch *w);
const char *watch_failed(const struct watch *w);

/* The end in the order of the flow. Each returns the name of a thread that hangs, or NULL. */
const char *watch_stop_cameras(struct watch *w, int timeout_ms);
const char *watch_stop_workers(struct watch *w, int timeout_ms); /* every record has ended */
const char *watch_stop_line(struct watch *w, int timeout_ms);
