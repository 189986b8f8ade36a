/* needs: app/pipeline app/lane app/scope app/models app/pool track/tracker track/track track/rhythm track/assign track/motion track/places flow/box flow/polygon app/gaze vision/regions vision/tiles vision/yunet emit/emitter emit/votes flow/slot flow/queue flow/event flow/face flow/age base/err base/log base/mem base/mono base/redact base/stop base/thread base/url base/uuid base/when fake:vision fake:frame fake:camera fake:bus fake:album */
#include "app/pipeline.h"

#include "../fakes/fake_bus.h"
#include "../fakes/fake_camera.h"
#include "../fakes/fake_frame.h"
#include "../fakes/fake_vision.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stop.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "flow/change.h"
#include "flow/queue.h"
#include "flow/slot.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LANES       3
#define PATIENCE_MS 60000
#define PICTURE_US  (200 * INT64_C(1000)) /* from picture to picture */
#define RECORDS     64

/* What the store would know. */
struct seen {
    char id[UUID_TEXT];
    int lane, begun, ended;
    enum end_reason reason;
    struct record last;
};

struct rig {
    struct conf conf;
    struct conf_camera cameras_conf[LANES];
    struct camera cameras[LANES];
    struct queue *to_store;
    struct pipeline *pipeline;
    struct lane *lanes[LANES];
    int fed[LANES]; /* pictures */

    int n_seen;
    struct seen seen[RECORDS];

    /* owned by the worker that is in the lane */
    int looked[LANES], tiles[LANES];
    atomic_int inside[LANES];
    atomic_int disorders;

    /* one picture at which the detector hangs */
    int hang_lane, hang_number;
    struct stop *hangs, *release;
};

static const char *const names[LANES] = {"door", "hall", "yard"};

/* On the workers' threads. Pictures may be left out, but never come late or twice. */
static void looking(void *arg, const struct frame *f)
{
    struct rig *r = arg;
    int lane = fake_frame_lane(f), number = fake_frame_number(f);
    if (atomic_fetch_add(&r->inside[lane], 1) != 0 || number <= r->looked[lane])
        atomic_fetch_add(&r->disorders, 1);
    r->looked[lane] = number;
    r->tiles[lane] = fake_vision_tiles;
    if (lane == r->hang_lane && number == r->hang_number) {
        stop_ask(r->hangs);
        (void)stop_wait(r->release, -1);
    }
    atomic_fetch_sub(&r->inside[lane], 1);
}

static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

/* What main would tell: the fake bus keeps the numbers in their order. Read and said in one, for
 * two workers may count at the same time. */
static void counted(void *arg)
{
    struct rig *r = arg;
    pthread_mutex_lock(&counting);
    for (int i = 0; i < LANES; i++) {
        char topic[32], people[16];
        struct lane_stats stats;
        lane_stats(r->lanes[i], &stats);
        (void)snprintf(topic, sizeof(topic), "%s/count", names[i]);
        (void)snprintf(people, sizeof(people), "%d", stats.people);
        bus_state(fake_bus, topic, people);
    }
    pthread_mutex_unlock(&counting);
}

static void configure(struct rig *r)
{
    *r = (struct rig){
            .conf = {.models = {.dir = (char *)"models", .detector = "d", .attributes = "a"},
                    .certainty = 0.8,
                    .track = {.confirm = 3, .lost_us = 3 * MONO_SECOND},
                    .workers = 2,
                    .n_cameras = LANES,
                    .cameras = r->cameras_conf},
            .hang_lane = -1,
    };
    for (int i = 0; i < LANES; i++) {
        struct conf_camera *c = &r->cameras_conf[i];
        *c = (struct conf_camera){.fps = 5, .enabled = true, .min_face = 12};
        (void)snprintf(c->name, sizeof(c->name), "%s", names[i]);
        atomic_init(&r->cameras[i].online, true);
        atomic_init(&r->cameras[i].file, true); /* its clock is that of the pictures */
    }
    fake_bus_forget();
    memset(&fake_vision, 0, sizeof(fake_vision));
    fake_vision.looking = looking;
    fake_vision.arg = r;
}

