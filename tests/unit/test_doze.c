/* needs: app/doze app/lean app/choice app/replay app/sparing app/overload sample/lag sample/strain sample/sampler sample/scene sample/vigil sample/quiet source/backlog flow/slot base/err base/log base/mem base/mono base/redact base/thread base/url fake:frame */
#include "app/doze.h"

#include "../fakes/fake_frame.h"
#include "app/overload.h"
#include "base/mono.h"
#include "flow/slot.h"
#include "sample/strain.h"
#include "source/backlog.h"
#include "source/decoder.h"

#include <libavcodec/packet.h>
#include <libavutil/mem.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEP    (MONO_SECOND / 25)
#define W       640
#define H       360
#define PACKETS 20000

/* ------------------------------------------------------------- a decoder without pixels --- */

/* What becomes of packet i. */
static struct {
    bool key, moves;
    bool spare;                /* no other picture needs this one */
    int decoded, shown, given; /* times: pushed, a picture came of it, it was analysed */
    bool kept;
} life[PACKETS];

struct decoder {
    bool fresh; /* nothing was pushed since the restart */
    bool holds, flushed;
    bool sparing;
    int last, inside, found;
    enum source_fault fault;
    bool peeks;
    int peeked; /* times */
};

static struct decoder decoder;
static int taken; /* pictures that a frame was made of */
static uint8_t still[W * H], moved[2][W * H];
static const struct luma pictures[] = {{still, W, 1, W, H, false, 0},
        {moved[0], W, 1, W, H, false, 0}, {moved[1], W, 1, W, H, false, 0}};

enum source_fault decoder_push(struct decoder *d, const struct packet *p, struct err *e)
{
    assert_int_equal(d->inside, -1); /* all was pulled */
    if (!p) {
        d->flushed = true;
        return SOURCE_OK;
    }
    if (d->fault != SOURCE_OK) {
        err_set(e, -5, "too large");
        return d->fault;
    }
    int i = (int)(p->time_us / STEP) - 1;
    assert_false(d->flushed);
    if (d->fresh)
        assert_true(p->key); /* the first after waking */
    else
        assert_int_equal(i, d->last + 1); /* and none is left out after it */
    d->fresh = false;
    d->last = i;
    d->inside = d->sparing && life[i].spare ? -1 : i;
    life[i].decoded++;
    return SOURCE_OK;
}

bool decoder_next(struct decoder *d, int64_t *ret_time_us)
{
    if (d->inside < 0)
        return false;
    d->found = d->inside;
    d->inside = -1;
    life[d->found].shown++;
    *ret_time_us = (d->found + 1) * STEP;
    return true;
}

struct frame *decoder_take(struct decoder *d)
{
    int i = d->found;
    taken++;
    struct frame *f = fake_frame_new((i + 1) * STEP, NULL, 0);
    fake_frame_mark(f, 0, i);
    fake_frame_show(f, &pictures[life[i].moves ? 1 + i / 5 % 2 : 0]);
    return f;
}

struct frame *decoder_pull(struct decoder *d)
{
    int64_t time_us;
    return decoder_next(d, &time_us) ? decoder_take(d) : NULL;
}

void decoder_restart(struct decoder *d, bool rewind)
{
    (void)rewind;
    d->fresh = true;
    d->flushed = false;
    d->inside = -1;
}

bool decoder_can_peek(const struct decoder *d)
{
    return d->peeks;
}

/* Upon the latest key frame that came before it. */
struct frame *decoder_peek(struct decoder *d, const struct packet *key, const struct packet *p)
{
    int i = (int)(p->time_us / STEP) - 1;
    assert_true(key->key && !p->key && d->inside == -1);
    for (int k = (int)(key->time_us / STEP); k <= i; k++)
        assert_false(life[k].key);
    d->peeked++;
    d->fresh = true;
    if (d->fault != SOURCE_OK)
        return NULL;
    struct frame *f = fake_frame_new(p->time_us, NULL, 0);
    fake_frame_show(f, &pictures[life[i].moves ? 1 + i / 5 % 2 : 0]);
    return f;
}

