#pragma once

#include "app/sandbox/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct frame;
struct shelf;

/*
 * Memory that a camera's process and the daemon share, with places for some pictures.
 *
 * The process copies a picture into a free place and sends its description (struct wire_picture);
 * the daemon makes a frame around it, without copying, and gives the place back when the last
 * reference is gone, by a count for each place. The daemon reads nothing here but pixels, of which
 * every value is a valid one; how they lie it works out itself from format and size, the same way
 * as the process; and the memory is sealed, so that nobody can take it away from under a reader.
 * The process may scribble on a picture that is being looked at: it sends what it likes anyhow.
 *
 * Pages that nobody wrote to cost nothing, and the first free place is taken first.
 *
 * Threads: the frames' last references may go on any; all else the camera's.
 */

/* ---- the daemon's side ---- */

/* notify: an eventfd that is written to when a place comes back; it is duplicated. NULL: no memory
 * or no descriptors, with errno. */
struct shelf *shelf_new(int notify);
void shelf_free(struct shelf *s); /* NULL is fine; frames may still be about */
int shelf_fd(const struct shelf *s);

/* The picture that was described; the caller's reference. NULL: there is no memory, errno ENOMEM,
 * or the description is no honest one, EPROTO. */
struct frame *shelf_frame(struct shelf *s, const struct wire_picture *p);

/* How often each place was given back. */
void shelf_back(struct shelf *s, uint32_t ret[WIRE_BUFFERS]);

/* ---- the process's side ---- */

struct rack {
    uint8_t *base;
    uint32_t out[WIRE_BUFFERS]; /* how often each place was sent */
};

int rack_map(struct rack *r, int fd); /* negative errno */

/* A free place, by the counts that came; -1: none. */
int rack_place(const struct rack *r, const uint32_t back[WIRE_BUFFERS]);

/* Copies the picture there and describes it; false: it does not fit, or is of a kind that cannot be
 * copied. */
bool rack_put(struct rack *r, int place, const struct frame *f, struct wire_picture *ret);
