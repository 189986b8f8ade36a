#pragma once

#include "sample/quiet.h"
#include "sample/scene.h"

/*
 * When a camera may sleep: which packets are decoded, and which are only kept.
 *
 *     awake --a key frame comes, nobody is there, nothing has moved for a while--> asleep
 *     asleep --a packet is larger than quiet; a key frame or a peek differs; somebody is
 *              needed--> awake
 *
 * Asleep, a key frame is decoded now and then to see whether all is as before. Where the sizes of
 * packets say nothing it is each one, and between them one in a dozen packets is peeked at: decoded
 * as if nothing had come since the key frame. A stream whose sizes say nothing, whose key frames
 * are far apart and that cannot be peeked at never sleeps, and one whose peeks tell again and again
 * of what is not there seldom. Whoever asks keeps the packets that are not decoded, from the last
 * key frame on that was seen to be still, and decodes them when it is time to wake: so nobody is
 * lost who came in between.
 *
 * Pure; one per open source.
 */
enum vigil_order {
    VIGIL_DECODE, /* awake */
    VIGIL_KEEP,   /* asleep: keep it */
    VIGIL_PEEK,   /* asleep: keep it; what it shows roughly is for vigil_peeked() */
    VIGIL_CHECK,  /* decode this key frame alone, and tell vigil_checked() what it shows */
    VIGIL_WAKE,   /* keep it, and decode all that is kept from the last key frame on */
};

struct vigil {
    bool asleep, replaying;
    struct quiet quiet;
    bool begun;
    bool by_size;  /* it woke because of the sizes ... */
    bool by_peek;  /* ... or of a peek ... */
    bool moved;    /* ... and something was seen since */
    bool peeks;    /* set by who asks: packets can be peeked at */
    int lies;      /* so many peeks in a row had told of what was not there */
    int since_key; /* packets */
    int gop;       /* packets from key frame to key frame, the latest; 0: not known */
    int64_t gop_us;
    int64_t key_us, woke_us, slept_us, checked_us, peeked_us;
    int64_t picture_us, still_us; /* of the latest picture that was looked at */
};

#define VIGIL_GOP_MAX 400 /* packets; longer ones are always decoded */

struct vigil_packet {
    int64_t time_us;
    int size;
    bool key;
    bool needed; /* somebody is there, or looks */
    bool room;   /* it can be kept */
};

void vigil_init(struct vigil *v);
enum vigil_order vigil_packet(struct vigil *v, const struct vigil_packet *p);

/* A packet about which others decide just now, for reasons of their own: it is awake, and as
 * experienced as before. vigil_rouse(): and they decode what they had kept. */
void vigil_pass(struct vigil *v, const struct vigil_packet *p);
void vigil_rouse(struct vigil *v, int64_t time_us);

/* What the key frame of VIGIL_CHECK shows, NULL: it could not be decoded. True: go on sleeping, and
 * what was kept before it can be forgotten. False: decode all that is kept, it too. */
bool vigil_checked(struct vigil *v, const struct scene_change *change, int64_t time_us);

/* What the packet of VIGIL_PEEK shows, by a scene of rough pictures; the answer is the same, but
 * nothing of what was kept can be forgotten. */
bool vigil_peeked(struct vigil *v, const struct scene_change *change, int64_t time_us);

/* A picture among those that are decoded while awake. */
void vigil_picture(struct vigil *v, const struct scene_change *change, int64_t time_us);

/* After VIGIL_WAKE or a failed check: all that was kept is decoded now. */
void vigil_caught_up(struct vigil *v);