static void begin(struct rig *r)
{
    r->to_store = queue_new(4096, event_free, NULL, NULL);
    r->hangs = stop_new();
    r->release = stop_new();
    struct err e = {0};
    struct pipeline_links links = {.to_store = r->to_store, .counted = counted, .arg = r};
    r->pipeline = pipeline_new(&r->conf, &links, &e);
    assert_non_null(r->pipeline);
    assert_int_equal(pipeline_workers(r->pipeline), r->conf.workers);
    for (int i = 0; i < LANES; i++) {
        r->lanes[i] = pipeline_add(r->pipeline, &r->cameras_conf[i]);
        lane_attach(r->lanes[i], &r->cameras[i]);
    }
    counted(r);
    assert_int_equal(pipeline_start(r->pipeline), 0);
}

/* Nothing is left behind by anybody. */
static void end(struct rig *r)
{
    pipeline_free(r->pipeline);
    queue_free(r->to_store);
    stop_free(r->hangs);
    stop_free(r->release);
    assert_int_equal(fake_frame_alive(), 0);
    assert_int_equal(atomic_load(&fake_vision.open), 0);
    assert_int_equal(atomic_load(&fake_vision.crowds), 0);
    assert_int_equal(atomic_load(&r->disorders), 0);
}

static void stop(struct rig *r)
{
    pipeline_stop(r->pipeline);
    assert_int_equal(pipeline_join(r->pipeline, PATIENCE_MS), 0);
}

static struct face face_at(float x, float y, float width)
{
    return (struct face){.box = {x, y, width, width * 1.2f}, .score = 0.9f};
}

/* So many people, who walk slowly; each picture is looked at before the next is taken. */
static void feed(struct rig *r, int lane, int people, int pictures)
{
    for (int i = 0; i < pictures; i++) {
        struct face faces[FAKE_FRAME_FACES];
        for (int k = 0; k < people; k++)
            faces[k] = face_at(50.0f + 200.0f * (float)k + (float)(i % 20), 100, 60);
        int number = ++r->fed[lane];
        struct frame *f = fake_frame_new(number * PICTURE_US, faces, people);
        fake_frame_mark(f, lane, number);
        slot_put_wait(lane_slot(r->lanes[lane]), f, -1);
    }
}

/* The same person, who stands where he stood: nothing is new since then. */
static void feed_still(struct rig *r, int lane, int64_t since_us, int people, int pictures)
{
    for (int i = 0; i < pictures; i++) {
        struct face face = face_at(100, 100, 60);
        int number = ++r->fed[lane];
        struct frame *f = fake_frame_new(number * PICTURE_US, &face, people);
        fake_frame_mark(f, lane, number);
        frame_note_change(f, since_us, &(struct change_map){.cols = 0});
        slot_put_wait(lane_slot(r->lanes[lane]), f, -1);
    }
}

/* Which lane an event's camera is. */
static int lane_of(const struct event *ev)
{
    for (int i = 0; i < LANES; i++) {
        if (strcmp(names[i], ev->camera) == 0)
            return i;
    }
    fail_msg("no such camera '%s'", ev->camera);
    return -1;
}

static struct seen *find(struct rig *r, const struct event *ev)
{
    for (int i = 0; i < r->n_seen; i++) {
        if (strcmp(r->seen[i].id, ev->record.id) == 0)
            return &r->seen[i];
    }
    assert_true(r->n_seen < RECORDS);
    struct seen *s = &r->seen[r->n_seen++];
    *s = (struct seen){.lane = lane_of(ev)};
    memcpy(s->id, ev->record.id, sizeof(s->id));
    return s;
}

/* Takes an event over. A record begins once, ends once, and stays with its camera. */
static void learn(struct rig *r, struct event *ev)
{
    struct seen *s = find(r, ev);
    assert_int_equal(s->lane, lane_of(ev));
    assert_int_equal(s->ended, 0);
    s->begun += ev->type == EVENT_NEW;
    assert_int_equal(s->begun, 1);
    s->last = ev->record;
    if (ev->type == EVENT_END) {
        s->ended++;
        s->reason = ev->record.reason;
    }
    event_free(ev);
}

static void learn_all(struct rig *r)
{
    void *ev;
    while (queue_take(r->to_store, &ev, 1, 0) == 1)
        learn(r, ev);
}

static int ended(const struct rig *r, int lane, enum end_reason reason)
{
    int n = 0;
    for (int i = 0; i < r->n_seen; i++)
        n += r->seen[i].lane == lane && r->seen[i].ended && r->seen[i].reason == reason;
    return n;
}

static int records(const struct rig *r, int lane)
{
    int n = 0;
    for (int i = 0; i < r->n_seen; i++)
        n += r->seen[i].lane == lane;
    return n;
}

