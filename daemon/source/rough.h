#pragma once

#include <stdbool.h>
#include <stdint.h>

struct AVCodecContext;
struct frame;
struct packet;

/*
 * A packet decoded upon a key frame without those between them, by libav's own decoder of H.264,
 * which takes the picture before for a missing one. It is borrowed for the call, and afterwards
 * nothing in it is of use but to the next peek: a flush comes before the next packet.
 *
 * A key frame that is inside already is not decoded again; so whoever gives the decoder something
 * else says it here. Times are those of the packets, by the monotonic clock, in microseconds.
 *
 * Threads: the one of its decoder.
 */
struct rough;

struct rough *rough_new(void);
void rough_free(struct rough *r); /* NULL is fine */

/* Of all packets just the key frame of this time is inside the decoder; ROUGH_NOTHING: it is not
 * so. */
#define ROUGH_NOTHING INT64_MIN
void rough_inside(struct rough *r, int64_t key_us);

/* The caller's reference; NULL: nothing came of it. */
struct frame *rough_peek(struct rough *r, struct AVCodecContext *codec, const struct packet *key,
        const struct packet *packet);
