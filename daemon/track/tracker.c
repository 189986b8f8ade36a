#include "track/tracker.h"

#include "base/mem.h"
#include "base/mono.h"
#include "flow/box.h"
#include "track/assign.h"
#include "track/places.h"
#include "track/rhythm.h"
#include "track/track.h"

#include <math.h>
#include <stdlib.h>

#define CONFIRM_MAX  32
#define MISSED_MIN   2    /* nobody is gone after one picture without him */
#define UNSURE_BLIND 1.0f /* seconds without a detection after which an unsure one is not enough */
#define HELD_US      (10 * MONO_SECOND) /* who was held back for longer begins when he moves */

/* Two boxes are one face when they share so much, of both or of the smaller. */
#define SAME_IOU   0.45f
#define SAME_COVER 0.7f

/* More than any cost that motion_cost() gives: whoever can be found is found. */
#define ALONE 100.0f

_Static_assert(RHYTHM_PAST > CONFIRM_MAX + 1, "it remembers what confirms");
_Static_assert(ASSIGN_MAX >= SIGHTINGS_MAX && ASSIGN_MAX >= FACES_MAX, "assign() takes them all");

struct tracker {
    struct conf_track conf;
    float start_score, start_eyes;
    int width, height; /* of the pictures; 0: not known */
    uint64_t last_id;

    struct rhythm rhythm;

    int n;
    struct track tracks[SIGHTINGS_MAX];
    struct places places;

    /* one picture's work */
    int n_faces;
    struct face faces[FACES_MAX]; /* cleaned, the surest first */
    int track_of[FACES_MAX];      /* or -1 */
    int row_face[FACES_MAX], col_track[SIGHTINGS_MAX], col_of[FACES_MAX];
    float cost[FACES_MAX * SIGHTINGS_MAX];
};

struct tracker *tracker_new(const struct conf_track *conf, float start_score, float start_eyes)
{
    struct tracker *t = mem_new(1, sizeof(*t));
    t->conf = *conf;
    if (t->conf.confirm < 1)
        t->conf.confirm = 1;
    if (t->conf.confirm > CONFIRM_MAX)
        t->conf.confirm = CONFIRM_MAX;
    t->start_score = start_score;
    t->start_eyes = start_eyes;
    return t;
}

void tracker_free(struct tracker *t)
{
    free(t);
}

void tracker_view(struct tracker *t, int width, int height)
{
    t->width = width;
    t->height = height;
}

static float seconds_of(int64_t us)
{
    return (float)((double)us / MONO_SECOND);
}

/* Returns the time that passed, never negative. */
static int64_t advance(struct tracker *t, int64_t time_us)
{
    int64_t passed = rhythm_advance(&t->rhythm, time_us);
    if (passed >= 0)
        return passed;
    for (int i = 0; i < t->n; i++)
        track_step_back(&t->tracks[i], passed, time_us);
    places_step_back(&t->places, passed, time_us);
    return 0;
}

static void predict(struct tracker *t, int64_t passed_us)
{
    for (int i = 0; i < t->n; i++) {
        struct track *k = &t->tracks[i];
        if (k->aside)
            track_rest(k, passed_us, t->rhythm.now_us);
        else
            track_predict(k, seconds_of(passed_us), t->width, t->height);
    }
}

/* Adds track i to ret as gone, and takes the last one into its place. */
static void end(struct tracker *t, int i, enum end_reason reason, struct sightings *ret)
{
    struct track *k = &t->tracks[i];
    k->state = TRACK_GONE;
    k->found = k->resting = false;
    ret->list[ret->n] = track_sighting(k);
    ret->list[ret->n++].reason = reason;
    *k = t->tracks[--t->n];
}

static void end_all(struct tracker *t, enum end_reason reason, struct sightings *ret)
{
    while (t->n > 0)
        end(t, t->n - 1, reason, ret);
}

static void give_all(const struct tracker *t, struct sightings *ret)
{
    for (int i = 0; i < t->n; i++)
        ret->list[ret->n++] = track_sighting(&t->tracks[i]);
}

/* Has the camera given no picture for too long? Then nobody knows where its people are. */
static void check_camera(struct tracker *t, struct sightings *ret)
{
    if (rhythm_dead(&t->rhythm, t->conf.lost_us))
        end_all(t, END_CAMERA_LOST, ret);
}

/* A picture came. Returns the time that passed. */
static int64_t take_picture(struct tracker *t, int64_t time_us, struct sightings *ret)
{
    ret->n = 0;
    int64_t passed = advance(t, time_us);
    check_camera(t, ret);
    rhythm_picture(&t->rhythm);
    return passed;
}

static void begin_look(struct tracker *t)
{
    rhythm_look(&t->rhythm);
    for (int i = 0; i < t->n; i++) {
        t->tracks[i].sure <<= 1;
        t->tracks[i].found = t->tracks[i].resting = false;
    }
}