static void await_ends(struct rig *r, int lane, enum end_reason reason, int n)
{
    while (ended(r, lane, reason) < n) {
        void *ev = NULL;
        assert_int_equal(queue_take(r->to_store, &ev, 1, PATIENCE_MS), 1);
        learn(r, ev);
    }
}

/* ------------------------------------------------------------- what it is for --- */

#define PICTURES 200

struct feeder {
    struct rig *rig;
    int lane, people;
};

static void *feed_all(void *arg)
{
    struct feeder *f = arg;
    feed(f->rig, f->lane, f->people, PICTURES);
    slot_mark(lane_slot(f->rig->lanes[f->lane]), END_SOURCE_ENDED);
    return NULL;
}

static void lanes_share_the_workers(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    begin(&r);
    struct feeder feeders[LANES];
    pthread_t t[LANES];
    for (int i = 0; i < LANES; i++) {
        feeders[i] = (struct feeder){&r, i, i}; /* nobody, one, two */
        assert_int_equal(thread_start(&t[i], "feeder", feed_all, &feeders[i]), 0);
    }
    for (int i = 0; i < LANES; i++)
        await_ends(&r, i, END_SOURCE_ENDED, i);
    for (int i = 0; i < LANES; i++)
        assert_int_equal(thread_join(t[i], PATIENCE_MS), 0);
    assert_true(fake_bus_hears("door/count", "0"));
    assert_true(fake_bus_hears("hall/count", "0 1 0"));
    assert_true(fake_bus_hears("yard/count", "0 2 0"));
    stop(&r);
    learn_all(&r);
    for (int i = 0; i < LANES; i++) {
        assert_int_equal(records(&r, i), i);
        struct lane_stats s;
        lane_stats(r.lanes[i], &s);
        assert_int_equal(s.looks, PICTURES);
        assert_int_equal(s.faces, PICTURES * i);
        assert_int_equal(s.lost, 0);
        assert_int_equal(s.people, 0);
    }
    for (int i = 0; i < r.n_seen; i++) {
        const struct record *x = &r.seen[i].last;
        assert_true(x->start_us == FAKE_FRAME_WALL_US + PICTURE_US);
        assert_true(x->end_us == FAKE_FRAME_WALL_US + PICTURES * PICTURE_US);
        assert_true(x->samples > 0);
        assert_true(x->answers.female);
        assert_int_equal(x->answers.age_range, age_range_of(30));
        assert_string_equal(x->detector, "d");
        assert_string_equal(x->attributes, "a");
    }
    struct pipeline_stats p;
    pipeline_stats(r.pipeline, &p);
    assert_int_equal(p.looks, LANES * PICTURES);
    assert_int_equal(p.faces, 3 * PICTURES);
    assert_int_equal(p.estimates, atomic_load(&fake_vision.estimates));
    assert_true(p.detect_us >= 0);
    end(&r);
}

/* A camera that is far faster than the worker: the newest picture wins, and none comes late. */
static void the_newest_picture_is_looked_at(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    r.conf.workers = 1;
    r.hang_lane = 1;
    r.hang_number = 1;
    begin(&r);
    feed(&r, 1, 0, 1);
    assert_true(stop_wait(r.hangs, PATIENCE_MS));
    for (int i = 2; i <= 50; i++) {
        struct frame *f = fake_frame_new(i * PICTURE_US, NULL, 0);
        fake_frame_mark(f, 1, i);
        slot_put(lane_slot(r.lanes[1]), f);
    }
    stop_ask(r.release);
    stop(&r);
    assert_int_equal(r.looked[1], 50);
    struct lane_stats s;
    lane_stats(r.lanes[1], &s);
    assert_int_equal(s.looks, 2);
    assert_int_equal(s.lost, 48);
    end(&r);
}

static void a_mark_ends_with_its_reason(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    begin(&r);
    static const enum end_reason reasons[] = {END_SOURCE_ENDED, END_DISABLED, END_CAMERA_LOST};
    for (int i = 0; i < 3; i++) {
        feed(&r, 0, 1, 5);
        slot_mark(lane_slot(r.lanes[0]), (int)reasons[i]);
        await_ends(&r, 0, reasons[i], 1);
        assert_int_equal(records(&r, 0), i + 1);
    }
    assert_true(fake_bus_hears("door/count", "0 1 0 1 0 1 0"));
    slot_mark(lane_slot(r.lanes[1]), END_DISABLED); /* nobody was there */
    stop(&r);
    learn_all(&r);
    assert_int_equal(r.n_seen, 3);
    end(&r);
}