void decoder_spare(struct decoder *d, bool filter, bool frames)
{
    (void)filter;
    d->sparing = frames;
}

/* ------------------------------------------------------------- a camera --- */

struct rig {
    struct conf_camera conf;
    struct stream stream;
    struct slot *slot;
    struct doze *doze;
    struct ease ease;
    AVPacket *av;
    int gop, at, quiet;
    int every; /* of so many pictures one is needed by others; 0: all are */
    int64_t wait_us,
            wait_more_us; /* how long packets lie unread, and each longer than the one before */
    int pace;             /* with each so many packets the worker takes a picture; 0: all at once */
    int last_given;
    int given;
};

static void woken(void *arg)
{
    (void)arg;
}

static bool peeks; /* the next decoder can */

static void begin(struct rig *r, enum decoding decode, int gop)
{
    memset(life, 0, sizeof(life));
    memset(still, 90, sizeof(still));
    for (int k = 0; k < 2; k++) {
        memset(moved[k], 90, sizeof(moved[k]));
        for (int y = 100; y < 200; y++)
            memset(&moved[k][y * W + 100 + 60 * k], 160, 60);
    }
    *r = (struct rig){.conf = {.name = "door", .fps = 5, .decode = decode},
            .stream = {.live = true},
            .gop = gop,
            .quiet = 400,
            .last_given = -1};
    decoder = (struct decoder){.fresh = true, .inside = -1, .peeks = peeks};
    taken = 0;
    r->slot = slot_new(woken, NULL);
    atomic_store(&r->ease.share, 1000);
    r->doze = doze_new(&r->conf, &r->stream, &decoder, slot_face(r->slot), &r->ease);
    r->av = av_packet_alloc();
    assert_int_equal(av_new_packet(r->av, 16), 0);
}

static void end(struct rig *r)
{
    doze_free(r->doze);
    slot_free(r->slot);
    av_packet_free(&r->av);
    assert_int_equal(fake_frame_alive(), 0);
}

/* Pictures come in order, and none twice. */
static void pull(struct rig *r)
{
    struct frame *f;
    bool refresh;
    while ((f = doze_pull(r->doze, &refresh))) {
        if (refresh) {
            slot_refresh(r->slot, f);
            continue;
        }
        int i = fake_frame_number(f);
        assert_true(i > r->last_given);
        r->last_given = i;
        life[i].given++;
        r->given++;
        if (r->pace)
            slot_put(r->slot, f);
        else
            frame_unref(f);
    }
}

static void work(struct rig *r)
{
    struct frame *f;
    int mark;
    if (r->pace && r->at % r->pace == 0 && slot_take(r->slot, &f, &mark) == SLOT_FRAME)
        frame_unref(f);
}

static void run(struct rig *r, int packets, bool moves)
{
    for (int k = 0; k < packets; k++, r->at++) {
        bool key = r->at % r->gop == 0;
        int size = key ? 100000 + r->at % 7 * 100 : r->quiet + r->at % 13 + (moves ? 4000 : 0);
        struct packet p = {
                r->av, (r->at + 1) * STEP, size, key, false, (r->at + 1) * STEP - r->wait_us};
        r->wait_us += r->wait_us + r->wait_more_us > 0 ? r->wait_more_us : -r->wait_us;
        struct err e = {0};
        life[r->at].key = key;
        life[r->at].spare = !key && r->every && r->at % r->gop % r->every;
        life[r->at].moves = moves;
        assert_int_equal(doze_push(r->doze, &p, &e), SOURCE_OK);
        pull(r);
        work(r);
    }
}

static struct doze_counts counts(struct rig *r)
{
    return doze_counts(r->doze);
}

static int decoded(const struct rig *r, int from)
{
    int n = 0;
    for (int i = from; i < r->at; i++)
        n += life[i].decoded > 0;
    return n;
}

