#pragma once

#include "flow/face.h"
#include "flow/settings.h"

/*
 * Faces in single pictures become people over time: (faces, time) -> sightings.
 *
 * A track is begun by a sure detection and confirmed - a person appeared - when enough sure ones
 * lie within a second, or within that number + 1 of pictures looked at, whichever reaches further
 * back. It is gone when looked for and not found for conf_track.lost_us in at least two pictures,
 * or when no picture came for as long (or for one and a half of the usual time between pictures,
 * where that is longer: a camera that gives one in four seconds is not dead).
 *
 * Who is who is decided as in ByteTrack (Zhang et al. 2022): first the sure detections against all
 * tracks where they are expected, then the unsure ones, which only continue a track, against what
 * is left. Between two looks a face may have moved by more than its own width, so the measure is
 * the distance from the expected place in units of its uncertainty (track/motion.h), not overlap.
 * At last, sure detections and tracks that both found nobody are joined when a head could have
 * come that far: a person who appears just where another vanished is more likely the same one.
 *
 * Pure: no clock, no allocation after tracker_new(), no more than SIGHTINGS_MAX tracks. Time is
 * any clock in microseconds; should it step back, tracks go on as if no time had passed, and
 * their times move with it. Each call writes all tracks to ret: with the faces that were found,
 * else with the box where the face is expected; a track that ended is in it this one last time.
 */
struct tracker;

/*
 * start_score, start_eyes: a detection is sure when its score is at least so high and, where it has
 * landmarks, its eyes are at least so many widths of its box apart. conf->confirm counts up to 32.
 */
struct tracker *tracker_new(const struct conf_track *conf, float start_score, float start_eyes);
void tracker_free(struct tracker *t);

/* How large the pictures are, before the first one and whenever it changes. Without it nobody is
 * known to have left through an edge. */
void tracker_view(struct tracker *t, int width, int height);

/* A picture was looked at. Boxes that are not finite or not positive are ignored, and of two
 * boxes on one face the less sure one. */
void tracker_step(
        struct tracker *t, const struct face *faces, int n, int64_t time_us, struct sightings *ret);

/*
 * Where its people may be at time_us, between where they were and where they go; how many, at most
 * SIGHTINGS_MAX. Nothing changes.
 */
int tracker_expect(const struct tracker *t, int64_t time_us, struct expected *ret);

/*
 * Only parts of a picture were looked at, because the rest shows nothing new; faces are from there.
 * A person who was found last time and whose expected box has its centre in none of them stays
 * where he is, and is there as if he had been found.
 */
void tracker_step_in(struct tracker *t, const struct box *parts, int n_parts,
        const struct face *faces, int n, int64_t time_us, struct sightings *ret);

/* A picture came and shows nothing new, so nobody looked: all tracks stay where they are,
 * and who was found last time is there as if he had been found. */
void tracker_hold(struct tracker *t, int64_t time_us, struct sightings *ret);

/* A picture came in which only they moved, and nobody looked: all go on as they went, and who was
 * found last time is there as if he had been found. */
void tracker_coast(struct tracker *t, int64_t time_us, struct sightings *ret);

/* No picture came. */
void tracker_tick(struct tracker *t, int64_t time_us, struct sightings *ret);

/* Everything ends now. The tracker can go on afterwards; numbers of tracks are not given again. */
void tracker_end(struct tracker *t, enum end_reason reason, struct sightings *ret);
