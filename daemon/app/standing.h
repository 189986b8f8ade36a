#pragma once

#include "app/session.h"
#include "base/log.h"
#include "flow/event.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What is known of one camera: its state, its stream, its counts. The camera's thread writes it
 * (app/camera.c, by what its sessions tell), anybody may read it.
 *
 * Threads: standing_state(), standing_online() and standing_read() any, the others the camera's.
 */
struct camera_status {
    enum camera_state state;
    bool enabled;
    int64_t since_us;  /* mono_us() of the last change of state */
    char trouble[256]; /* why it is not online; "" when all is well */
    char format[64];   /* "h264 1920x1080", "" before the first connection */
    char decoder[64];  /* "software", or the hardware's name; "" before the first connection */
    char decoder_trouble[480];    /* why it is not the hardware that was asked for; "": it is */
    int64_t decoder_since_us;     /* mono_us() when that was found out */
    int64_t duration_us;          /* of a file; 0: not known */
    struct session_counts counts; /* of all its sessions */
    uint64_t sampled;             /* put into the slot */
    uint64_t reconnects;          /* connections lost or refused */
    uint64_t stalls;              /* gaps of two frame intervals, at least 2 s */
};

struct standing {
    const char *hwaccel; /* that was asked for; borrowed */
    atomic_int state;

    pthread_mutex_t lock; /* a leaf */
    /* protected by lock; all but state and enabled */
    struct camera_status known;
    struct session_counts earlier; /* by earlier sessions */

    /* owned by the camera's thread */
    struct log_limit no_hardware;
    /* of the present session */
    struct session_opened opened;
    int64_t first_us; /* the first picture's arrival; 0: none yet */
    int64_t last_us;  /* the latest one's */
    bool tried;       /* what decodes is known */
    bool troubled;    /* and why it is not what was asked for */
};

void standing_init(struct standing *s, const char *hwaccel);
void standing_destroy(struct standing *s);

enum camera_state standing_state(const struct standing *s);
void standing_read(struct standing *s, struct camera_status *ret); /* but enabled */

/* trouble: why it is not online, "" when there is nothing to complain of. True: the state is
 * another one now. */
bool standing_enter(struct standing *s, enum camera_state state, const char *trouble);

/* A session begins; what it opened; its first picture, true when its format is not the one
 * before; what it counts, true when pictures have come; and its end. */
void standing_begin(struct standing *s);
void standing_opened(struct standing *s, const struct session_opened *opened);
bool standing_online(struct standing *s, const char *format);
bool standing_stock(struct standing *s, const struct session_stock *stock);
void standing_end(struct standing *s);

void standing_sampled(struct standing *s);
void standing_reconnect(struct standing *s);