static void only_faces_of_the_wanted_size(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    r.cameras_conf[0].min_face = 40;
    r.cameras_conf[0].max_face = 80;
    begin(&r);
    const struct face faces[] = {
            face_at(20, 20, 39), face_at(120, 20, 40), face_at(220, 20, 80), face_at(350, 20, 81)};
    for (int lane = 0; lane < 2; lane++) {
        for (int i = 1; i <= 5; i++) {
            struct frame *f = fake_frame_new(i * PICTURE_US, faces, 4);
            fake_frame_mark(f, lane, i);
            slot_put_wait(lane_slot(r.lanes[lane]), f, -1);
        }
    }
    stop(&r);
    learn_all(&r);
    assert_int_equal(records(&r, 0), 2);
    assert_int_equal(records(&r, 1), 4); /* there every size is right */
    struct lane_stats s;
    lane_stats(r.lanes[0], &s);
    assert_int_equal(s.faces, 10);
    for (int i = 0; i < r.n_seen; i++) {
        if (r.seen[i].lane == 0)
            assert_in_range(r.seen[i].last.width_px, 40, 80);
    }
    end(&r);
}

/* By the centre of a face; a mask wins over a zone. */
static void only_faces_of_the_wanted_place(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    const struct polygon left = {4, {{0, 0}, {0.5f, 0}, {0.5f, 1}, {0, 1}}};
    const struct polygon corner = {4, {{0, 0}, {0.2f, 0}, {0.2f, 1}, {0, 1}}};
    r.cameras_conf[0].zones = (struct polygons){1, {left}};
    r.cameras_conf[0].masks = (struct polygons){1, {corner}};
    r.cameras_conf[1].masks = (struct polygons){1, {left}};
    begin(&r);
    /* in zone and mask; in the zone; half in it, but not with the centre; beside it */
    const struct face faces[] = {
            face_at(20, 20, 60), face_at(200, 20, 60), face_at(300, 200, 60), face_at(500, 20, 60)};
    for (int lane = 0; lane < 2; lane++) {
        for (int i = 1; i <= 5; i++) {
            struct frame *f = fake_frame_new(i * PICTURE_US, faces, 4);
            fake_frame_mark(f, lane, i);
            slot_put_wait(lane_slot(r.lanes[lane]), f, -1);
        }
    }
    stop(&r);
    learn_all(&r);
    assert_int_equal(records(&r, 0), 1);
    assert_int_equal(records(&r, 1), 2);
    struct lane_stats s;
    lane_stats(r.lanes[0], &s);
    assert_int_equal(s.faces, 5); /* what is not wanted is not even counted */
    end(&r);
}

/* Who comes out of a mask in time is who went in, though nothing of him was used in between. */
static void a_walk_through_a_mask_is_one_record(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    const struct polygon pillar = {4, {{0.4f, 0}, {0.55f, 0}, {0.55f, 1}, {0.4f, 1}}};
    r.cameras_conf[0].masks = (struct polygons){1, {pillar}};
    begin(&r);
    int in_mask = 0;
    for (int i = 1; i <= 25; i++) {
        const struct face walker = face_at(20 + 20 * (float)i, 100, 60);
        in_mask += walker.box.x + 30 >= 256 && walker.box.x + 30 <= 352;
        struct frame *f = fake_frame_new(i * PICTURE_US, &walker, 1);
        fake_frame_mark(f, 0, i);
        slot_put_wait(lane_slot(r.lanes[0]), f, -1);
    }
    stop(&r);
    learn_all(&r);
    assert_int_equal(in_mask, 5);
    assert_int_equal(records(&r, 0), 1);
    struct lane_stats s;
    lane_stats(r.lanes[0], &s);
    assert_int_equal(s.looks, 25);
    assert_int_equal(s.faces, 25 - in_mask);
    end(&r);
}

/* Where the camera asks for them, and no more of them than its zones need. */
static void tiles_where_they_are_wanted(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    const struct polygon door = {4, {{0, 0}, {0.1f, 0}, {0.1f, 0.1f}, {0, 0.1f}}};
    r.cameras_conf[1].tiles = r.cameras_conf[2].tiles = TILING_AUTO;
    r.cameras_conf[1].min_face = r.cameras_conf[2].min_face = 40;
    r.cameras_conf[2].zones = (struct polygons){1, {door}};
    begin(&r);
    for (int lane = 0; lane < LANES; lane++)
        feed(&r, lane, 0, 1);
    stop(&r);
    assert_int_equal(r.tiles[0], 0);
    assert_true(r.tiles[1] > 4);
    assert_int_equal(r.tiles[2], 1);
    end(&r);
}