static void an_empty_room_sleeps(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_AUTO, 50);
    run(&r, 25 * 30, false);
    assert_true(counts(&r).asleep);
    int from = r.at;
    run(&r, 25 * 120, false);
    assert_true(counts(&r).asleep && counts(&r).wakes == 0);
    assert_in_range(decoded(&r, from), 20, 40);
    assert_int_equal(counts(&r).frames, r.at);
    assert_in_range(counts(&r).due, r.at / 5 - 2, r.at / 5 + 2);
    end(&r);
}

/* Who comes is seen from the picture on in which he came, at the usual rate. */
static void nobody_is_lost_who_comes(void **state)
{
    (void)state;
    for (int when = 0; when < 60; when += 7) {
        struct rig r;
        begin(&r, DECODE_AUTO, 50);
        run(&r, 25 * 30 + when, false);
        assert_true(counts(&r).asleep);
        int came = r.at;
        run(&r, 50, true);
        assert_true(!counts(&r).asleep && counts(&r).wakes == 1 && !counts(&r).late);
        int seen = 0, before = came - 1;
        for (int i = came; i < r.at; i++) {
            assert_true(life[i].decoded > 0);
            if (life[i].given && ++seen)
                assert_in_range(i - before, 1, 6), before = i;
        }
        assert_in_range(seen, 9, 11);
        assert_int_equal(counts(&r).frames, r.at);
        assert_in_range(counts(&r).due, r.at / 5 - 2, r.at / 5 + 2);
        end(&r);
    }
}

/* A worker who has time for as many pictures as the rate asks for loses none of those that were
 * kept, however many they are; and for one who has not the camera does not lag behind for ever. */
static void the_worker_sets_the_pace(void **state)
{
    (void)state;
    for (int pace = 1; pace <= 3; pace++) {
        struct rig r;
        begin(&r, DECODE_AUTO, 50);
        run(&r, 25 * 30 + 48, false);
        assert_true(counts(&r).asleep);
        r.pace = pace;
        int came = r.at;
        run(&r, 110, true);
        assert_false(counts(&r).late);
        assert_int_equal(slot_lost(r.slot), 0);
        int seen = 0;
        for (int i = came; i < r.at; i++)
            seen += life[i].given;
        assert_in_range(seen, 21, 23);
        r.pace = INT_MAX;
        run(&r, 25 * 10, false);
        assert_true(slot_lost(r.slot) > 0);
        end(&r);

        begin(&r, DECODE_AUTO, 50);
        run(&r, 25 * 30 + 48, false);
        r.pace = INT_MAX;
        run(&r, 25 * 6, true);
        assert_false(counts(&r).late);
        assert_true(slot_lost(r.slot) > 10);
        end(&r);
    }
}

/* The packets do not say it, but a key frame does: from the last one on that was still. */
static void who_was_not_heard_is_seen_in_the_next_key_frame(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_AUTO, 25);
    r.quiet = 14000; /* a constant rate */
    run(&r, 25 * 20 + 3, false);
    assert_true(counts(&r).asleep);
    int came = r.at;
    for (int k = 0; k < 40; k++) {
        r.quiet = 10000;
        run(&r, 1, true);
    }
    assert_false(counts(&r).asleep);
    for (int i = came; i < r.at; i++)
        assert_true(life[i].decoded > 0);
    end(&r);
}

/* The same where key frames are far apart, by peeks between them. */
static void who_was_not_heard_is_seen_by_a_peek(void **state)
{
    (void)state;
    for (int when = 0; when < 50; when += 7) {
        struct rig r;
        peeks = true;
        begin(&r, DECODE_AUTO, 100);
        peeks = false;
        r.quiet = 14000;
        run(&r, 25 * 20, false);
        assert_true(counts(&r).asleep);
        int from = r.at;
        run(&r, 25 * 20 + when, false);
        assert_true(counts(&r).asleep && counts(&r).wakes == 0 && decoder.peeked > 20);
        assert_in_range(decoded(&r, from), 4, 6); /* no more than key frames */
        int came = r.at;
        r.quiet = 10000; /* and as much more is 14000 again */
        run(&r, 14, true);
        assert_false(counts(&r).asleep);
        run(&r, 20, true);
        assert_false(counts(&r).late);
        for (int i = came; i < r.at; i++)
            assert_true(life[i].decoded > 0);
        end(&r);
    }
}

