#pragma once

#include "flow/event.h"

/*
 * Sightings become what the world is told: one record per person, begun once, ended once.
 *
 * Between the tracker and the store it decides three things: which sightings are worth the cost
 * of an estimate, what the votes of their pictures say (emit/votes.h), and when there is news.
 * The types of event and their rules are those of faced-events(7).
 *
 * One emitter belongs to one tracker, for as long as that lives. Each picture goes the same way:
 * tracker_step() or its like, emitter_choose(), the estimates, emitter_step(). Pure: no clock, no
 * thread, and no memory but for the events; not more than SIGHTINGS_MAX records are open.
 */
struct emitter;

/* certainty: how sure is sure (attributes.certainty); observations: an event for each sighting. */
struct emitter *emitter_new(
        const char *camera, const struct traits *traits, double certainty, bool observations);
void emitter_free(struct emitter *e);

/*
 * Marks as `chosen` the sightings worth an estimate; time_us is the track clock.
 *
 * A person is looked at when confirmed, then soon again until some pictures have voted, then when
 * a picture promises to be better than those before or some time has passed: LOOKS_FIRST times in
 * all, then seldom, and LOOKS_MAX times however long he stays. Once some votes have answered both
 * questions, only a picture that promises to be better is worth it. A prediction is never chosen,
 * and no more than LOOKS_PICTURE in one picture: in a crowd those wait who were looked at most.
 */
#define LOOKS_FIRST   12
#define LOOKS_MAX     32
#define LOOKS_PICTURE 8
void emitter_choose(struct emitter *e, struct sightings *sightings, int64_t time_us);

/*
 * Writes what there is to tell to ret_events and returns how many; each is the caller's, to be
 * freed with event_free(). width and height are the picture's; with a tick any will do. Wall time
 * is track time + wall_offset_us; a record keeps the offset of its first event, so that a step of
 * the clock does not stretch it. max is at least twice the number of sightings.
 */
#define EMITTER_EVENTS_MAX (2 * SIGHTINGS_MAX)
size_t emitter_step(struct emitter *e, const struct sightings *sightings, int width, int height,
        int64_t time_us, int64_t wall_offset_us, struct event **ret_events, size_t max);

/*
 * Would emitter_choose() take somebody who is in view, if he looked as he did before? Then a
 * picture is worth looking at although nothing in it is new.
 */
bool emitter_due(const struct emitter *e, int64_t time_us);

/* What is thought so far of the person of this track; false: it is nobody yet. */
bool emitter_answers(const struct emitter *e, uint64_t track, struct answers *ret);

/* People there now: confirmed and not gone. */
int emitter_count(const struct emitter *e);