/* ------------------------------------------------------------- what can go wrong --- */

/* Nobody is in view of a camera that does not see, but its people may well be there still. */
static void offline_counts_nobody(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    begin(&r);
    feed(&r, 0, 2, 5);
    assert_true(fake_bus_hears("door/count", "0 2"));
    atomic_store(&r.cameras[0].online, false);
    slot_ring(lane_slot(r.lanes[0])); /* as a camera does when its state changes */
    assert_true(fake_bus_hears("door/count", "0 2 0"));
    atomic_store(&r.cameras[0].online, true);
    feed(&r, 0, 2, 1);
    assert_true(fake_bus_hears("door/count", "0 2 0 2"));
    stop(&r);
    learn_all(&r);
    assert_int_equal(records(&r, 0), 2);
    assert_int_equal(ended(&r, 0, END_SHUTDOWN), 2);
    end(&r);
}

/* No more pictures come, and nothing says why: the visits end its records all the same. */
static void a_dead_camera_loses_its_people(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    r.conf.track = (struct conf_track){.confirm = 1, .lost_us = 1000};
    atomic_init(&r.cameras[2].file, false);
    begin(&r);
    struct face face = face_at(100, 100, 60);
    struct frame *f = fake_frame_new(mono_us(), &face, 1);
    fake_frame_mark(f, 2, 1);
    slot_put(lane_slot(r.lanes[2]), f);
    await_ends(&r, 2, END_CAMERA_LOST, 1);
    stop(&r);
    char count[64];
    fake_bus_said("yard/count", count, sizeof(count));
    assert_non_null(strstr(count, "1 0"));
    learn_all(&r);
    assert_int_equal(r.n_seen, 1);
    end(&r);
}

static void a_picture_that_cannot_be_looked_at(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    begin(&r);
    feed(&r, 0, 1, 4);
    assert_true(fake_bus_hears("door/count", "0 1")); /* the four are past */
    atomic_store(&fake_vision.blind, 3);
    feed(&r, 0, 1, 10);
    stop(&r);
    learn_all(&r);
    struct pipeline_stats p;
    pipeline_stats(r.pipeline, &p);
    assert_int_equal(p.looks, 11);
    assert_int_equal(records(&r, 0), 1); /* it costs pictures, not the record */
    assert_int_equal(ended(&r, 0, END_SHUTDOWN), 1);
    end(&r);
}

/* ------------------------------------------------------------- the end --- */

static void a_stop_ends_what_is_open(void **state)
{
    (void)state;
    for (int k = 0; k < 20; k++) {
        static struct rig r;
        configure(&r);
        begin(&r);
        feed(&r, 0, 1, 5);
        feed(&r, 1, 2, 5);
        stop(&r); /* the last picture of each may still be in its slot */
        learn_all(&r);
        assert_int_equal(ended(&r, 0, END_SHUTDOWN), 1);
        assert_int_equal(ended(&r, 1, END_SHUTDOWN), 2);
        assert_int_equal(r.n_seen, 3);
        struct pipeline_stats p;
        pipeline_stats(r.pipeline, &p);
        assert_int_equal(p.looks, 10);
        char count[64];
        fake_bus_said("hall/count", count, sizeof(count));
        assert_int_equal(count[strlen(count) - 1], '0');

        feed(&r, 0, 1, 1); /* nobody takes it any more, and it is not kept */
        assert_int_equal(fake_frame_alive(), 0);
        assert_int_equal(pipeline_join(r.pipeline, 0), 0); /* once more does no harm */
        learn_all(&r);
        assert_int_equal(r.n_seen, 3);
        end(&r);
    }
}

static int working(const struct rig *r)
{
    int n = 0;
    for (int i = 0; i < r->conf.workers; i++)
        n += atomic_load(&pipeline_beat(r->pipeline, i)->state) == BEAT_WORKING;
    return n;
}

/* One worker does not come back from a picture. The records of all other cameras are ended, and
 * its own when it does come back. */
