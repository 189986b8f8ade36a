#pragma once

#include "app/standing.h"
#include "base/beat.h"
#include "flow/event.h"
#include "flow/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct ease;
struct queue;
struct slot;

/*
 * One camera's life: connecting, streaming, backing off, switched off, ended.
 *
 * Each camera has a thread of its own, which is the only one that touches its decoder. It puts
 * the sampled pictures into its slot, and tells of its state: the store, for the view `cameras`,
 * and whoever asks; `changed` says that asking is worth it. Nothing that happens to it concerns
 * another camera.
 */
struct camera;

/* How it runs a session, and where its news go. All borrowed; they outlive the camera. */
struct camera_links {
    enum source_fault (*run)(
            const struct session_order *, const struct session_listener *, struct err *);
    struct slot *slot;
    struct queue *to_store;
    void (*changed)(void *arg); /* its state has, or `once` is reached; on the camera's thread */
    void *arg;
    const struct ease *ease; /* what it may do under the present load; NULL: everything */
};

/*
 * once: stop after so many frames that the rate asks for; 0: a file stops at its end; -1: never.
 * enabled: as the configuration or the last `enabled/set` says.
 */
struct camera *camera_new(
        const struct conf_camera *, const struct camera_links *, bool enabled, int once);
void camera_free(struct camera *c); /* NULL is fine; the thread has been joined or never ran */

int camera_start(struct camera *c);
void camera_stop(struct camera *c);
int camera_join(struct camera *c, int timeout_ms); /* -ETIMEDOUT: it hangs */

/* Switches it on or off; any thread; takes effect within a moment. */
void camera_enable(struct camera *c, bool enabled);

bool camera_online(const struct camera *c);
bool camera_is_file(const struct camera *c);  /* by its URL; once it was opened, for sure */
bool camera_finished(const struct camera *c); /* only ever with `once` */
bool camera_failed(const struct camera *c);   /* finished because its source cannot be used */

const struct conf_camera *camera_conf(const struct camera *c);
const struct beat *camera_beat(const struct camera *c);

void camera_status(struct camera *c, struct camera_status *ret);