static void who_is_needed_is_awake(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_AUTO, 50);
    slot_need(r.slot, true);
    run(&r, 25 * 60, false);
    assert_int_equal(decoded(&r, 0), r.at);
    slot_need(r.slot, false);
    run(&r, 25 * 10, false);
    assert_true(counts(&r).asleep);
    slot_need(r.slot, true);
    run(&r, 100, false);
    assert_true(!counts(&r).asleep && counts(&r).wakes == 1);
    assert_int_equal(decoded(&r, r.at - 100), 100);
    end(&r);
}

/*
 * With somebody there, pictures that no other needs are left out where the others are twice what
 * the rate asks for; that this is so was seen while nobody was there.
 */
static void pictures_are_spared_where_enough_are_left(void **state)
{
    (void)state;
    for (int every = 2; every <= 3; every++) { /* 12.5 and 8.3 a second are left */
        struct rig r;
        begin(&r, DECODE_AUTO, 25);
        r.every = every;
        slot_need(r.slot, true);
        run(&r, 25 * 10, false);
        for (int i = 0; i < r.at; i++)
            assert_int_equal(life[i].shown, 1); /* nothing is known yet */
        end(&r);

        begin(&r, DECODE_AUTO, 25);
        r.every = every;
        run(&r, 25 * 30, false);
        assert_true(counts(&r).asleep);
        slot_need(r.slot, true);
        run(&r, 25 * 4, false);
        int from = r.at, given = r.given;
        run(&r, 25 * 20, false);
        for (int i = from; i < r.at; i++)
            assert_int_equal(life[i].shown, !(life[i].spare && every == 2));
        assert_in_range(r.given - given, 5 * 20 - 4, 5 * 20 + 4);
        assert_int_equal(counts(&r).frames, r.at); /* those came as well */
        end(&r);
    }
}

/* Key frames are too far apart to keep all that is between them. */
static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_AUTO, 250);
    run(&r, 25 * 40, false);
    assert_true(counts(&r).asleep);
    r.gop = 100000; /* it sends none any more */
    run(&r, 25 * 60, false);
    assert_true(!counts(&r).asleep && counts(&r).wakes == 1);
    end(&r);

    struct backlog *b = backlog_new();
    AVPacket *av = av_packet_alloc();
    assert_int_equal(av_new_packet(av, 16), 0);
    struct packet p = {av, 1, BACKLOG_BYTES / 4, true, false, 0};
    for (int i = 0; i < 4; i++)
        assert_true(backlog_add(b, &p));
    assert_false(backlog_room(b, 1) || backlog_add(b, &p));
    assert_int_equal(backlog_length(b), 4);
    backlog_clear(b);
    p.size = 1;
    for (int i = 0; i < BACKLOG_PACKETS; i++)
        assert_true(backlog_add(b, &p));
    assert_false(backlog_room(b, 1) || backlog_add(b, &p));
    assert_true(backlog_at(b, 0)->av != av && backlog_at(b, 0)->key);
    backlog_free(b);
    backlog_free(NULL);
    av_packet_free(&av);
}