static void one_hangs_in_the_detector(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    r.hang_lane = 0;
    r.hang_number = 5;
    begin(&r);
    feed(&r, 0, 1, 5);
    assert_true(stop_wait(r.hangs, PATIENCE_MS));
    feed(&r, 1, 2, 5);
    feed(&r, 2, 1, 5);
    assert_true(fake_bus_hears("hall/count", "0 2"));
    assert_true(fake_bus_hears("yard/count", "0 1"));
    pipeline_stop(r.pipeline);
    assert_int_equal(pipeline_join(r.pipeline, 1000), -ETIMEDOUT);
    assert_int_equal(working(&r), 1); /* whom health.c will name */
    learn_all(&r);
    assert_int_equal(ended(&r, 1, END_SHUTDOWN), 2);
    assert_int_equal(ended(&r, 2, END_SHUTDOWN), 1);
    assert_int_equal(records(&r, 0), 1);
    assert_int_equal(ended(&r, 0, END_SHUTDOWN), 0);

    stop_ask(r.release);
    assert_int_equal(pipeline_join(r.pipeline, PATIENCE_MS), 0);
    learn_all(&r); /* which also sees that nothing ends twice */
    assert_int_equal(ended(&r, 0, END_SHUTDOWN), 1);
    assert_int_equal(r.n_seen, 4);
    end(&r);
}

static void *let_go(void *arg)
{
    stop_ask(arg);
    return NULL;
}

/*
 * The only worker hangs, and comes back just when the others' records are being ended. What waits
 * in their slots is looked at before that or not at all: no record is opened behind the end.
 */
static void who_comes_back_late_opens_nothing(void **state)
{
    (void)state;
    for (int k = 0; k < 40; k++) {
        static struct rig r;
        configure(&r);
        r.conf.workers = 1;
        r.conf.track.confirm = 1;
        r.hang_lane = 0;
        r.hang_number = 5;
        begin(&r);
        feed(&r, 0, 1, 5);
        assert_true(stop_wait(r.hangs, PATIENCE_MS));
        feed(&r, 1, 1, 1);
        feed(&r, 2, 2, 1);
        pipeline_stop(r.pipeline);
        pthread_t t;
        bool late = k % 4 == 0;
        if (!late)
            assert_int_equal(thread_start(&t, "release", let_go, r.release), 0);
        int result = pipeline_join(r.pipeline, 0);
        if (late) {
            assert_int_equal(result, -ETIMEDOUT);
            learn_all(&r);
            assert_int_equal(r.n_seen, 1);
            assert_int_equal(thread_start(&t, "release", let_go, r.release), 0);
        }
        assert_int_equal(thread_join(t, PATIENCE_MS), 0);
        assert_int_equal(pipeline_join(r.pipeline, PATIENCE_MS), 0);
        learn_all(&r);
        for (int i = 0; i < LANES; i++)
            assert_int_equal(ended(&r, i, END_SHUTDOWN), records(&r, i));
        assert_int_equal(records(&r, 0), 1);
        if (late)
            assert_int_equal(r.n_seen, 1);
        end(&r);
    }
}

static void models_that_cannot_be_opened(void **state)
{
    (void)state;
    static struct rig r;
    for (int k = 0; k < 3; k++) {
        configure(&r);
        fake_vision.missing = k == 0 ? "d" : k == 1 ? "a" : NULL;
        fake_vision.nets_max = k < 2 ? 0 : 1; /* of the two that a worker wants */
        struct err e = {0};
        assert_null(pipeline_new(&r.conf, &(struct pipeline_links){0}, &e));
        assert_true(e.code < 0 && e.text[0]);
        assert_int_equal(atomic_load(&fake_vision.open), 0);
    }
    pipeline_free(NULL);
}

/* One camera is one worker's work: the other one's nets are never opened. And where they are wanted
 * and cannot be opened, one does all of it. */
static void nets_are_opened_when_they_are_needed(void **state)
{
    (void)state;
    static struct rig r;
    for (int lanes = 1; lanes <= 2; lanes++) {
        configure(&r);
        fake_vision.nets_max = 2; /* the first worker's */
        begin(&r);
        for (int i = 0; i < 40; i++) {
            for (int lane = 0; lane < lanes; lane++)
                feed(&r, lane, 1, 10);
        }
        if (lanes == 1)
            assert_int_equal(atomic_load(&fake_vision.open), 4); /* with the two cards */
        stop(&r);
        learn_all(&r);
        for (int lane = 0; lane < lanes; lane++)
            assert_int_equal(records(&r, lane), 1);
        end(&r);
    }
}

