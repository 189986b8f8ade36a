#pragma once

#include "base/err.h"
#include "source/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct decoder;
struct frame;
struct packet;

/*
 * A decoder that does less where less will do: pictures that no other one needs are left out, and
 * the loop filter too while nobody is there; and, for who sleeps, the picture of one packet alone.
 *
 * Threads: the camera's.
 */
struct sparing {
    struct decoder *decoder; /* borrowed */
    double fps;              /* that the sampler asks for */
    bool on;                 /* pictures are left out since the latest key frame */
    bool dense;              /* enough are left, as was seen while nobody was there */
    int64_t since_us;        /* that key frame's time */
    int pictures;            /* that came of it since */
};

void sparing_init(struct sparing *s, struct decoder *decoder, double fps);

/* A key frame comes and begins a group of pictures. nobody: is there, and nothing is new. */
void sparing_group(struct sparing *s, int64_t time_us, bool nobody);

/* What is pushed next does not follow on what was pushed last; rewind as in decoder_restart(). */
void sparing_restart(struct sparing *s, bool rewind);

/* The picture of one packet decoded by itself; *ret NULL: nothing came of it. The caller restarts
 * before the next push. */
enum source_fault sparing_alone(
        struct sparing *s, const struct packet *p, struct frame **ret, struct err *e);