static void other_ways_of_decoding(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_ALL, 50);
    run(&r, 25 * 60, false);
    assert_int_equal(decoded(&r, 0), r.at);
    assert_int_equal(counts(&r).frames, r.at);
    assert_int_equal(taken, r.given); /* the others stayed where they were decoded */
    end(&r);

    begin(&r, DECODE_KEYFRAMES, 50);
    run(&r, 25 * 60, true);
    assert_int_equal(decoded(&r, 0), r.at / 50);
    assert_int_equal(r.given, r.at / 50);
    assert_int_equal(counts(&r).undecoded, r.at - r.at / 50);
    assert_int_equal(counts(&r).frames, r.at);
    struct err e = {0};
    assert_int_equal(doze_push(r.doze, NULL, &e), SOURCE_OK);
    assert_null(doze_pull(r.doze, &(bool){false}));
    end(&r);

    begin(&r, DECODE_AUTO, 50); /* a file as fast as it can be taken */
    doze_free(r.doze);
    r.stream.live = false;
    r.conf.pace = PACE_MAX;
    r.doze = doze_new(&r.conf, &r.stream, &decoder, slot_face(r.slot), NULL);
    run(&r, 25 * 60, false);
    assert_int_equal(decoded(&r, 0), r.at);
    end(&r);
    doze_free(NULL);
}

static void the_end_comes_at_any_time(void **state)
{
    (void)state;
    for (int late = 0; late <= 2; late++) {
        struct rig r;
        struct err e = {0};
        begin(&r, DECODE_AUTO, 250);
        run(&r, 25 * 39, false);
        assert_true(counts(&r).asleep);
        int came = r.at;
        if (late)
            run(&r, late == 1 ? 3 : 60, true); /* in the middle of catching up, or after it */
        assert_int_equal(doze_push(r.doze, NULL, &e), SOURCE_OK);
        pull(&r);
        assert_int_equal(decoded(&r, came), r.at - came);
        assert_int_equal(decoder.flushed, late > 0);
        end(&r);
    }
}

/* A fault of a packet that was kept is told with the next one. */
static void a_fault_is_told(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_AUTO, 250);
    run(&r, 25 * 39, false);
    assert_true(counts(&r).asleep);
    decoder.fault = SOURCE_TOO_LARGE;
    slot_need(r.slot, true);
    run(&r, 1, true);
    struct packet p = {r.av, (r.at + 1) * STEP, 4000, false, false, 0};
    struct err e = {0};
    assert_int_equal(doze_push(r.doze, &p, &e), SOURCE_TOO_LARGE);
    assert_string_equal(e.text, "too large");
    assert_null(doze_pull(r.doze, &(bool){false}));
    end(&r);
}

static void ask(struct rig *r, int share, bool keys)
{
    atomic_store(&r->ease.share, share);
    atomic_store(&r->ease.keys, keys);
}

/* Evenly, and the more where somebody is; decoding goes on. */
static void a_share_of_the_pictures_is_given_out(void **state)
{
    (void)state;
    for (int somebody = 0; somebody <= 1; somebody++) {
        struct rig r;
        begin(&r, DECODE_ALL, 50);
        ask(&r, 250, false);
        slot_need(r.slot, somebody);
        run(&r, 25 * 60, true);
        assert_int_equal(decoded(&r, 0), r.at);
        assert_in_range(counts(&r).due, r.at / 5 - 2, r.at / 5 + 2);
        assert_int_equal(counts(&r).dropped + (unsigned)r.given, counts(&r).due);
        int want = (int)(strain_share(0.25, somebody) * r.at / 5);
        assert_in_range(r.given, want - 2, want + 2);
        for (int i = 30, before = 0; i < r.at; i++) {
            if (!life[i].given)
                continue;
            assert_true(!before || i - before <= 22);
            before = i;
        }
        int given = r.given;
        ask(&r, 1000, false);
        run(&r, 25 * 60, true);
        assert_in_range(r.given - given, 298, 302);
        end(&r);
    }
}

/* What shows nothing new is not looked at again anyway. */
static void still_pictures_are_given_out_all_the_same(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_AUTO, 100000); /* never sleeps */
    run(&r, 25 * 5, false);
    ask(&r, 200, false);
    int given = r.given;
    run(&r, 25 * 60, false);
    assert_in_range(r.given - given, 298, 302);
    end(&r);
}