static void no_camera_or_nobody_in_view(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    struct queue *q = queue_new(64, event_free, NULL, NULL);
    for (int lanes = 0; lanes < 2; lanes++) {
        struct err e = {0};
        struct pipeline *p = pipeline_new(&r.conf, &(struct pipeline_links){.to_store = q}, &e);
        assert_non_null(p);
        if (lanes) {
            struct lane *l = pipeline_add(p, &r.cameras_conf[0]);
            lane_attach(l, &r.cameras[0]);
            slot_put(lane_slot(l), fake_frame_new(1, NULL, 0));
        }
        assert_int_equal(pipeline_start(p), 0);
        pipeline_stop(p);
        assert_int_equal(pipeline_join(p, PATIENCE_MS), 0);
        pipeline_free(p);
        assert_int_equal(queue_length(q), 0);
        assert_int_equal(fake_frame_alive(), 0);
    }
    queue_free(q);
}

/* ------------------------------------------------------------- coming and going --- */

/* Cameras come and go while others are looked at; what a removed one had open ends for that
 * reason, and nobody else loses anything. */
static void lanes_come_and_go(void **state)
{
    (void)state;
    static struct rig r;
    configure(&r);
    begin(&r);
    feed(&r, 0, 1, 5);
    feed(&r, 1, 2, 5);
    assert_true(fake_bus_hears("hall/count", "0 2"));
    for (int k = 0; k < 50; k++) {
        struct conf_camera conf = {.name = "gate", .fps = 5, .enabled = true};
        struct camera camera;
        atomic_init(&camera.online, true);
        atomic_init(&camera.file, true);
        struct lane *l = pipeline_add(r.pipeline, &conf);
        lane_attach(l, &camera);
        struct frame *f = fake_frame_new((k + 1) * PICTURE_US, NULL, 0);
        fake_frame_mark(f, 2, k + 1);
        slot_put(lane_slot(l), f);
        slot_close(lane_slot(l));
        while (!pipeline_remove(r.pipeline, l, END_REMOVED))
            sched_yield(); /* a worker is in it */
    }
    while (!pipeline_remove(r.pipeline, r.lanes[1], END_REMOVED))
        sched_yield();
    r.lanes[1] = r.lanes[0];
    feed(&r, 0, 1, 5);
    stop(&r);
    learn_all(&r);
    assert_int_equal(records(&r, 0), 1);
    assert_int_equal(ended(&r, 0, END_SHUTDOWN), 1);
    assert_int_equal(records(&r, 1), 2);
    assert_int_equal(ended(&r, 1, END_REMOVED), 2);
    end(&r);
}

/* A person in a picture of which nothing is new costs few looks, and his record is the same. */
static void who_stands_still_is_held(void **state)
{
    (void)state;
    for (int all = 0; all <= 1; all++) {
        struct rig r;
        configure(&r);
        r.cameras_conf[0].decode = all ? DECODE_ALL : DECODE_AUTO;
        begin(&r);
        assert_false(atomic_load(&slot_face(lane_slot(r.lanes[0]))->needed));
        feed_still(&r, 0, PICTURE_US, 1, 301); /* a minute */
        feed_still(&r, 0, 302 * PICTURE_US, 0, 50);
        stop(&r);
        learn_all(&r);
        struct lane_stats s;
        lane_stats(r.lanes[0], &s);
        assert_int_equal(s.looks + s.held, 351);
        if (all)
            assert_int_equal(s.held, 0);
        else
            assert_in_range(s.looks, 3 + 30, 90);
        assert_int_equal(r.n_seen, 1);
        assert_true(r.seen[0].begun == 1 && r.seen[0].ended == 1);
        assert_true(r.seen[0].last.end_us - r.seen[0].last.start_us == 300 * PICTURE_US);
        assert_false(atomic_load(&slot_face(lane_slot(r.lanes[0]))->needed));
        end(&r);
    }
}

/* While it is open who is there, every picture is looked at. */
static void nothing_is_held_while_it_is_open(void **state)
{
    (void)state;
    struct rig r;
    configure(&r);
    r.conf.track.confirm = 30; /* tentative for long */
    begin(&r);
    feed_still(&r, 0, PICTURE_US, 1, 25);
    feed_still(&r, 0, PICTURE_US, 0, 1); /* not found, though nothing has changed */
    feed_still(&r, 0, PICTURE_US, 1, 3);
    feed(&r, 1, 0, 20); /* each new beside the one before */
    stop(&r);
    struct lane_stats s;
    lane_stats(r.lanes[0], &s);
    assert_true(s.looks == 29 && s.held == 0);
    lane_stats(r.lanes[1], &s);
    assert_true(s.looks == 20 && s.held == 0);
    end(&r);
}

