#pragma once

#include "source/stream.h"

/*
 * Packets that may yet have to be decoded, in their order: references, bounded in number and bytes.
 *
 * Threads: the camera's.
 */
struct backlog;

#define BACKLOG_PACKETS 512
#define BACKLOG_BYTES   (6 << 20)

struct backlog *backlog_new(void);
void backlog_free(struct backlog *b); /* NULL is fine */

/* Is there room for one more of this size? */
bool backlog_room(const struct backlog *b, int size);

/* False: there is no room, or no memory; it is not kept. */
bool backlog_add(struct backlog *b, const struct packet *p);
void backlog_clear(struct backlog *b);

int backlog_length(const struct backlog *b);
const struct packet *backlog_at(const struct backlog *b, int i); /* 0: the oldest */