static void where_nobody_is_key_frames_are_enough(void **state)
{
    (void)state;
    for (enum decoding way = DECODE_AUTO; way <= DECODE_ALL; way++) {
        struct rig r;
        begin(&r, way, 50);
        run(&r, 25 * 20, true);
        assert_int_equal(decoded(&r, 0), r.at);
        ask(&r, 200, true);
        int from = r.at, given = r.given;
        run(&r, 25 * 60 - 20, true); /* twenty before a key frame */
        assert_int_equal(decoded(&r, from), 30);
        assert_int_equal(r.given - given, 30);
        assert_true(life[r.at - 30].given && counts(&r).dropped >= 29 * 9);

        /* Somebody was found in the last one: what followed on it was kept. */
        slot_need(r.slot, true);
        from = r.at - 30;
        run(&r, 25 * 60 + 20, true);
        assert_int_equal(decoded(&r, from), r.at - from);
        assert_int_equal(counts(&r).frames, r.at);
        assert_in_range(counts(&r).due, r.at / 5 - 2, r.at / 5 + 2);

        /* And gone: key frames again, until there is time. */
        slot_need(r.slot, false);
        from = r.at;
        run(&r, 25 * 20, true);
        assert_int_equal(decoded(&r, from), 10);
        ask(&r, 1000, false);
        from = r.at;
        run(&r, 25 * 20, true);
        assert_int_equal(decoded(&r, from), r.at - from);
        assert_int_equal(decoded(&r, 0) + (int)counts(&r).undecoded, r.at);
        end(&r);
    }
}

/* Asleep a camera does less than that, and wakes as ever. */
static void key_frames_only_wake_nobody(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_AUTO, 50);
    run(&r, 25 * 30, false);
    assert_true(counts(&r).asleep);
    ask(&r, 200, true);
    int from = r.at;
    run(&r, 25 * 60, false);
    assert_true(counts(&r).asleep && !counts(&r).lean);
    assert_in_range(decoded(&r, from), 13, 17);
    run(&r, 25 * 10, true);
    assert_true(counts(&r).wakes == 1 && counts(&r).lean);
    end(&r);
}

static void somebody_is_never_left_at_key_frames(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_ALL, 50);
    slot_need(r.slot, true);
    ask(&r, 200, true);
    run(&r, 25 * 60, true);
    assert_int_equal(decoded(&r, 0), r.at);
    end(&r);
}

static void there_may_be_no_room_for_what_follows(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_ALL, 2 * BACKLOG_PACKETS);
    ask(&r, 200, true);
    run(&r, 2 * BACKLOG_PACKETS - 10, true);
    slot_need(r.slot, true);
    run(&r, 10, true);
    assert_int_equal(decoded(&r, 0), 1);
    run(&r, 100, true); /* from the next key frame on */
    assert_int_equal(decoded(&r, 0), 101);
    assert_int_equal(counts(&r).undecoded + 101, r.at);
    end(&r);
}

/* Whatever ends it: each picture that was due was given out, or is told to have been dropped. */
static void what_key_frames_leave_out_is_dropped(void **state)
{
    (void)state;
    enum {
        ORDER_ENDS,
        SOMEBODY_COMES,
        NO_ROOM,
        NO_ROOM_AND_SOMEBODY,
        NO_MEMORY,
        BEHIND,
        ENDINGS
    };
    for (int how = 0; how < ENDINGS; how++) {
        struct rig r;
        bool room = how != NO_ROOM && how != NO_ROOM_AND_SOMEBODY;
        int gop = room ? 50 : 2 * BACKLOG_PACKETS / 5 * 5; /* the rate asks for its key frames */
        begin(&r, DECODE_ALL, gop);
        r.stream.prompt = true;
        doze_free(r.doze);
        r.doze = doze_new(&r.conf, &r.stream, &decoder, slot_face(r.slot), &r.ease);
        ask(&r, 200, true);
        run(&r, 3 * gop - 22, true);
        assert_true(counts(&r).lean && r.given == 3);
        if (how == NO_MEMORY) {
            av_max_alloc(1);
            run(&r, 1, true);
            av_max_alloc(INT_MAX);
        }
        r.wait_more_us = how == BEHIND ? STEP / 2 : 0;
        run(&r, how == BEHIND ? 60 : 10, true);
        r.wait_more_us = -STEP;
        if (how == SOMEBODY_COMES || how == NO_ROOM_AND_SOMEBODY)
            slot_need(r.slot, true);
        else
            ask(&r, 1000, false);
        run(&r, 2 * gop, true);
        assert_false(counts(&r).lean || counts(&r).late);
        assert_true((how == BEHIND) == (counts(&r).behind > 0));
        assert_true((how == SOMEBODY_COMES) == (counts(&r).wakes > 0));
        assert_int_equal(counts(&r).dropped + (unsigned)r.given, counts(&r).due);
        end(&r);
    }
}

