#pragma once

#include "base/err.h"
#include "sample/lag.h"
#include "source/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct choice;
struct frame;
struct packet;
struct replay;
struct sparing;
struct vigil;

/*
 * What a camera leaves out where the machine cannot do everything, packet by packet.
 *
 * Who does not catch up with what he reads goes on at a later key frame (sample/lag.h). By order
 * (app/overload.h), where nobody is, key frames only are decoded and given out, whatever the rate
 * asks for; what follows on the last one is kept, and decoded if somebody is found in it. Both ways
 * lead over a key frame but that one. A camera that sleeps does less still, and is left alone.
 *
 * Times are those of packets, in microseconds. Threads: the camera's.
 */
struct lean {
    /* set at birth, borrowed */
    struct choice *choice; /* knows the order, and whether somebody is needed */
    struct replay *replay;
    struct sparing *sparing;
    struct vigil *vigil;
    bool prompt; /* a packet that is old has waited unread */

    bool on;        /* key frames only */
    uint64_t shown; /* pictures that were given out since the choice's mark: the key frame's */
    struct lag lag;
    uint64_t behind; /* packets that had waited unread for too long */
};

void lean_init(struct lean *l, struct choice *choice, struct replay *replay,
        struct sparing *sparing, struct vigil *vigil, bool prompt);

enum lean_order {
    LEAN_DECODE, /* nothing is left out */
    LEAN_KEYS,   /* it is for lean_push() */
    LEAN_SKIP,   /* it has been let go */
};

/* Before anybody else hears of the packet. */
enum lean_order lean_packet(struct lean *l, const struct packet *p);

/* A packet of LEAN_KEYS. *ret: the key frame, the caller's reference, to be looked at and given
 * out; NULL: it is none, or could not be decoded. */
enum source_fault lean_push(
        struct lean *l, const struct packet *p, struct frame **ret, struct err *e);
