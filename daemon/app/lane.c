#include "app/lane.h"

#include "app/camera.h"
#include "app/gaze.h"
#include "app/models.h"
#include "app/pool.h"
#include "app/scope.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "emit/emitter.h"
#include "flow/box.h"
#include "flow/frame.h"
#include "flow/queue.h"
#include "flow/scale.h"
#include "flow/slot.h"
#include "picture/album.h"
#include "track/tracker.h"
#include "vision/attrs.h"
#include "vision/detector.h"
#include "vision/tiles.h"

#include <stdlib.h>

struct lane {
    /* set at birth */
    struct lane_home home;
    const struct conf_camera *conf;
    struct slot *slot;
    struct turn *turn;
    struct camera *camera;

    /* owned by the worker that has its turn */
    struct tracker *tracker;
    struct emitter *emitter;
    struct album *album;    /* NULL: no pictures are kept */
    int width, height;      /* of the last picture */
    struct tiles tiles;     /* for pictures of that size */
    int64_t time_us;        /* its time by the track clock */
    int64_t looked_us;      /* and when that was, by mono_us(); 0: never */
    int64_t wall_offset_us; /* wall time minus track clock */
    struct gaze gaze;

    atomic_uint_fast64_t looks, partial, held, faces;
    atomic_int people;
};

static void count_people(struct lane *l)
{
    /* Nobody is in view of a camera that does not see, though their records go on for a while. */
    int n = camera_online(l->camera) ? emitter_count(l->emitter) : 0;
    const struct pipeline_links *links = l->home.links;
    if (atomic_exchange(&l->people, n) != n)
        links->counted(links->arg);
}

static unsigned estimates(const struct sightings *s)
{
    unsigned n = 0;
    for (int i = 0; i < s->n; i++)
        n += s->list[i].estimated;
    return n;
}

/* Who is left, and whether somebody was lost. */
static void take_stock(struct lane *l, const struct sightings *s)
{
    l->gaze.present = 0;
    for (int i = 0; i < s->n; i++) {
        l->gaze.present += s->list[i].state != TRACK_GONE;
        l->gaze.calm &= s->list[i].state != TRACK_GONE;
    }
}

/* From sightings to events in the store's queue. f NULL: no picture, so nobody can be chosen. */
static void conclude(struct lane *l, struct lane_tools *w, const struct frame *f, int64_t time_us)
{
    struct lane_totals *all = l->home.totals;
    take_stock(l, &w->sightings);
    emitter_choose(l->emitter, &w->sightings, time_us);
    if (f) {
        int64_t begin = mono_us();
        attrs_run(w->attrs, f, &w->sightings);
        atomic_fetch_add(&all->estimate_us, mono_us() - begin);
        atomic_fetch_add(&all->estimates, estimates(&w->sightings));
        if (l->album)
            album_look(l->album, w->scaler, f, &w->sightings);
    }
    size_t n = emitter_step(l->emitter, &w->sightings, l->width, l->height, time_us,
            l->wall_offset_us, w->events, EMITTER_EVENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        /* The picture may have waited, the track clock run ahead: the decision was made now. What
         * was observed was so at the picture's time. */
        if (camera_is_file(l->camera) || w->events[i]->type != EVENT_OBSERVATION)
            w->events[i]->time_us = mono_wall_us();
        if (l->album && w->events[i]->type == EVENT_END)
            w->events[i]->jpeg = album_take(l->album, w->events[i]->record.track);
        queue_put(l->home.links->to_store, w->events[i]);
    }
    for (int i = 0; l->album && i < w->sightings.n; i++) {
        if (w->sightings.list[i].state == TRACK_GONE)
            free(album_take(l->album, w->sightings.list[i].track));
    }
}

/*
 * The time of what is not a picture: as much after the last picture's as has passed since it was
 * looked at. A file's clock does not go on by itself.
 */
static int64_t track_time(const struct lane *l)
{
    return camera_is_file(l->camera) ? l->time_us : l->time_us + (mono_us() - l->looked_us);
}

static bool is_watched(const struct lane *l)
{
    const struct view_links *view = &l->home.links->view;
    return view->wanted && view->wanted(view->arg, l->conf->name);
}