/* Too slow by half: on from a later key frame, and what is old is not given out. */
static void who_falls_behind_goes_on_at_a_key_frame(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_ALL, 50);
    r.stream.prompt = true;
    doze_free(r.doze);
    r.doze = doze_new(&r.conf, &r.stream, &decoder, slot_face(r.slot), &r.ease);
    run(&r, 25 * 10, true);
    r.wait_more_us = STEP / 2;
    run(&r, 60, true);
    assert_true(counts(&r).behind > 0 && counts(&r).undecoded > 0);
    int given = r.given, done = decoded(&r, 0);
    r.wait_more_us = -STEP; /* reading alone is fast */
    run(&r, 35, true);
    assert_int_equal(r.given, given);
    assert_int_equal(decoded(&r, 0), done);
    run(&r, 25 * 20, true);
    assert_true(decoded(&r, 0) - done > 25 * 17 && r.given - given > 5 * 17);
    assert_int_equal(counts(&r).frames, r.at);
    assert_int_equal(decoded(&r, 0) + (int)counts(&r).undecoded, r.at);
    assert_int_equal(counts(&r).dropped + (unsigned)r.given, counts(&r).due);
    end(&r);
}

/* Software that takes the hardware's place in mid-stream can peek, and so the camera can sleep. */
static void it_peeks_as_soon_as_the_decoder_can(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_AUTO, 100);
    r.quiet = 14000;
    run(&r, 25 * 20, false);
    assert_true(!counts(&r).asleep && decoder.peeked == 0);
    decoder.peeks = true;
    run(&r, 25 * 20, false);
    assert_true(counts(&r).asleep && decoder.peeked > 0);
    end(&r);
}

/* For want of memory nothing is lost: what can be kept no longer is decoded. */
static void without_memory_it_wakes(void **state)
{
    (void)state;
    for (int can = 0; can <= 1; can++) {
        for (int when = 0; when <= 110; when++) { /* from key frame to checked key frame */
            struct rig r;
            peeks = can;
            begin(&r, DECODE_AUTO, 50);
            peeks = false;
            r.quiet = can ? 14000 : 400;
            run(&r, 25 * 30 + when, false);
            assert_true(counts(&r).asleep);
            int from = r.at;
            av_max_alloc(1);
            run(&r, 1, false);
            av_max_alloc(INT_MAX);
            assert_true(!counts(&r).asleep && !counts(&r).late && counts(&r).wakes == 1);
            run(&r, 60, true);
            assert_int_equal(decoded(&r, from), r.at - from);
            assert_int_equal(counts(&r).frames, r.at);
            assert_int_equal(decoded(&r, 0) + (int)counts(&r).undecoded, r.at);
            end(&r);
        }
    }
}

/* With key frames alone they are thinned as all are: the rest only renews one that waits. */
static void key_frames_alone_are_thinned_too(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, DECODE_KEYFRAMES, 25);
    ask(&r, 250, false);
    run(&r, 25 * 400, true);
    assert_int_equal(counts(&r).due, 400);
    assert_int_equal(r.given + (int)counts(&r).dropped, 400);
    assert_in_range(r.given, 99, 101);
    end(&r);
}

