#pragma once

#include "base/err.h"

#include <stdbool.h>

struct AVCodec;
struct AVCodecContext;
struct AVFrame;

/*
 * Decoding by a graphics card or a chip, under the name that FFmpeg gives it.
 *
 * There are two kinds. A device ("vaapi", "cuda", "vdpau") helps FFmpeg's usual decoder, and its
 * pictures lie in the card's memory until hardware_fetch() brings one here. A decoder of its own
 * ("v4l2m2m", "qsv", "cuvid", or by its full name, "h264_v4l2m2m") takes the place of the usual one
 * and brings each picture itself. Behind a colon may stand which device, "cuda:1" or
 * "vaapi:/dev/dri/renderD129". What to do when it fails is its decoder's business
 * (source/decoder.h).
 *
 * Threads: the one of its decoder; hardware_check() any.
 */
struct hardware;

/* Not with NULL, "" and "none". */
bool hardware_wanted(const char *wish);

/* Does libav here know this name, if any is wanted? 0, or -EINVAL with a sentence that names those
 * it knows. Nothing is opened: whether it works is another question. */
int hardware_check(const char *wish, struct err *e);

/* For video of this codec (an enum AVCodecID). NULL, with a sentence, when it cannot be had. Blocks
 * for as long as the driver takes. */
struct hardware *hardware_open(const char *wish, int codec_id, struct err *e);
void hardware_free(struct hardware *h); /* NULL is fine; after the context that it was given to */

/* The decoder to be opened, and what its context must know before that. */
const struct AVCodec *hardware_codec(const struct hardware *h);
void hardware_prepare(struct hardware *h, struct AVCodecContext *codec);

/* Is this picture one of the hardware's? Not where libav decoded it after all, as the device does
 * not take this kind of video. */
bool hardware_made(const struct hardware *h, const struct AVFrame *picture);

/* Puts the picture's copy in system memory in its place. 0 or a negative libav code. */
int hardware_fetch(const struct hardware *h, struct AVFrame *picture);

/* Is it a decoder that carries no marks of ours from packet to picture? */
bool hardware_wraps(const struct hardware *h);

/* Is it a decoder that gives out nothing more once it was drained? */
bool hardware_drains_once(const struct hardware *h);
