#pragma once

#include "base/err.h"
#include "source/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct AVCodecContext;
struct AVFrame;

/*
 * The codec of a stream: packets by number go in, and pictures come out with the numbers of theirs.
 *
 * It may be hardware that decodes (source/hardware.h). When that fails, at whatever step, libav's
 * own decoder takes its place, for as long as this one is open. What was inside is lost then, and
 * what is pushed next refers to it: engine_changed() tells whoever must know. Which pictures are
 * whole is not asked here.
 *
 * Functions that return a number return 0 or a negative libav code.
 *
 * Threads: the one of its decoder.
 */
struct engine;

/* More packets than any decoder holds back (16 pictures in H.264 and H.265). */
#define ENGINE_HELD 64

/* For a codec that libav can decode. NULL, with a code: it does not start. The stream must outlive
 * it, and so must hwaccel, the hardware that is wanted. */
struct engine *engine_open(const struct stream *stream, const char *hwaccel, int *ret_code);
void engine_close(struct engine *e); /* NULL is fine */

/* A packet and its number, or NULL, with the latest number: give out what is inside. Hardware that
 * fails on a packet costs nothing if it is a key frame: the other decoder begins with it. */
int engine_send(struct engine *e, const struct packet *packet, uint64_t number);

/* The next picture, and the number of the packet it came in. AVERROR(EAGAIN), AVERROR_EOF: no more
 * for now. */
int engine_receive(struct engine *e, struct AVFrame *picture, uint64_t *ret_number);

/* Brings the picture that was received last to system memory, where it may be already. False: it is
 * lost, for want of memory or by a failure. */
bool engine_fetch(struct engine *e, struct AVFrame *picture);

/* Forgets what is inside. */
void engine_restart(struct engine *e);

/* Has libav's own decoder taken the hardware's place since the last call? */
bool engine_changed(struct engine *e);

/* Without the loop filter, and without the pictures that no other needs? */
void engine_spare(struct engine *e, bool filter, bool pictures);

/* False: neither hardware nor libav decodes; every packet fails. */
bool engine_works(const struct engine *e);

/* libav's own decoder; NULL while hardware is in its place. Valid until the next call. */
struct AVCodecContext *engine_software(const struct engine *e);

/* Why the hardware that was asked for does not decode; NULL: it does, or none was. */
const char *engine_trouble(const struct engine *e);

/* Who made the latest picture: "software", or the hardware by the name it was asked for. */
void engine_name(const struct engine *e, char *ret, size_t size);
