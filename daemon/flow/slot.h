#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct frame;

/*
 * A mailbox with room for one frame, where the newest wins.
 *
 * It stands between a camera, which must never wait for the detector, and the detector, which
 * wants the latest picture and no others. A frame put into a full slot replaces the one there;
 * the loss is counted, because "how far behind are we" is the first question asked of a slow
 * machine. A file that is to be analysed whole uses slot_put_wait() instead.
 *
 * Besides frames a mark travels through it, in order: "the source ended here". A mark is never
 * lost and never overtaken: it comes after the frame that was there before it, and before any
 * that is put later.
 *
 * Threads: one putter, one taker at a time. The taker does not wait here: the pool has one
 * condition for all its slots, and is woken through the function given at birth, which is called
 * with no lock held.
 */
struct slot;

/*
 * What the camera's side may know of the other one, to be looked at whenever it likes. At birth
 * nobody needs anything and the slot is empty.
 *
 * It may lie in memory that a putter in another process shares: whoever brings that one's pictures
 * counts them.
 */
struct slot_face {
    atomic_bool needed;     /* the taker wants every picture, for somebody is there, or looks */
    atomic_bool full;       /* the latest picture, or a mark, was not taken yet */
    atomic_uint sent, seen; /* pictures on their way to the slot, and those of them that arrived */
};

enum slot_item {
    SLOT_EMPTY,
    SLOT_FRAME,
    SLOT_MARK,
};

struct slot *slot_new(void (*wake)(void *arg), void *arg);
void slot_free(struct slot *s); /* NULL is fine; nobody may be inside */

/* Takes over the caller's reference to f, also when the slot is closed. */
void slot_put(struct slot *s, struct frame *f);

/* The same for a picture that nobody has to see: it replaces one that waits, which is so looked at
 * later but not older, and is let go where none does. Neither counts as lost. */
void slot_refresh(struct slot *s, struct frame *f);

/* The same as slot_put(), but waits until the slot is empty, for so long at most; -1: for ever.
 * Returns early, losing f, when it is closed. */
void slot_put_wait(struct slot *s, struct frame *f, int timeout_ms);

/* mark is the putter's own number. Of two marks with nothing taken in between the first stays. */
void slot_mark(struct slot *s, int mark);

/* Calls the wake function for news that are not in the slot. */
void slot_ring(struct slot *s);

/* Never waits. With SLOT_FRAME the frame's reference is the caller's. */
enum slot_item slot_take(struct slot *s, struct frame **ret_frame, int *ret_mark);

/* Nothing more can be put in, a waiting putter returns; what is inside can still be taken. */
void slot_close(struct slot *s);

const struct slot_face *slot_face(const struct slot *s); /* borrowed */

/* Is what was put last still there, or still on its way? */
bool slot_face_full(const struct slot_face *f);

/* What the face says is written there as well, now and whenever it changes; NULL, as at birth: no
 * more, once this has returned. Borrowed. */
void slot_mirror(struct slot *s, struct slot_face *copy);

/* For the taker: whether every picture is needed. */
void slot_need(struct slot *s, bool needed);

/* Frames replaced before anybody took them, since slot_new(). */
uint64_t slot_lost(struct slot *s);
