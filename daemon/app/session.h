#pragma once

#include "base/err.h"
#include "source/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct beat;
struct conf_camera;
struct ease;
struct frame;
struct slot;
struct slot_face;
struct stop;

/*
 * One connection to a camera, from opening its source to closing it: packets are read, what may
 * matter is decoded, and the pictures that are to be analysed are handed to whoever listens.
 *
 * It knows nothing of states, back-offs and the world's opinion of the camera: that is
 * app/camera.c. So it is also all that needs to touch what a stranger sends.
 *
 * Threads: the camera's; the listener is called on it.
 */
struct session_order {
    const struct conf_camera *conf;
    const struct slot_face *face; /* who is needed, and whether there is room for a picture */
    struct slot *slot;            /* whose face that is, for who mirrors it; NULL: another's */
    const struct ease *ease;      /* the order under load; NULL: everything */
    struct stop *halt;            /* ends it */
    struct beat *beat;
    uint64_t enough; /* it ends after so many pictures that the rate asks for; 0: never */
};

struct session_opened {
    bool live;
    double fps;          /* nominal; 0: not known */
    int64_t duration_us; /* of a file; 0: not known */
};

/* How a picture goes into the slot. */
enum session_give {
    GIVE_NEWEST,  /* it replaces one that waits */
    GIVE_LATE,    /* the last ones of all: a worker may be waited for a little */
    GIVE_EACH,    /* it waits until it is the worker's turn */
    GIVE_REFRESH, /* it replaces one that waits, or is let go: there is no time for it */
};

/* So far in this session. */
struct session_counts {
    uint64_t frames;    /* that came and were not damaged, decoded or not */
    uint64_t due;       /* that the rate asks for */
    uint64_t damaged;   /* decoded and held back */
    uint64_t undecoded; /* never decoded, as nothing happened */
    uint64_t wakes;     /* times that something did while it slept */
    uint64_t dropped;   /* that the rate asks for, given up for want of time */
    uint64_t behind;    /* packets that had waited unread for too long */
    bool asleep;
};

struct session_stock {
    struct session_counts counts;
    bool decoded;        /* a picture at least: so the decoder is known to work */
    const char *decoder; /* "software", or the hardware's name */
    const char *trouble; /* why it is not the hardware that was asked for; NULL: it is */
};

struct session_listener {
    void *arg;
    void (*opened)(void *arg, const struct session_opened *opened);
    /* The first picture; format: "h264 1920x1080", and whether encrypted without a check of who
     * is at the other end. */
    void (*online)(void *arg, const char *format, bool unverified);
    void (*picture)(void *arg, struct frame *f, enum session_give how); /* takes over f */
    void (*stock)(void *arg, const struct session_stock *stock);        /* after each packet */
};

/* Until something ends it. SOURCE_OK: it was enough. Else e has the sentence. */
enum source_fault session_run(
        const struct session_order *order, const struct session_listener *listener, struct err *e);