static int by_score(const void *a, const void *b)
{
    const struct face *fa = a, *fb = b;
    return (fa->score < fb->score) - (fa->score > fb->score);
}

static bool same_face(const struct box *a, const struct box *b)
{
    return box_iou(a, b) > SAME_IOU || box_cover(a, b) > SAME_COVER;
}

static void take_faces(struct tracker *t, const struct face *faces, int n)
{
    int sane = 0;
    for (int i = 0; i < n && sane < FACES_MAX; i++) {
        if (box_sane(&faces[i].box) && isfinite(faces[i].score))
            t->faces[sane++] = faces[i];
    }
    qsort(t->faces, (size_t)sane, sizeof(t->faces[0]), by_score);
    t->n_faces = 0;
    for (int i = 0; i < sane; i++) {
        bool again = false;
        for (int k = 0; k < t->n_faces && !again; k++)
            again = same_face(&t->faces[i].box, &t->faces[k].box);
        if (!again) {
            t->track_of[t->n_faces] = -1;
            t->faces[t->n_faces++] = t->faces[i];
        }
    }
}

/* Sure enough to begin a track, and to confirm one: a head from behind or from the far side is
 * found now and then with a high score, but with its eyes in one place. */
static bool is_sure(const struct tracker *t, const struct face *f)
{
    if (f->score < t->start_score)
        return false;
    if (!f->has_marks)
        return true;
    const struct point *right = &f->mark[LANDMARK_RIGHT_EYE], *left = &f->mark[LANDMARK_LEFT_EYE];
    return hypotf(left->x - right->x, left->y - right->y) >= t->start_eyes * f->box.w;
}

/* A person who was held back and moves is one at last. A poster's track that goes on with somebody
 * who passed leaves the poster behind, which is not to be found anew. */
static void watch_place(struct tracker *t, struct track *k, const struct box *b)
{
    bool moved = k->still.moved;
    int64_t still_us = mono_minus(k->last_us, k->first_us);
    still_see(&k->still, b);
    if (moved || !k->still.moved)
        return;
    if (k->held && mono_minus(t->rhythm.now_us, k->first_us) > HELD_US)
        k->first_us = t->rhythm.now_us;
    else if (!k->held && still_us >= PLACE_STILL_US)
        places_add(&t->places, &k->still.place, still_us, t->rhythm.now_us);
    k->held = false;
}

static void find(struct tracker *t, struct track *k, int f)
{
    const struct face *face = &t->faces[f];
    t->track_of[f] = (int)(k - t->tracks);
    watch_place(t, k, &face->box);
    track_found(k, face, is_sure(t, face), t->rhythm.now_us);
}

enum pass {
    PASS_SURE,   /* sure detections where tracks are expected */
    PASS_UNSURE, /* the others there */
    PASS_REACH,  /* sure ones left over, as far as a head can have come */
};

static float pair_cost(const struct track *k, const struct face *face, enum pass pass)
{
    switch (pass) {
    case PASS_SURE: return motion_cost(&k->motion, &face->box, k->outside);
    case PASS_UNSURE:
        /* After a while it must be just where it always was: a poster in the dusk. */
        if (k->motion.blind > UNSURE_BLIND &&
                (k->still.moved || !still_here(&k->still.place, &face->box)))
            return INFINITY;
        return motion_cost(&k->motion, &face->box, k->outside);
    default: return motion_stray(&k->motion, &face->box, k->outside);
    }
}

static void match(struct tracker *t, enum pass pass)
{
    int rows = 0, cols = 0;
    for (int f = 0; f < t->n_faces; f++) {
        bool sure = is_sure(t, &t->faces[f]);
        if (t->track_of[f] < 0 && sure == (pass != PASS_UNSURE))
            t->row_face[rows++] = f;
    }
    for (int i = 0; i < t->n; i++) {
        if (!t->tracks[i].found && !t->tracks[i].aside)
            t->col_track[cols++] = i;
    }
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++)
            t->cost[r * cols + c] =
                    pair_cost(&t->tracks[t->col_track[c]], &t->faces[t->row_face[r]], pass);
    }
    assign(t->cost, rows, cols, ALONE, t->col_of);
    for (int r = 0; r < rows; r++) {
        if (t->col_of[r] >= 0)
            find(t, &t->tracks[t->col_track[t->col_of[r]]], t->row_face[r]);
    }
}

/* What is found in a place and is nobody's, or held back there, keeps the place in mind. */
static void remember_places(struct tracker *t)
{
    for (int f = 0; f < t->n_faces; f++) {
        if (t->track_of[f] < 0 || t->tracks[t->track_of[f]].held)
            places_see(&t->places, &t->faces[f].box, t->rhythm.now_us);
    }
    places_forget(&t->places, t->rhythm.now_us);
}