/* Nor is anything decoded without its key frame where only those are: it waits for the next. */
static void without_memory_what_follows_is_passed_by(void **state)
{
    (void)state;
    for (int lost = 0; lost < 46; lost += 7) {
        struct rig r;
        begin(&r, DECODE_ALL, 50);
        ask(&r, 200, true);
        run(&r, 50 * 4 + lost, true);
        av_max_alloc(1);
        run(&r, 1, true);
        av_max_alloc(INT_MAX);
        run(&r, 3, true);
        slot_need(r.slot, true);
        run(&r, 46 - lost, true);
        assert_int_equal(decoded(&r, 0), 5); /* key frames alone */
        run(&r, 100, true);
        assert_int_equal(decoded(&r, 0), 105);
        assert_int_equal(counts(&r).frames, r.at);
        assert_int_equal(counts(&r).undecoded + 105, r.at);
        end(&r);
    }
}

/* Whatever happens: each packet is decoded, or was let go. */
static void at_random(void **state)
{
    (void)state;
    unsigned seed = 3;
    struct rig r;
    peeks = true;
    begin(&r, DECODE_AUTO, 50);
    r.stream.prompt = true;
    doze_free(r.doze);
    r.doze = doze_new(&r.conf, &r.stream, &decoder, slot_face(r.slot), &r.ease);
    peeks = false;
    while (r.at < PACKETS - 2000) {
        seed = seed * 1103515245u + 12345u;
        unsigned what = seed >> 16;
        slot_need(r.slot, what % 5 == 0);
        ask(&r, what % 11 < 3 ? 300 : 1000, what % 11 < 2);
        r.wait_more_us = what % 7 == 0 ? STEP / 3 : -STEP;
        r.quiet = what % 23 == 0 ? 14000 : 400;
        r.gop = what % 3 == 0 ? 25 : what % 3 == 1 ? 50 : 200;
        run(&r, (int)(what % 500), what % 4 == 0);
        struct doze_counts c = counts(&r);
        assert_int_equal(c.frames, r.at);
        if (!c.asleep && !c.late && !c.lean)
            assert_int_equal(decoded(&r, 0) + (int)c.undecoded, r.at);
    }
    assert_true(counts(&r).wakes > 5 && counts(&r).undecoded > 1000);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_empty_room_sleeps),
            cmocka_unit_test(nobody_is_lost_who_comes),
            cmocka_unit_test(the_worker_sets_the_pace),
            cmocka_unit_test(who_was_not_heard_is_seen_in_the_next_key_frame),
            cmocka_unit_test(who_was_not_heard_is_seen_by_a_peek),
            cmocka_unit_test(who_is_needed_is_awake),
            cmocka_unit_test(pictures_are_spared_where_enough_are_left),
            cmocka_unit_test(what_is_kept_is_bounded),
            cmocka_unit_test(other_ways_of_decoding),
            cmocka_unit_test(the_end_comes_at_any_time),
            cmocka_unit_test(a_fault_is_told),
            cmocka_unit_test(a_share_of_the_pictures_is_given_out),
            cmocka_unit_test(still_pictures_are_given_out_all_the_same),
            cmocka_unit_test(where_nobody_is_key_frames_are_enough),
            cmocka_unit_test(key_frames_only_wake_nobody),
            cmocka_unit_test(somebody_is_never_left_at_key_frames),
            cmocka_unit_test(there_may_be_no_room_for_what_follows),
            cmocka_unit_test(what_key_frames_leave_out_is_dropped),
            cmocka_unit_test(who_falls_behind_goes_on_at_a_key_frame),
            cmocka_unit_test(it_peeks_as_soon_as_the_decoder_can),
            cmocka_unit_test(without_memory_it_wakes),
            cmocka_unit_test(without_memory_what_follows_is_passed_by),
            cmocka_unit_test(key_frames_alone_are_thinned_too),
            cmocka_unit_test(at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
