#pragma once

#include "flow/event.h"
#include "flow/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus;
struct health;
struct pipeline;
struct queue;

/*
 * The cameras that are watched: how one comes, changes and goes while the others run, and what the
 * broker is told of each.
 *
 * A camera that shall go is asked to, and is gone some time later: its thread may be inside the
 * name resolver, which nobody can interrupt. Nobody waits for that; roster_turn() looks after it,
 * and whoever shall come in its place under the same name waits as well.
 *
 * All of a camera's retained topics - status, count, enabled/state - are written here and nowhere
 * else, from what the camera says of itself, so that no two threads can contradict each other.
 *
 * Main only. The counts come from workers and the states from cameras, which call links.wake.
 */
struct roster;

/* All borrowed; they outlive the roster. */
struct roster_links {
    struct queue *to_store;
    struct health *health;
    void (*wake)(void *arg); /* any thread: roster_turn() is worth it */
    void *arg;
    int once; /* see camera_new() */
};

struct roster *roster_new(const struct roster_links *links);
void roster_free(struct roster *r); /* after roster_join() came to 0; NULL is fine */

/*
 * Watches one more, in a lane of this pipeline. conf is the one that has the camera, and is held
 * as long as it is watched; enabled is what it begins with. 0, or a negative errno: there is no
 * thread to be had.
 */
int roster_add(struct roster *r, struct conf *conf, const struct conf_camera *camera,
        struct pipeline *pipeline, bool enabled);

/* Asks it to go; its open records end with this reason. With END_REMOVED its topics are cleared. */
void roster_remove(struct roster *r, const char *camera, enum end_reason reason);

/* Switches it on or off; false: there is no such camera. */
bool roster_enable(struct roster *r, const char *camera, bool enabled);

/* From now on this bus is told, all of it anew; NULL: nobody. The one before hears that nobody is
 * watched any more. */
void roster_tell(struct roster *r, struct bus *bus);

/* A camera that is not online for less than this is not announced. */
void roster_patience(struct roster *r, int64_t down_after_us);

/* Takes all cameras away from Home Assistant, where the present bus has introduced them. */
void roster_hide(struct roster *r);

/* Clears the topics of a camera that is not watched. */
void roster_clear(struct roster *r, const char *camera);

/* Takes leave of those who are gone, begins those who waited, tells the bus what has changed. To
 * be called when woken and once a second. True: somebody is still leaving, come back soon. */
bool roster_turn(struct roster *r, int64_t now_us);

/* Has anybody a lane in this pipeline? */
bool roster_uses(const struct roster *r, const struct pipeline *pipeline);

int roster_count(const struct roster *r);

/* Only ever with `once`: all have finished; one that could not be watched to its end, or NULL. */
bool roster_finished(const struct roster *r);
const char *roster_failed(const struct roster *r);

/* Asks all to end, and waits for them; the name of one that hangs, or NULL. After that and the
 * pipeline's end, roster_turn() says the last: every camera is offline with nobody in view. */
void roster_stop(struct roster *r);
const char *roster_join(struct roster *r, int timeout_ms);
