#pragma once

#include "flow/event.h"

/*
 * What was seen in one picture, for whoever shows it to somebody.
 *
 * A worker looks at a picture and goes on; who wants to see what it saw - a browser, a recording -
 * says so beforehand and is handed the picture and everybody in it. Nothing is made for nobody.
 */
struct frame;

struct portrait {
    struct box box;         /* in pixels of the frame */
    struct answers answers; /* what is thought so far */
    bool person;            /* false: perhaps a face; it is not named, only made unrecognisable */
    uint64_t track;         /* 0: a detection, which has none */
    bool found;             /* in this picture; else the box is where the track is expected */
};

/* All tracks and all detections of a picture. */
#define VIEW_MAX (SIGHTINGS_MAX + FACES_MAX)

struct view_links {
    /* Would anybody look at this camera's pictures just now? Any worker; cheap. */
    bool (*wanted)(void *arg, const char *camera);
    /* A picture of it was looked at, and here it is. On the worker's thread, which waits. */
    void (*seen)(
            void *arg, const char *camera, struct frame *f, const struct portrait *faces, int n);
    void *arg;
    /* Also pictures that nobody looked at, as they show nothing new: with the tracks alone, so not
     * for who has to make faces unrecognisable that are nobody's. */
    bool held_too;
};
