#pragma once

#include "base/err.h"
#include "source/fault.h"
#include "source/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct frame;

/*
 * From packets to whole pictures.
 *
 * What comes out was decoded from a key frame on without any sign of loss (source/damage.h), in
 * the order of presentation, in the decoder's own pixel format, with the times of flow/frame.h. A
 * new size in mid-stream simply gives frames of that size. Memory that is short costs a frame,
 * not the stream.
 *
 * It may be hardware that decodes (source/hardware.h). When that fails, at the beginning or later,
 * libav's own decoder takes its place from the next key frame on, for as long as this one is open;
 * decoder_trouble() says why. Frames are in system memory in any case.
 *
 * Threads: the one of its source.
 */
struct decoder;

/* NULL when there is no decoder for this codec. The stream must outlive it, and so must hwaccel,
 * the hardware that is wanted. */
struct decoder *decoder_open(const struct stream *stream, const char *hwaccel,
        enum source_fault *ret_fault, struct err *e);
void decoder_close(struct decoder *d); /* NULL is fine */

/*
 * Takes in a packet, NULL: the last one is past, give out what is inside. All frames must be
 * pulled before the next push. SOURCE_OK also for a packet that cannot be decoded: that is
 * counted; SOURCE_TOO_LARGE ends the stream.
 */
enum source_fault decoder_push(struct decoder *d, const struct packet *packet, struct err *e);

/* The next picture, the caller's reference; NULL: push more. */
struct frame *decoder_pull(struct decoder *d);

/*
 * The same in two steps, for who needs only some of the pictures: bringing one from a card's memory
 * is work. decoder_next() finds the next one and says its time by the track clock; false: push
 * more. decoder_take() makes a frame of it, the caller's reference; NULL: memory is short, or the
 * hardware failed, and the picture is lost.
 */
bool decoder_next(struct decoder *d, int64_t *ret_time_us);
struct frame *decoder_take(struct decoder *d);

/*
 * Forgets what is inside: what is pushed next is a key frame and need not follow on what was pushed
 * last. rewind: it may be older than what was pushed since the last restart, and has its own times.
 */
void decoder_restart(struct decoder *d, bool rewind);

/*
 * Roughly what a packet shows, decoded upon this key frame without those between them: where
 * nothing moves that is the picture, and where somebody does it is rubbish, which tells of him.
 * For looking at its brightness only. A restart comes before the next push. The caller's
 * reference; NULL: nothing came of it.
 */
struct frame *decoder_peek(
        struct decoder *d, const struct packet *key, const struct packet *packet);

/* Only H.264 in software takes the picture before for a missing one; H.265 takes a grey one. */
bool decoder_can_peek(const struct decoder *d);

/* Whether less will do: without the loop filter, and without the pictures that no other needs. From
 * the next key frame on, if called before it. Hardware makes of it what it can. */
void decoder_spare(struct decoder *d, bool filter, bool pictures);

/* Why the hardware that was asked for does not decode; NULL: it does, or none was. */
const char *decoder_trouble(const struct decoder *d);

/* Fills its part of *info. */
void decoder_info(const struct decoder *d, struct stream_info *info);
