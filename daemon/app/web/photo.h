#pragma once

#include "base/err.h"
#include "flow/settings.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The classic application: somebody brings a picture and is told who is in it.
 *
 * One thread with nets of its own looks at one picture after another, so that neither cameras nor
 * other visitors wait for it; a visitor's connection sleeps meanwhile. Few may wait, for each holds
 * his picture in memory. Nothing is ever stored.
 */
struct photo;

/* Loads the models. NULL: they are not usable, see e. conf is borrowed for its life. */
struct photo *photo_new(const struct conf *conf, struct err *e);
void photo_free(struct photo *p); /* NULL is fine; the server is stopped */

int photo_start(struct photo *p);
void photo_stop(
        struct photo *p); /* who waits is woken without an answer; before the server stops */

/* May one more bring a picture? True: it must be given back by photo_leave(). */
bool photo_enter(struct photo *p);
void photo_leave(struct photo *p);

/* A picture that is looked at: its visitor's. */
struct photo_job {
    struct MHD_Connection *connection;
    const uint8_t *data;
    size_t size;
    bool done;
    unsigned status; /* of HTTP */
    char *json;      /* to be freed */
};

/* Suspends the connection until the job is done; job and data stay where they are. */
void photo_look(struct photo *p, struct photo_job *job);

#define PHOTO_BYTES_MAX (24 << 20)
