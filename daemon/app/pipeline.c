#include "app/pipeline.h"

#include "app/camera.h"
#include "app/gaze.h"
#include "app/models.h"
#include "app/pool.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "emit/emitter.h"
#include "flow/box.h"
#include "flow/frame.h"
#include "flow/polygon.h"
#include "flow/queue.h"
#include "flow/scale.h"
#include "flow/slot.h"
#include "picture/album.h"
#include "track/tracker.h"
#include "vision/attrs.h"
#include "vision/detector.h"
#include "vision/tiles.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIT_US (MONO_SECOND / 2) /* how late a dead camera's tracks may end */

struct lane {
    /* set at birth */
    struct pipeline *pipeline;
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

struct worker {
    /* set at birth */
    struct pipeline *pipeline;
    pthread_t thread;
    bool started;
    struct beat beat;

    /* owned by the worker */
    struct detector *detector;
    struct attrs *attrs;
    struct scaler *scaler; /* for the albums */
    struct face found[FACES_MAX];
    int n_found; /* by the detector; the configuration may not want all of them */
    struct portrait portraits[VIEW_MAX];
    struct log_limit complained;
    struct sightings sightings;
    struct event *events[EMITTER_EVENTS_MAX];
};

struct pipeline {
    /* set at birth */
    const struct conf *conf;
    struct pipeline_links links;
    struct models models;
    int n_workers;
    struct worker *workers;
    struct pool *pool;

    /* owned by main */
    int n_lanes;
    struct lane **lanes;
    struct worker closer; /* has no thread and no nets: ends what is open where no worker comes */

