#pragma once

#include "flow/face.h"
#include "track/motion.h"
#include "track/places.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One track: a face that was found again and again, and where it will be.
 *
 * The tracker decides whose a detection is; here is what follows for the track. Pure; times are
 * the tracker's.
 */
struct track {
    uint64_t id;
    enum track_state state;
    struct motion motion;
    struct still still;
    bool held;                 /* it appeared where only posters are; until it moves */
    struct face face;          /* the latest detection */
    int64_t first_us, last_us; /* of its detections */
    int64_t there_us;          /* it was there then: found, or nothing has changed since */
    uint64_t sure;             /* bit i: a sure detection i looks ago */
    int missed;                /* looks since the latest detection */
    bool found;                /* in this picture */
    bool resting;              /* found when somebody looked last, and nothing has changed since */
    bool aside;                /* nobody looked there in this picture */
    bool outside;              /* the picture does not reach where it is expected */
};

/* By a sure detection; held: only posters are there. */
void track_begin(struct track *k, uint64_t id, const struct face *face, bool held, int64_t now_us);

/* It was found; sure: that detection could have begun it. */
void track_found(struct track *k, const struct face *face, bool sure, int64_t now_us);

/* Time passed. The size of the picture is 0 when it is not known. */
void track_predict(struct track *k, float seconds, int width, int height);

/* Nothing has changed where it was found last: there it is. */
void track_rest(struct track *k, int64_t passed_us, int64_t now_us);

/* Nobody looked, and it goes on as it went: there it is, where it is expected now. */
void track_coast(struct track *k, int64_t passed_us, int64_t now_us);

/* The clock stepped back. */
void track_step_back(struct track *k, int64_t by_us, int64_t now_us);

/*
 * Where it may be after so long, between where it was and where it goes; and whether somebody must
 * look there: also at who may be about to leave, for once he is outside nothing changes any more.
 */
struct expected track_expect(const struct track *k, float seconds, int width, int height);

/* What the world is told of it. */
struct sighting track_sighting(const struct track *k);