/* Is everybody a person who was found, so that who is still there needs no new look? */
static bool all_found(const struct sightings *s)
{
    for (int i = 0; i < s->n; i++) {
        const struct sighting *one = &s->list[i];
        if (one->state != TRACK_CONFIRMED || !(one->found || one->resting))
            return false;
    }
    return true;
}

static void picture_came(struct lane *l, const struct frame *f)
{
    l->time_us = frame_time_us(f);
    l->looked_us = mono_us();
    l->wall_offset_us = frame_wall_us(f) - l->time_us;
}

static void hold(struct lane *l, struct lane_tools *w, const struct frame *f, bool moving)
{
    picture_came(l, f);
    atomic_fetch_add(&l->home.totals->held, 1);
    atomic_fetch_add(&l->held, 1);
    w->n_found = 0;
    if (moving)
        tracker_coast(l->tracker, l->time_us, &w->sightings);
    else
        tracker_hold(l->tracker, l->time_us, &w->sightings);
    conclude(l, w, NULL, l->time_us);
}

/* What is found in these parts, NULL: in the whole picture; in how many parts it was looked for. */
static int detect(struct lane *l, struct lane_tools *w, const struct frame *f,
        const struct regions *parts, int *ret_parts)
{
    int r = 1;
    *ret_parts = 0;
    if (parts)
        r = detector_look(w->detector, f, &l->tiles, parts, w->found, &w->n_found);
    if (parts && r == 0)
        *ret_parts = parts->n;
    return r == 1 ? detector_scan(w->detector, f, &l->tiles, w->found, &w->n_found) : r;
}

static void note_look(struct lane *l, int n, bool whole, int64_t since_us)
{
    struct lane_totals *all = l->home.totals;
    atomic_fetch_add(&all->detect_us, mono_us() - since_us);
    atomic_fetch_add(&all->looks, 1);
    atomic_fetch_add(&all->partial, !whole);
    atomic_fetch_add(&all->faces, (unsigned)n);
    atomic_fetch_add(&l->looks, 1);
    atomic_fetch_add(&l->partial, !whole);
    atomic_fetch_add(&l->faces, (unsigned)n);
}

/* parts NULL: at all of it. False: it cannot be looked at. */
static bool look(
        struct lane *l, struct lane_tools *w, const struct frame *f, const struct regions *parts)
{
    l->gaze.calm = false;
    bool other = l->width != frame_width(f) || l->height != frame_height(f);
    l->width = frame_width(f);
    l->height = frame_height(f);
    if (other)
        scope_tiles(l->conf, l->home.models->detector, l->width, l->height, &l->tiles);
    picture_came(l, f);

    int64_t begin = mono_us();
    int n_parts;
    int r = detect(l, w, f, parts, &n_parts);
    if (r < 0) { /* the picture counts as not looked at */
        w->n_found = 0;
        if (log_due(&w->complained, begin))
            log_warn("vision", "camera '%s': a picture of %dx%d cannot be looked at: %s",
                    l->conf->name, l->width, l->height, err_name(r));
        return false;
    }
    int n = scope_faces(l->conf, w->found, w->n_found, l->width, l->height);
    note_look(l, n, n_parts == 0, begin);

    tracker_view(l->tracker, l->width, l->height);
    if (n_parts) {
        struct box boxes[REGIONS_MAX];
        for (int i = 0; i < n_parts; i++)
            boxes[i] = regions_box(parts, i);
        tracker_step_in(l->tracker, boxes, n_parts, w->found, n, l->time_us, &w->sightings);
    } else {
        tracker_step(l->tracker, w->found, n, l->time_us, &w->sightings);
    }
    gaze_looked(&l->gaze, f, n_parts == 0);
    l->gaze.calm = all_found(&w->sightings);
    conclude(l, w, f, l->time_us);
    return true;
}

/* False: it could not be looked at, and there is nothing to show. */
static bool take_in(struct lane *l, struct lane_tools *w, const struct frame *f)
{
    const struct gaze_view view = {
            .conf = l->conf,
            .detector = l->home.models->detector,
            .tracker = l->tracker,
            .emitter = l->emitter,
            .watched = is_watched(l) && !l->home.links->view.held_too,
    };
    struct regions parts;
    enum gaze_at at = gaze_at(&l->gaze, &view, f, &parts);
    switch (at) {
    case GAZE_HOLD:
    case GAZE_COAST: hold(l, w, f, at == GAZE_COAST); return true;
    case GAZE_PARTS: return look(l, w, f, &parts);
    default: return look(l, w, f, NULL);
    }
}

