#pragma once

#include "app/overload.h"
#include "app/sandbox/wire.h"
#include "flow/slot.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct frame;
struct shelf;

/*
 * Memory that a camera's process and the daemon share, with places for some pictures, and before
 * them a board with what the process may know, so that it can look whenever it likes and nobody
 * has to be woken up for telling it.
 *
 * The process copies a picture into a free place and sends its description (struct wire_picture);
 * the daemon makes a frame around it, without copying, and gives the place back when the last
 * reference is gone, by a count for each place. The daemon reads nothing here but pixels, of which
 * every value is a valid one; how they lie it works out itself from format and size, the same way
 * as the process; and the memory is sealed, so that nobody can take it away from under a reader.
 * The process may scribble on a picture that is being looked at: it sends what it likes anyhow.
 * And on the board, which fools itself alone: the daemon writes there and believes nothing of it.
 *
 * Pages that nobody wrote to cost nothing, and the first free place is taken first.
 *
 * Threads: the frames' last references may go on any; all else the camera's.
 */

#define BOARD_SIZE 65536 /* the largest page that a kernel of ours has */
#define SHELF_SIZE (BOARD_SIZE + PACK_SIZE * WIRE_BUFFERS)

struct board {
    struct slot_face face;          /* but for `sent`, which is the process's */
    struct ease ease;               /* the order under load */
    atomic_uint back[WIRE_BUFFERS]; /* how often the picture in this place was given back */
    atomic_uint turns;              /* all of these together: what who waits for a place waits at */
};

/* ---- the daemon's side ---- */

/* NULL: no memory or no descriptors, with errno. */
struct shelf *shelf_new(void);
void shelf_free(struct shelf *s); /* NULL is fine; frames may still be about */
int shelf_fd(const struct shelf *s);
struct board *shelf_board(const struct shelf *s); /* borrowed; to be written to */

/* The picture that was described; the caller's reference. NULL: there is no memory, errno ENOMEM,
 * or the description is no honest one, EPROTO. */
struct frame *shelf_frame(struct shelf *s, const struct wire_picture *p);

/* ---- the process's side ---- */

struct rack {
    struct board *board;
    uint8_t *base;
    uint32_t out[WIRE_BUFFERS]; /* how often each place was sent */
};

int rack_map(struct rack *r, int fd); /* negative errno */

/* A free place, waited for so long at most; -1: none. */
int rack_place(const struct rack *r, int timeout_ms);

/* Copies the picture there, describes it and counts it as sent; false: it does not fit, or is of a
 * kind that cannot be copied. */
bool rack_put(struct rack *r, int place, const struct frame *f, struct wire_picture *ret);
