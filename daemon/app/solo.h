#pragma once

#include "base/err.h"
#include "flow/settings.h"
#include "flow/view.h"

#include <signal.h>

/*
 * One camera with one worker and no store: the daemon's own camera, pipeline and queue of events
 * for a tool that runs them until a file ends or somebody presses Ctrl-C. Whoever asks is handed
 * every picture that was looked at, on the worker's thread, and takes the events from the queue.
 */
struct solo {
    struct conf *conf;       /* the caller's */
    struct conf_camera want; /* of the camera; set by the caller before the beginning */
    struct queue *events;
    struct pipeline *pipeline;
    struct lane *lane;
    struct camera *camera;
    sigset_t signals; /* what ends it */
};

/*
 * conf outlives it and is made fit: one worker, no observations, no pictures kept. url and shown
 * are borrowed. Before the first thread: the signals are blocked from here on, and nothing is
 * logged, for what the camera's thread would say is told by the tool, once.
 */
void solo_init(
        struct solo *s, struct conf *conf, const char *name, const char *url, const char *shown);

/* seen: see flow/view.h; called with arg for every picture. 0, or -1 with a sentence. */
int solo_begin(struct solo *s,
        void (*seen)(void *, const char *, struct frame *, const struct portrait *, int), void *arg,
        struct err *e);

/* Waits so long for a signal. True: one came. */
bool solo_wait(struct solo *s, int ms);

/* A second Ctrl-C does not wait. What is in the slot is still looked at. False: something hangs,
 * and nothing may be freed. */
bool solo_finish(struct solo *s);
void solo_done(struct solo *s);