/* Ends whoever was looked for long enough, and forgets what never became a person. */
static void miss(struct tracker *t, uint64_t within, struct sightings *ret)
{
    for (int i = t->n - 1; i >= 0; i--) {
        struct track *k = &t->tracks[i];
        if (k->found || k->aside)
            continue;
        k->missed++;
        bool over = k->missed >= MISSED_MIN &&
                    mono_minus(t->rhythm.now_us, k->there_us) >= t->conf.lost_us;
        if (over && k->state == TRACK_CONFIRMED && !k->still.moved)
            places_add(&t->places, &k->still.place, mono_minus(k->last_us, k->first_us),
                    t->rhythm.now_us);
        if (over || (k->state == TRACK_TENTATIVE && !(k->sure & within)))
            end(t, i, END_LEFT, ret);
    }
}

/* room: tracks that ended in this picture keep their place in the list until the next one. */
static void begin(struct tracker *t, int room)
{
    for (int f = 0; f < t->n_faces && t->n < room; f++) {
        if (t->track_of[f] >= 0 || !is_sure(t, &t->faces[f]))
            continue;
        bool held = places_hold(&t->places, &t->faces[f].box);
        track_begin(&t->tracks[t->n++], ++t->last_id, &t->faces[f], held, t->rhythm.now_us);
    }
}

static void confirm(struct tracker *t, uint64_t within)
{
    for (int i = 0; i < t->n; i++) {
        struct track *k = &t->tracks[i];
        if (k->state == TRACK_TENTATIVE && k->found && !k->held &&
                __builtin_popcountll(k->sure & within) >= t->conf.confirm)
            k->state = TRACK_CONFIRMED;
    }
}

int tracker_expect(const struct tracker *t, int64_t time_us, struct expected *ret)
{
    int64_t passed = mono_minus(time_us, t->rhythm.now_us);
    float seconds = seconds_of(passed > 0 ? passed : 0);
    for (int i = 0; i < t->n; i++)
        ret[i] = track_expect(&t->tracks[i], seconds, t->width, t->height);
    return t->n;
}

static bool lies_in(const struct box *b, const struct box *parts, int n)
{
    struct point at = box_centre(b);
    for (int i = 0; i < n; i++) {
        if (box_has(&parts[i], at))
            return true;
    }
    return false;
}

/* Who is not looked at in this picture. */
static void set_aside(struct tracker *t, const struct box *parts, int n, int64_t passed_us)
{
    for (int i = 0; i < t->n; i++) {
        struct track *k = &t->tracks[i];
        struct expected at = track_expect(k, seconds_of(passed_us), t->width, t->height);
        k->aside = !at.open && !lies_in(&at.box, parts, n);
    }
}

/* parts NULL: the whole picture. */
static void step(struct tracker *t, const struct box *parts, int n_parts, const struct face *faces,
        int n, int64_t time_us, struct sightings *ret)
{
    int64_t passed = take_picture(t, time_us, ret);
    if (parts)
        set_aside(t, parts, n_parts, passed);
    begin_look(t);
    predict(t, passed);
    take_faces(t, faces, n);
    match(t, PASS_SURE);
    match(t, PASS_UNSURE);
    match(t, PASS_REACH);
    remember_places(t);
    uint64_t within = rhythm_window(&t->rhythm, t->conf.confirm);
    miss(t, within, ret);
    begin(t, SIGHTINGS_MAX - ret->n);
    confirm(t, within);
    give_all(t, ret);
    for (int i = 0; i < t->n; i++)
        t->tracks[i].aside = false;
}

void tracker_step(
        struct tracker *t, const struct face *faces, int n, int64_t time_us, struct sightings *ret)
{
    step(t, NULL, 0, faces, n, time_us, ret);
}

void tracker_step_in(struct tracker *t, const struct box *parts, int n_parts,
        const struct face *faces, int n, int64_t time_us, struct sightings *ret)
{
    step(t, parts, n_parts, faces, n, time_us, ret);
}

void tracker_hold(struct tracker *t, int64_t time_us, struct sightings *ret)
{
    int64_t passed = take_picture(t, time_us, ret);
    for (int i = 0; i < t->n; i++)
        track_rest(&t->tracks[i], passed, time_us);
    give_all(t, ret);
}

void tracker_coast(struct tracker *t, int64_t time_us, struct sightings *ret)
{
    int64_t passed = take_picture(t, time_us, ret);
    predict(t, passed);
    for (int i = 0; i < t->n; i++)
        track_coast(&t->tracks[i], passed, time_us);
    give_all(t, ret);
}

void tracker_tick(struct tracker *t, int64_t time_us, struct sightings *ret)
{
    ret->n = 0;
    int64_t passed = advance(t, time_us);
    check_camera(t, ret);
    predict(t, passed);
    for (int i = 0; i < t->n; i++)
        t->tracks[i].found = t->tracks[i].resting = false;
    give_all(t, ret);
}

void tracker_end(struct tracker *t, enum end_reason reason, struct sightings *ret)
{
    ret->n = 0;
    end_all(t, reason, ret);
}