/* Where nobody is, somebody looks every ten seconds all the same: he may be found at last. */
static void a_full_look_now_and_then(void **state)
{
    (void)state;
    struct rig r;
    configure(&r);
    begin(&r);
    feed_still(&r, 0, PICTURE_US, 0, 160);
    struct lane_stats s;
    feed_still(&r, 0, PICTURE_US, 1, 100); /* the motion gate missed him */
    stop(&r);
    lane_stats(r.lanes[0], &s);
    assert_true(s.held > 150);
    learn_all(&r);
    assert_int_equal(r.n_seen, 1);
    end(&r);
}

/* One who walks, with changes where he is; and one who stands far from there. */
static void feed_walker(struct rig *r, int lane, int pictures)
{
    struct change_map map = {.cols = 32, .rows = 24, .block = 20};
    for (int i = 0; i < map.cols * map.rows; i++)
        map.at_us[i] = 0;
    for (int i = 0; i < pictures; i++) {
        int number = ++r->fed[lane];
        float x = 60 + (float)abs(i % 80 - 40); /* there and back */
        struct face faces[] = {face_at(x, 60, 60), face_at(500, 300, 60)};
        struct frame *f = fake_frame_new(number * PICTURE_US, faces, 2);
        for (int col = (int)x / 20; col <= ((int)x + 60) / 20; col++) {
            for (int row = 3; row < 6; row++)
                map.at_us[row * map.cols + col] = number * PICTURE_US;
        }
        fake_frame_mark(f, lane, number);
        frame_note_change(f, number * PICTURE_US, &map);
        slot_put_wait(lane_slot(r->lanes[lane]), f, -1);
    }
}

/* Where something moves is looked at, and who stands elsewhere stays; a face that a part's edge may
 * have cut makes it a look at the whole picture. */
static void parts_are_looked_at(void **state)
{
    (void)state;
    for (int cut = 0; cut <= 1; cut++) {
        struct rig r;
        configure(&r);
        fake_vision.max_side = 640;
        fake_vision.cut = cut;
        begin(&r);
        feed_walker(&r, 0, 300);
        stop(&r);
        learn_all(&r);
        struct lane_stats s;
        lane_stats(r.lanes[0], &s);
        /* Once both are known every second picture is not looked at: he goes on as he went. */
        assert_int_equal(s.looks + s.held, 300);
        assert_in_range(s.held, 120, 150);
        if (cut)
            assert_int_equal(s.partial, 0);
        else
            assert_in_range(s.partial, 100, 160);
        assert_int_equal(r.n_seen, 2);
        for (int i = 0; i < 2; i++)
            assert_true(r.seen[i].last.end_us - r.seen[i].last.start_us == 299 * PICTURE_US);
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(lanes_share_the_workers),
            cmocka_unit_test(the_newest_picture_is_looked_at),
            cmocka_unit_test(a_mark_ends_with_its_reason),
            cmocka_unit_test(only_faces_of_the_wanted_size),
            cmocka_unit_test(only_faces_of_the_wanted_place),
            cmocka_unit_test(a_walk_through_a_mask_is_one_record),
            cmocka_unit_test(tiles_where_they_are_wanted),
            cmocka_unit_test(offline_counts_nobody),
            cmocka_unit_test(who_stands_still_is_held),
            cmocka_unit_test(nothing_is_held_while_it_is_open),
            cmocka_unit_test(parts_are_looked_at),
            cmocka_unit_test(a_full_look_now_and_then),
            cmocka_unit_test(a_dead_camera_loses_its_people),
            cmocka_unit_test(a_picture_that_cannot_be_looked_at),
            cmocka_unit_test(a_stop_ends_what_is_open),
            cmocka_unit_test(one_hangs_in_the_detector),
            cmocka_unit_test(who_comes_back_late_opens_nothing),
            cmocka_unit_test(models_that_cannot_be_opened),
            cmocka_unit_test(nets_are_opened_when_they_are_needed),
            cmocka_unit_test(lanes_come_and_go),
            cmocka_unit_test(no_camera_or_nobody_in_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
