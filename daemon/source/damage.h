#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Which decoded pictures are whole.
 *
 * A lost packet flags no picture, and a damaged picture is the reference of all that follow until
 * the next key frame. So after any sign of damage nothing passes before a key frame that was
 * itself received and decoded without one; and a stream begins at a key frame.
 *
 * Packets are numbered by the caller in the order of decoding, and each picture carries the
 * number of its packet: a key frame that was still inside the decoder when the loss was noticed
 * does not end the wait. Pure; one per decoder.
 */
#define DAMAGE_WINDOW 16

struct damage {
    bool live; /* a gap in the timestamps is a sign of loss */
    /* the wait for a key frame */
    bool clean;
    uint64_t bad_to;     /* the highest packet with damage in or before it */
    uint64_t clean_from; /* the key frame that ended the last wait */
    /* recent intervals between packets */
    int64_t last_us;
    int64_t window[DAMAGE_WINDOW];
    unsigned n_window;
    /* counted */
    bool unpaid;       /* the present wait has cost no picture yet */
    uint64_t events;   /* waits that cost pictures, the one at the beginning aside */
    uint64_t withheld; /* pictures that did not pass */
};

#define DAMAGE_NO_TIME INT64_MIN

void damage_init(struct damage *d, bool live);

/* Before a packet is decoded. numbers rise from 1; dts_us in the order of decoding; damaged:
 * something of it, or between it and the one before, was lost. */
void damage_packet(struct damage *d, uint64_t number, int64_t dts_us, bool damaged);

/* The decoder complained while it had this packet. */
void damage_error(struct damage *d, uint64_t number);

/* What follows is not what followed the last packet: it begins at a key frame, and the step in time
 * is no gap. */
void damage_restart(struct damage *d, uint64_t number);

/* May this picture pass? flagged: the decoder itself says that it is not whole. */
bool damage_frame(struct damage *d, uint64_t number, bool key, bool flagged);
