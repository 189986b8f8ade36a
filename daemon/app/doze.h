#pragma once

#include "base/err.h"
#include "source/source.h"

#include <stdint.h>

struct decoder;
struct frame;

/*
 * A camera's decoder that does only what may matter: packets go in, and out come the pictures that
 * the sampling rate asks for, each with a note since when nothing new is to be seen.
 *
 * Threads: the camera's.
 */
struct doze;

/* conf and the decoder are borrowed and outlive it. */
struct doze *doze_new(const struct conf_camera *conf, struct decoder *decoder);
void doze_free(struct doze *d); /* NULL is fine */

/* As decoder_push(), with the same rule: all is pulled before the next push. */
enum source_fault doze_push(struct doze *d, const struct packet *packet, struct err *e);

/* The next picture to be analysed, the caller's reference; NULL: push more. */
struct frame *doze_pull(struct doze *d);

struct doze_counts {
    uint64_t frames; /* pictures that came and were not damaged */
};
struct doze_counts doze_counts(const struct doze *d);
