#pragma once

#include "app/choice.h"

#include <stdbool.h>
#include <stdint.h>

struct backlog;
struct packet;
struct sparing;

/*
 * What a camera keeps while it sleeps, from a key frame on, and decodes when it wakes: so that
 * nobody is missed who came in between.
 *
 * Asleep, packets are kept, or passed by. Awake again, those that were kept are handed out one
 * after another, a few with each packet that comes, which goes behind them, until they are used
 * up. One for which there is no memory then is handed out last, in the same push.
 *
 * The sampler's choice goes back to where it was when the first was kept, and chooses anew.
 *
 * Threads: the camera's.
 */
struct replay {
    /* borrowed */
    struct choice *choice;
    struct sparing *sparing;
    /* owned */
    struct backlog *kept;
    struct choice_mark then; /* where the choice was before the first of them */
    int next;                /* to be handed out; REPLAY_IDLE: they are only kept */
    int left;                /* as many with this push */
    int64_t woke_us;
    const struct packet *beyond; /* the one for which there was no memory; borrowed for a push */
    bool ending;                 /* nothing comes after them */
    /* read by the owner */
    uint64_t frames;    /* packets counted here as pictures */
    uint64_t undecoded; /* of these never decoded */
    uint64_t wakes;
};

#define REPLAY_IDLE (-1)

void replay_init(struct replay *r, struct choice *choice, struct sparing *sparing);
void replay_destroy(struct replay *r);

bool replay_active(const struct replay *r); /* they are being handed out */
bool replay_holds(const struct replay *r);  /* something is kept */
bool replay_room(const struct replay *r, int size);

/* ---- while it sleeps ---- */

/* It came, and the rate would have asked for it, decoded or not. */
void replay_count(struct replay *r, const struct packet *p);

/* False: there is no room or no memory, and nothing has been done. */
bool replay_keep(struct replay *r, const struct packet *p);

/* A packet that is neither decoded nor kept. */
void replay_pass_by(struct replay *r, const struct packet *p);

/* The first that was kept is shown, and all of them are dropped: what is kept begins anew. */
void replay_settle(struct replay *r);

/* Dropped without having been decoded, whether they were being handed out or not. */
void replay_give_up(struct replay *r);

/* The choice as it is now is the one to go back to. */
void replay_mark(struct replay *r);

/* The latest key frame kept that is no newer than this: its packet, or its place in the order. */
const struct packet *replay_key(const struct replay *r, int64_t time_us);
int replay_key_place(const struct replay *r, int64_t time_us);

/* ---- awake again ---- */

/* From this place on they are handed out. rewind: what was kept was decoded before. */
void replay_wake(struct replay *r, int from, int64_t now_us, bool rewind);

/* A packet that comes meanwhile; and one that wakes, which the rate has not been asked about. */
void replay_follow(struct replay *r, const struct packet *p);
void replay_last(struct replay *r, const struct packet *p);

/* The source has ended: what is left is handed out at once. */
void replay_end(struct replay *r);

/* Can the next wait for a worker who has not taken the latest picture? */
bool replay_is_patient(const struct replay *r, int64_t now_us);

enum replay_step {
    REPLAY_NONE,   /* not now */
    REPLAY_PACKET, /* *ret is to be decoded */
    REPLAY_OVER,   /* that was all; it keeps again */
    REPLAY_ENDED,  /* and nothing comes after it */
};
enum replay_step replay_next(struct replay *r, bool wait, const struct packet **ret);
