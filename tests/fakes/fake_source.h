#pragma once

#include "source/fault.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A camera by a script, in the place of source/source.c and decoder.c. Each step is the answer to
 * one call; when the script has ended, or says so, the caller waits until it is asked to stop. What
 * a stop interrupted goes on with the next source_open(). It checks that its user keeps the rules
 * of source.h.
 *
 * Threads: the script is set while no camera runs; the functions may be called by any.
 */
enum fake_step_kind {
    FAKE_OPENS,      /* source_open() and decoder_open() succeed */
    FAKE_FAILS,      /* source_open() does not, with fault and text */
    FAKE_NO_DECODER, /* decoder_open() does not */
    FAKE_PICTURE,    /* a packet that is a picture, after us have passed */
    FAKE_HELD,       /* one whose picture comes when the decoder is flushed */
    FAKE_DAMAGED,    /* one whose picture is held back */
    FAKE_REFUSED,    /* decoder_push() ends the stream with fault and text */
    FAKE_ENDS,       /* source_read() ends with fault and text */
    FAKE_WAITS,      /* until stop is asked */
    FAKE_OVER,       /* the script's last step */
};

struct fake_step {
    enum fake_step_kind kind;
    enum source_fault fault;
    const char *text;
    int64_t us;
};

struct fake_source {
    const struct fake_step *script;
    bool live;
    double fps;
    int64_t picture_us; /* from picture to picture by the track clock */
};

extern struct fake_source fake_source;

void fake_source_begin(const struct fake_step *script); /* also resets all that is above */

/* Waits until the script has come to its nth place of waiting, from 1; false after 30 s. */
bool fake_source_waits(int nth);

int fake_source_open(void); /* sources and decoders that are open */
