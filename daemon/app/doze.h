#pragma once

#include "base/err.h"
#include "flow/settings.h"
#include "source/fault.h"
#include "source/stream.h"

#include <stdint.h>

struct decoder;
struct ease;
struct frame;
struct slot_face;

/*
 * A camera's decoder that does only what may matter: packets go in, and out come the pictures that
 * the sampling rate asks for, each with a note since when nothing new is to be seen.
 *
 * With decode = "auto" it sleeps while nothing happens (sample/vigil.h): packets are kept and not
 * decoded, but for a key frame now and then. When something happens, what was kept is decoded, a
 * few packets with each new one and no faster than the worker takes the pictures: so the reader
 * never waits, and the pictures come out in order with the times that they came at. A file as fast
 * as it can be analysed never sleeps: who is there is known too late for two runs to be the same.
 *
 * Where the machine cannot do everything it does less (app/overload.h): of the pictures that are
 * due it gives out a share, the others only in the place of one that still waits in the slot; and
 * where nobody is, key frames only, with what follows on the last one kept for the case that
 * somebody is found in it. Whatever the order, what is late is not given out, and who does not
 * catch up goes on at a later key frame (sample/lag.h); but with decode = "keyframes" all are.
 *
 * Threads: the camera's.
 */
struct doze;

/* conf, the decoder, the face, which says who is needed, and the order, which may be NULL, are
 * borrowed and outlive it. */
struct doze *doze_new(const struct conf_camera *conf, const struct stream *stream,
        struct decoder *decoder, const struct slot_face *face, const struct ease *ease);
void doze_free(struct doze *d); /* NULL is fine */

/* As decoder_push(), with the same rule: all is pulled before the next push. */
enum source_fault doze_push(struct doze *d, const struct packet *packet, struct err *e);

/* The next picture to be analysed, the caller's reference; NULL: push more. *ret_refresh: there is
 * no time for it, but in the place of one that waits. */
struct frame *doze_pull(struct doze *d, bool *ret_refresh);

struct doze_counts {
    uint64_t frames;    /* pictures that came, those that were found damaged aside */
    uint64_t due;       /* that the rate asks for, decoded or not */
    uint64_t undecoded; /* packets that were let go without decoding them */
    uint64_t wakes;
    uint64_t dropped; /* of those due never given out, for want of time */
    uint64_t behind;  /* packets that had waited unread for too long */
    bool asleep;
    bool lean;   /* key frames only, by order */
    bool late;   /* what was kept is still being decoded */
    bool ending; /* and nothing comes after it: whoever takes the pictures may be waited for */
};
struct doze_counts doze_counts(const struct doze *d);