    atomic_uint_fast64_t looks, partial, held, faces, estimates;
    atomic_int_fast64_t detect_us, estimate_us;
};

/* ------------------------------------------------------------- one visit to a lane --- */

static void count_people(struct lane *l)
{
    /* Nobody is in view of a camera that does not see, though their records go on for a while. */
    int n = camera_online(l->camera) ? emitter_count(l->emitter) : 0;
    const struct pipeline_links *links = &l->pipeline->links;
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
static void conclude(struct lane *l, struct worker *w, const struct frame *f, int64_t time_us)
{
    struct pipeline *p = l->pipeline;
    take_stock(l, &w->sightings);
    emitter_choose(l->emitter, &w->sightings, time_us);
    if (f) {
        int64_t begin = mono_us();
        attrs_run(w->attrs, f, &w->sightings);
        atomic_fetch_add(&p->estimate_us, mono_us() - begin);
        atomic_fetch_add(&p->estimates, estimates(&w->sightings));
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
        queue_put(p->links.to_store, w->events[i]);
    }
    for (int i = 0; l->album && i < w->sightings.n; i++) {
        if (w->sightings.list[i].state == TRACK_GONE)
            free(album_take(l->album, w->sightings.list[i].track));
    }
}

/* Is this where the configuration wants to look? */
static bool wanted_place(const struct lane *l, const struct box *box)
{
    const struct conf_camera *conf = l->conf;
    struct point at = box_place(box, l->width, l->height);
    return !polygons_hold(&conf->masks, at) && (!conf->zones.n || polygons_hold(&conf->zones, at));
}

/* Puts the faces that the configuration does not want behind all others; how many it does want. */
static int wanted_faces(const struct lane *l, struct face *faces, int n)
{
    const struct conf_camera *conf = l->conf;
    int left = 0;
    for (int i = 0; i < n; i++) {
        float width = faces[i].box.w;
        if (width < (float)conf->min_face || (conf->max_face && width > (float)conf->max_face) ||
                !wanted_place(l, &faces[i].box))
            continue;
        struct face wanted = faces[i];
        faces[i] = faces[left];
        faces[left++] = wanted;
    }
    return left;
}

/*
 * The time of what is not a picture: as much after the last picture's as has passed since it was
 * looked at. A file's clock does not go on by itself.
 */
static int64_t track_time(const struct lane *l)
{
    return camera_is_file(l->camera) ? l->time_us : l->time_us + (mono_us() - l->looked_us);
}

/* How pictures of this size are cut up; what that finds and costs is told. */
static void plan_tiles(struct lane *l)
{
    const struct conf_camera *conf = l->conf;
    const struct card *card = l->pipeline->models.detector;
    struct tiles_wish wish = {l->width, l->height, card->input.max_side, card->min_width,
            (float)conf->min_face, polygons_bounds(&conf->zones)};
    struct tiles *t = &l->tiles;
    *t = (struct tiles){.n = 0};
    if (conf->tiles == TILING_OFF)
        return;
    tiles_plan(&wish, t);
    if (card->min_width <= 0) {
        log_warn("vision", "camera '%s': the detector '%s' can look at no tiles", conf->name,
                card->name);
        return;
    }
    log_info("vision",
            "camera '%s': tiles in pictures of %dx%d: %d; faces from %.0f px on are found, for "
            "%.1f times the work",
            conf->name, l->width, l->height, t->n, (double)t->narrowest_px, (double)t->work);
    if (t->n && t->scale < 1 && t->narrowest_px > wish.narrowest_px + 1)
        log_warn("vision", "camera '%s': more than %d tiles would be needed for min_face = %d",
                conf->name, TILES_MAX, conf->min_face);
}

static bool is_watched(const struct lane *l)
{
    const struct view_links *view = &l->pipeline->links.view;
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

static void hold(struct lane *l, struct worker *w, const struct frame *f)
{
    picture_came(l, f);
    atomic_fetch_add(&l->pipeline->held, 1);
    atomic_fetch_add(&l->held, 1);
    w->n_found = 0;
    tracker_hold(l->tracker, l->time_us, &w->sightings);
    conclude(l, w, NULL, l->time_us);
}

/* What is found in these parts, NULL: in the whole picture; in how many parts it was looked for. */
static int detect(struct lane *l, struct worker *w, const struct frame *f,
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
    struct pipeline *p = l->pipeline;
    atomic_fetch_add(&p->detect_us, mono_us() - since_us);
    atomic_fetch_add(&p->looks, 1);
    atomic_fetch_add(&p->partial, !whole);
    atomic_fetch_add(&p->faces, (unsigned)n);
    atomic_fetch_add(&l->looks, 1);
    atomic_fetch_add(&l->partial, !whole);
    atomic_fetch_add(&l->faces, (unsigned)n);
}

/* parts NULL: at all of it. False: it cannot be looked at. */
static bool look(
        struct lane *l, struct worker *w, const struct frame *f, const struct regions *parts)
{
    l->gaze.calm = false;
    bool other = l->width != frame_width(f) || l->height != frame_height(f);
    l->width = frame_width(f);
    l->height = frame_height(f);
    if (other)
        plan_tiles(l);
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
    int n = wanted_faces(l, w->found, w->n_found);
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
static bool take_in(struct lane *l, struct worker *w, const struct frame *f)
{
    const struct gaze_view view = {
            .conf = l->conf,
            .detector = l->pipeline->models.detector,
            .tracker = l->tracker,
            .emitter = l->emitter,
            .watched = is_watched(l) && !l->pipeline->links.view.held_too,
    };
    struct regions parts;
    switch (gaze_at(&l->gaze, &view, f, &parts)) {
    case GAZE_HOLD: hold(l, w, f); return true;
    case GAZE_PARTS: return look(l, w, f, &parts);
    default: return look(l, w, f, NULL);
    }
}

/* Hands the picture to whoever looks at this camera just now. */
static void show(struct lane *l, struct worker *w, struct frame *f)
{
    const struct view_links *view = &l->pipeline->links.view;
    if (!is_watched(l))
        return;
    int n = 0;
    for (int i = 0; i < w->sightings.n; i++) {
        const struct sighting *s = &w->sightings.list[i];
        struct portrait *p = &w->portraits[n];
        *p = (struct portrait){
                .box = s->face.box, .track = s->track, .found = s->found || s->resting};
        /* Where somebody is only expected, in a mask, nothing is told either. */
        p->person =
                emitter_answers(l->emitter, s->track, &p->answers) && wanted_place(l, &s->face.box);
        n += s->state != TRACK_GONE;
    }
    for (int i = 0; i < w->n_found; i++)
        w->portraits[n++] = (struct portrait){.box = w->found[i].box};
    view->seen(view->arg, l->conf->name, f, w->portraits, n);
}

static void visit(struct lane *l, struct worker *w)
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

static int open_nets(struct worker *w, struct err *e)
{
    const struct pipeline *p = w->pipeline;
    if (w->attrs)
        return 0;
    if (!w->detector)
        w->detector = detector_open(p->models.detector, e);
    if (w->detector)
        w->attrs = attrs_open(p->models.attributes, e);
    return w->attrs ? 0 : -1;
}

/* The first worker has its nets from the start; each further one opens his when there is more to do
 * than those before him can, and where that fails they go on without him. */
static bool is_able(struct worker *w, struct turn *turn)
{
    struct err e = {0};
    if (open_nets(w, &e) == 0)
        return true;
    log_error("vision", "worker %d is of no use, the others go on: %s",
            (int)(w - w->pipeline->workers), e.text);
    pool_give_back(turn, true);
    turn_ready(turn);
    return false;
}

static void *worker_body(void *arg)
{
    struct worker *w = arg;
    struct pipeline *p = w->pipeline;
    bool over = false;
    while (!over) {
        beat_set(&w->beat, BEAT_WAITING);
        struct turn *turn = pool_next(p->pool, (int)(w - p->workers), &over);
        if (!turn)
            continue;
        beat_set(&w->beat, BEAT_WORKING);
        if (!is_able(w, turn))
            break;
        struct lane *l = turn_owner(turn);
        visit(l, w);
        pool_give_back(turn, !slot_empty(l->slot));
    }
    beat_set(&w->beat, BEAT_WAITING);
    return NULL;
}

/* ------------------------------------------------------------- birth and death --- */

static int open_models(struct pipeline *p, struct err *e)
{
    if (models_load(&p->models, p->conf, e) < 0)
        return -1;
    for (int i = 0; i < p->n_workers; i++)
        p->workers[i].scaler = p->conf->privacy.store_crops ? scaler_new() : NULL;
    return open_nets(&p->workers[0], e);
}

struct pipeline *pipeline_new(
        const struct conf *conf, const struct pipeline_links *links, struct err *e)
{
    struct pipeline *p = mem_new(1, sizeof(*p));
    p->conf = conf;
    p->links = *links;
    p->n_workers = conf->workers;
    p->workers = mem_new((size_t)p->n_workers, sizeof(*p->workers));
    for (int i = 0; i < p->n_workers; i++)
        p->workers[i].pipeline = p;
    p->pool = pool_new(VISIT_US);
    if (open_models(p, e) < 0) {
        pipeline_free(p);
        return NULL;
    }
    return p;
}

static void lane_free(struct lane *l)
{
    slot_free(l->slot);
    tracker_free(l->tracker);
    emitter_free(l->emitter);
    album_free(l->album);
    free(l);
}

void pipeline_free(struct pipeline *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_lanes; i++)
        lane_free(p->lanes[i]);
    free(p->lanes);
    for (int i = 0; i < p->n_workers; i++) {
        detector_close(p->workers[i].detector);
        attrs_close(p->workers[i].attrs);
        scaler_free(p->workers[i].scaler);
    }
    free(p->workers);
    models_done(&p->models);
    pool_free(p->pool);
    free(p);
}

struct lane *pipeline_add(struct pipeline *p, const struct conf_camera *conf)
{
    struct lane *l = mem_new(1, sizeof(*l));
    l->pipeline = p;
    l->conf = conf;
    l->tracker =
            tracker_new(&p->conf->track, p->models.traits.start_score, p->models.traits.start_eyes);
    l->emitter = emitter_new(
            conf->name, &p->models.traits, p->conf->certainty, p->conf->database.observations);
    l->album = p->conf->privacy.store_crops ? album_new() : NULL;
    l->wall_offset_us = mono_wall_us() - mono_us();
    l->width = l->height = 1;
    l->turn = pool_add(p->pool, l);
    l->slot = slot_new(turn_ready, l->turn);
    p->lanes = mem_grow(p->lanes, (size_t)p->n_lanes + 1, sizeof(struct lane *));
    p->lanes[p->n_lanes++] = l;
    return l;
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

/* False: a worker is in it, or it was done before. */
static bool end_lane(struct lane *l, enum end_reason reason)
{
    if (!turn_retire(l->turn))
        return false;
    tracker_end(l->tracker, reason, &l->pipeline->closer.sightings);
    conclude(l, &l->pipeline->closer, NULL, track_time(l));
    count_people(l);
    return true;
}

bool pipeline_remove(struct lane *l, enum end_reason reason)
{
    struct pipeline *p = l->pipeline;
    if (!end_lane(l, reason))
        return false;
    int i = 0;
    while (p->lanes[i] != l)
        i++;
    p->n_lanes--;
    memmove(&p->lanes[i], &p->lanes[i + 1], (size_t)(p->n_lanes - i) * sizeof(struct lane *));
    turn_free(l->turn);
    lane_free(l);
    return true;
}

int pipeline_start(struct pipeline *p)
{
    for (int i = 0; i < p->n_workers; i++) {
        struct worker *w = &p->workers[i];
        char name[32];
        (void)snprintf(name, sizeof(name), "infer-%d", i);
        int r = thread_start(&w->thread, name, worker_body, w);
        if (r < 0)
            return r;
        w->started = true;
    }
    return 0;
}

void pipeline_stop(struct pipeline *p)
{
    for (int i = 0; i < p->n_lanes; i++)
        slot_close(p->lanes[i]->slot);
    pool_stop(p->pool);
}

int pipeline_join(struct pipeline *p, int timeout_ms)
{
    int result = 0;
    for (int i = 0; i < p->n_workers; i++) {
        struct worker *w = &p->workers[i];
        if (w->started && thread_join(w->thread, result ? 0 : timeout_ms) < 0)
            result = -ETIMEDOUT;
        else
            w->started = false;
    }
    /* A lane in which a worker hangs is left alone: the worker may come back at any time. */
    for (int i = 0; i < p->n_lanes; i++)
        (void)end_lane(p->lanes[i], END_SHUTDOWN);
    return result;
}

/* ------------------------------------------------------------- what others may ask --- */

int pipeline_workers(const struct pipeline *p)
{
    return p->n_workers;
}

const struct beat *pipeline_beat(const struct pipeline *p, int worker)
{
    return &p->workers[worker].beat;
}

void pipeline_stats(const struct pipeline *p, struct pipeline_stats *ret)
{
    ret->looks = atomic_load(&p->looks);
    ret->partial = atomic_load(&p->partial);
    ret->held = atomic_load(&p->held);
    ret->faces = atomic_load(&p->faces);
    ret->estimates = atomic_load(&p->estimates);
    ret->detect_us = atomic_load(&p->detect_us);
    ret->estimate_us = atomic_load(&p->estimate_us);
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