/* Hands the picture to whoever looks at this camera just now. */
static void show(struct lane *l, struct lane_tools *w, struct frame *f)
{
    const struct view_links *view = &l->home.links->view;
    if (!is_watched(l))
        return;
    int n = 0;
    for (int i = 0; i < w->sightings.n; i++) {
        const struct sighting *s = &w->sightings.list[i];
        struct portrait *p = &w->portraits[n];
        *p = (struct portrait){
                .box = s->face.box, .track = s->track, .found = s->found || s->resting};
        /* Where somebody is only expected, in a mask, nothing is told either. */
        p->person = emitter_answers(l->emitter, s->track, &p->answers) &&
                    scope_holds(l->conf, &s->face.box, l->width, l->height);
        n += s->state != TRACK_GONE;
    }
    for (int i = 0; i < w->n_found; i++)
        w->portraits[n++] = (struct portrait){.box = w->found[i].box};
    view->seen(view->arg, l->conf->name, f, w->portraits, n);
}

void lane_visit(struct lane *l, struct lane_tools *w)
{
    struct frame *f = NULL;
    int mark = 0;
    switch (slot_take(l->slot, &f, &mark)) {
    case SLOT_FRAME:
        if (take_in(l, w, f))
            show(l, w, f);
        frame_unref(f);
        break;
    case SLOT_MARK:
        tracker_end(l->tracker, (enum end_reason)mark, &w->sightings);
        conclude(l, w, NULL, track_time(l));
        l->gaze.calm = false;
        break;
    case SLOT_EMPTY:
        if (l->looked_us && !camera_is_file(l->camera)) {
            int64_t now = track_time(l);
            tracker_tick(l->tracker, now, &w->sightings);
            conclude(l, w, NULL, now);
        }
        break;
    }
    count_people(l);
    slot_need(l->slot, l->gaze.present > 0 || is_watched(l));
    turn_favour(l->turn, l->gaze.present > 0);
}

/* ------------------------------------------------------------- birth and death --- */

struct lane *lane_new(const struct lane_home *home, const struct conf_camera *conf)
{
    const struct conf *all = home->conf;
    const struct traits *traits = &home->models->traits;
    struct lane *l = mem_new(1, sizeof(*l));
    l->home = *home;
    l->conf = conf;
    l->tracker = tracker_new(&all->track, traits->start_score, traits->start_eyes);
    l->emitter = emitter_new(conf->name, traits, all->certainty, all->database.observations);
    l->album = all->privacy.store_crops ? album_new() : NULL;
    l->wall_offset_us = mono_wall_us() - mono_us();
    l->width = l->height = 1;
    l->turn = pool_add(home->pool, l);
    l->slot = slot_new(turn_ready, l->turn);
    return l;
}

void lane_free(struct lane *l, bool turn_too)
{
    if (turn_too)
        turn_free(l->turn);
    slot_free(l->slot);
    tracker_free(l->tracker);
    emitter_free(l->emitter);
    album_free(l->album);
    free(l);
}

struct slot *lane_slot(struct lane *l)
{
    return l->slot;
}

void lane_attach(struct lane *l, struct camera *c)
{
    l->camera = c;
    turn_open(l->turn);
}

bool lane_end(struct lane *l, struct lane_tools *w, enum end_reason reason)
{
    if (!turn_retire(l->turn))
        return false;
    tracker_end(l->tracker, reason, &w->sightings);
    conclude(l, w, NULL, track_time(l));
    count_people(l);
    return true;
}

void lane_stats(const struct lane *l, struct lane_stats *ret)
{
    ret->looks = atomic_load(&l->looks);
    ret->partial = atomic_load(&l->partial);
    ret->held = atomic_load(&l->held);
    ret->faces = atomic_load(&l->faces);
    ret->lost = slot_lost(l->slot);
    ret->people = atomic_load(&l->people);
}
