#pragma once

#include "vision/regions.h"

#include <stdbool.h>
#include <stdint.h>

struct card;
struct conf_camera;
struct emitter;
struct frame;
struct tracker;

/*
 * How a camera's next picture is looked at: not at all, because it shows nothing new and nothing
 * is open, or nothing but people who are known and were found a moment ago; in parts, where
 * something is new; or as a whole.
 *
 * Two pictures of a file that is analysed twice are treated alike both times: what is asked is
 * only when pictures were looked at and what they show, never how busy anybody is.
 *
 * Threads: the worker that has the camera's turn.
 */
struct gaze {
    bool calm;         /* the last look found everybody, and nothing is open */
    bool whole;        /* the last look was of this size at least, and there was one */
    int width, height; /* of the picture that was looked at last */
    int64_t look_us;   /* its time by the track clock */
    int64_t whole_us;  /* that of the last whole one */
    int present;       /* tracks, whoever they may become */
};

enum gaze_at {
    GAZE_HOLD,
    GAZE_COAST, /* only people who are known have moved: they go on as they went */
    GAZE_PARTS,
    GAZE_WHOLE,
};

/* What of a camera is asked; all are borrowed for a moment. */
struct gaze_view {
    const struct conf_camera *conf;
    const struct card *detector;
    const struct tracker *tracker;
    const struct emitter *emitter;
    bool watched; /* somebody wants to see every face in every picture */
};

/* With GAZE_PARTS, *ret are the parts. */
enum gaze_at gaze_at(const struct gaze *g, const struct gaze_view *v, const struct frame *f,
        struct regions *ret);

/* The picture was looked at, as a whole or in parts. */
void gaze_looked(struct gaze *g, const struct frame *f, bool whole);
