#include "app/gaze.h"

#include "base/mono.h"
#include "emit/emitter.h"
#include "flow/frame.h"
#include "flow/settings.h"
#include "track/tracker.h"
#include "vision/card.h"

#define PEOPLE_US (2 * MONO_SECOND)  /* so often all is looked at, whatever is new ... */
#define NOBODY_US (10 * MONO_SECOND) /* ... and where nobody is */
#define COAST_US  (MONO_SECOND / 4)  /* so long people go on unseen as they went */

/* Is what is known of the last whole look good enough to leave out some of this one? And not for
 * ever: a face may have turned to the camera so slowly that nothing seemed to change. */
static bool may_leave_out(const struct gaze *g, const struct gaze_view *v, const struct frame *f)
{
    int64_t passed_us = frame_time_us(f) - g->whole_us;
    return v->conf->decode != DECODE_ALL && g->whole && !v->watched &&
           frame_time_us(f) >= g->look_us && passed_us >= 0 &&
           passed_us < (g->present ? PEOPLE_US : NOBODY_US) && frame_width(f) == g->width &&
           frame_height(f) == g->height;
}

static struct regions_wish wish_of(const struct gaze *g, const struct gaze_view *v,
        const struct frame *f, struct expected people[SIGHTINGS_MAX])
{
    return (struct regions_wish){
            .width = frame_width(f),
            .height = frame_height(f),
            .max_side = v->detector->min_width > 0 ? v->detector->input.max_side : 0,
            .changes = frame_changes(f),
            .since_us = g->look_us,
            .people = people,
            .n_people = tracker_expect(v->tracker, frame_time_us(f), people),
    };
}

enum gaze_at gaze_at(
        const struct gaze *g, const struct gaze_view *v, const struct frame *f, struct regions *ret)
{
    struct expected people[SIGHTINGS_MAX];
    int64_t time_us = frame_time_us(f);
    if (!may_leave_out(g, v, f))
        return GAZE_WHOLE;
    /* Not while it is open who is there: a track that is not confirmed, a face that was not found
     * last time, an estimate that is due. */
    bool due = emitter_due(v->emitter, time_us);
    if (g->calm && !due && frame_still_us(f) <= g->look_us)
        return GAZE_HOLD;
    struct regions_wish wish = wish_of(g, v, f, people);
    if (g->calm && !due && time_us - g->look_us <= COAST_US && regions_familiar(&wish))
        return GAZE_COAST;
    for (int i = 0; i < wish.n_people; i++)
        people[i].open |= due; /* of somebody: then everybody is looked at */
    return regions_plan(&wish, ret) ? GAZE_PARTS : GAZE_WHOLE;
}

void gaze_looked(struct gaze *g, const struct frame *f, bool whole)
{
    g->look_us = frame_time_us(f);
    if (!whole)
        return;
    g->whole = true;
    g->whole_us = g->look_us;
    g->width = frame_width(f);
    g->height = frame_height(f);
}
