#pragma once

#include "flow/frame.h"
#include "sample/sampler.h"
#include "sample/scene.h"

#include <stdbool.h>
#include <stdint.h>

struct conf_camera;
struct ease;
struct slot_face;

/*
 * Which of a camera's pictures are given out to be analysed: those that the sampling rate asks for,
 * each with a note where something is new, and of these as many as there is time for
 * (app/overload.h).
 *
 * What is not decoded counts as well: the rate would have asked for it. Who decodes a second time
 * from a moment on goes back to the mark that was made there.
 *
 * Threads: the camera's.
 */
struct choice {
    /* set at birth, borrowed */
    const struct conf_camera *conf;
    const struct slot_face *face; /* says whether somebody is needed */
    const struct ease *ease;      /* the order; NULL: there is time for all */

    struct sampler sampler;
    struct scene scene;
    int64_t last_us;  /* of the latest picture that was chosen */
    bool still;       /* it showed nothing new */
    double owed;      /* pictures that may be given out under the present order */
    uint64_t due;     /* that the rate asked for, decoded or not */
    uint64_t dropped; /* of those never given out, for want of time */
};

struct choice_mark {
    struct sampler sampler;
    uint64_t due;
};

void choice_init(struct choice *c, const struct conf_camera *conf, const struct slot_face *face,
        const struct ease *ease);

/* Does somebody need every picture just now? */
bool choice_is_needed(const struct choice *c);

/* Does the rate ask for what comes at this time? */
bool choice_asks(struct choice *c, int64_t time_us);

/* Is the decoded picture of this time to be looked at? again: it may have been before. */
bool choice_wants(struct choice *c, int64_t time_us, bool again);

/* Notes on it what is new in it. lonely: nobody is there, as far as is known. ret_luma->width 0: it
 * has no brightness. */
struct scene_change choice_look(
        struct choice *c, struct frame *f, bool lonely, struct luma *ret_luma);

/* It is the latest that was chosen. */
void choice_took(struct choice *c, int64_t time_us, bool still);

/*
 * Gives out one that was wanted and looked at; for want of time only in the place of one that
 * waits, or not at all, and then NULL is returned. age_us: how long ago it came; of that it lay
 * unread for unread_us.
 */
struct frame *choice_give(struct choice *c, struct frame *f, const struct scene_change *change,
        int64_t age_us, int64_t unread_us, bool *ret_refresh);

struct choice_mark choice_mark(const struct choice *c);
void choice_rewind(struct choice *c, const struct choice_mark *mark);
