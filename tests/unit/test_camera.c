/* needs: app/camera app/standing app/session app/doze app/lean app/choice app/replay app/sparing app/overload sample/lag sample/strain sample/sampler sample/scene sample/vigil sample/quiet source/backlog source/origin flow/slot flow/queue flow/event flow/face flow/age base/backoff base/err base/log base/mem base/redact base/thread base/url base/when fake:mono fake:stop fake:source fake:frame fake:bus */
#include "app/camera.h"

#include "../fakes/fake_bus.h"
#include "../fakes/fake_frame.h"
#include "../fakes/fake_mono.h"
#include "../fakes/fake_source.h"
#include "../fakes/fake_stop.h"
#include "base/mono.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "flow/queue.h"
#include "flow/slot.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_MS 30000
#define LIVE_URL    "rtsp://viewer:secret@192.0.2.7/1"
#define LIVE_SHOWN  "rtsp://viewer:***@192.0.2.7/1"
#define CLIP        "/clips/people.mp4"

struct rig {
    struct conf_camera conf;
    struct slot *slot;
    struct queue *to_store;
    struct queue *finished; /* one item for each time that it said so */
    struct camera *camera;
    bool enabled, commanded; /* as the notes must say */
    bool has_finished;       /* as it was last heard */
};

static atomic_int rings; /* of the slot */

static void woken(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

/* What main would tell of it: the fake bus keeps the words in their order. */
static void changed(void *arg)
{
    struct rig *r = arg;
    struct camera_status s;
    camera_status(r->camera, &s);
    bus_state(fake_bus, "door/status",
            s.state == CAMERA_ONLINE     ? "online"
            : s.state == CAMERA_DISABLED ? "disabled"
                                         : "offline");
    bus_state(fake_bus, "door/enabled/state", s.enabled ? "ON" : "OFF");
    if (camera_finished(r->camera) && !r->has_finished) {
        r->has_finished = true;
        queue_put(r->finished, r);
    }
}

static void let_be(void *item)
{
    (void)item;
}

static void configure(struct rig *r, const struct fake_step *script)
{
    fake_mono_reset();
    fake_bus_forget();
    fake_source_begin(script);
    *r = (struct rig){.conf = {.name = "door",
                              .url = (char *)LIVE_URL,
                              .url_shown = (char *)LIVE_SHOWN,
                              .fps = 5,
                              .enabled = true},
            .enabled = true};
    r->slot = slot_new(woken, &rings);
    r->to_store = queue_new(64, event_free, NULL, NULL);
    r->finished = queue_new(8, let_be, NULL, NULL);
}

/* The same as a file, as fast as it can be taken. */
static void configure_file(struct rig *r, const struct fake_step *script)
{
    configure(r, script);
    r->conf.url = r->conf.url_shown = (char *)CLIP;
    r->conf.pace = PACE_MAX;
    fake_source.live = false;
}

static void begin(struct rig *r, int once)
{
    struct camera_links links = {.run = session_run,
            .slot = r->slot,
            .to_store = r->to_store,
            .changed = changed,
            .arg = r};
    r->camera = camera_new(&r->conf, &links, r->enabled, once);
    assert_int_equal(camera_start(r->camera), 0);
}

/* Takes the next note for the database. */
static void assert_note(struct rig *r, enum camera_state state)
{
    void *item = NULL;
    assert_int_equal(queue_take(r->to_store, &item, 1, PATIENCE_MS), 1);
    const struct event *ev = item;
    assert_int_equal(ev->type, EVENT_CAMERA);
    assert_string_equal(ev->camera, "door");
    assert_string_equal(camera_state_name(ev->status.state), camera_state_name(state));
    assert_int_equal(ev->status.enabled, r->enabled);
    assert_int_equal(ev->status.commanded, r->commanded);
    assert_string_equal(ev->status.url, r->conf.url_shown);
    assert_true(ev->time_us > 0);
    event_free(item);
}

static void stop(struct rig *r)
{
    camera_stop(r->camera);
    assert_int_equal(camera_join(r->camera, PATIENCE_MS), 0);
    assert_false(camera_online(r->camera));
}

/* Nothing is left open, and no news that were not expected. */
static void end(struct rig *r)
{
    assert_int_equal(queue_length(r->to_store), 0);
    assert_int_equal(queue_length(r->finished), 0);
    assert_int_equal(fake_source_open(), 0);
    camera_free(r->camera);
    slot_free(r->slot);
    queue_free(r->to_store);
    queue_free(r->finished);
    assert_int_equal(fake_frame_alive(), 0);
}

static void assert_finished(struct rig *r)
{
    void *item;
    assert_int_equal(queue_take(r->finished, &item, 1, PATIENCE_MS), 1);
    assert_true(camera_finished(r->camera));
}

static struct camera_status status_of(struct rig *r)
{
    struct camera_status s;
    memset(&s, 0xaa, sizeof(s)); /* everything must be filled in */
    camera_status(r->camera, &s);
    return s;
}

/* What comes out of the slot: a picture's number, 1000 + a mark, or -1. */
static int take(struct rig *r)
{
    struct frame *f = NULL;
    int mark = 0, number = -1;
    switch (slot_take(r->slot, &f, &mark)) {
    case SLOT_EMPTY: break;
    case SLOT_MARK: number = 1000 + mark; break;
    case SLOT_FRAME:
        number = fake_frame_number(f);
        frame_unref(f);
        break;
    }
    return number;
}

/* ------------------------------------------------------------- states --- */

static void it_comes_online(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure(&r, script);
    begin(&r, -1);
    assert_true(fake_source_waits(1));
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    assert_true(fake_bus_hears("door/status", "offline online"));
    assert_true(fake_bus_hears("door/enabled/state", "ON"));
    assert_true(camera_online(r.camera));
    assert_ptr_equal(camera_conf(r.camera), &r.conf);
    struct camera_status s = status_of(&r);
    assert_int_equal(s.state, CAMERA_ONLINE);
    assert_true(s.enabled);
    assert_string_equal(s.format, "h264 640x480");
    assert_string_equal(s.trouble, "");
    assert_int_equal(s.counts.frames, 3);
    assert_int_equal(s.sampled, 3);
    assert_int_equal(s.counts.damaged, 0);
    assert_int_equal(s.reconnects, 0);
    assert_int_equal(s.stalls, 0);
    assert_true(s.since_us > 0 && s.since_us <= mono_us());
    assert_int_equal(take(&r), 3); /* the newest */
    assert_int_equal(take(&r), -1);
    int rung = atomic_load(&rings);
    stop(&r);
    assert_true(atomic_load(&rings) > rung); /* for the count of people in view */
    assert_note(&r, CAMERA_OFFLINE);
    assert_true(fake_bus_hears("door/status", "offline online offline"));
    assert_true(fake_bus_hears("door/enabled/state", "ON"));
    end(&r);
}

static void trouble_and_back_again(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_BROKEN, "it hung up", 0},
            {FAKE_FAILS, SOURCE_TIMEOUT, LIVE_URL ": it does not answer", 0},
            {FAKE_NO_DECODER, SOURCE_UNUSABLE, "no decoder for that", 0},
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_REFUSED, SOURCE_TOO_LARGE, "too large", 0},
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    static const char *const troubles[] = {
            "it hung up", LIVE_SHOWN ": it does not answer", "no decoder for that", "too large"};
    struct rig r;
    configure(&r, script);
    begin(&r, -1);
    int64_t since = 0;
    for (int i = 0; i < 4; i++) {
        int ms = fake_stop_pause();
        assert_in_range(ms, 1000, 1000 << (i + 1));
        struct camera_status s = status_of(&r);
        assert_int_equal(s.state, CAMERA_OFFLINE);
        assert_string_equal(s.trouble, troubles[i]);
        assert_int_equal(s.reconnects, i + 1);
        assert_string_equal(s.format, "h264 640x480"); /* what it was at last */
        assert_false(camera_online(r.camera));
        assert_int_equal(atomic_load(&camera_beat(r.camera)->state), BEAT_WAITING);
        assert_int_equal(fake_source_open(), 0);
        assert_true(i == 0 || s.since_us == since); /* it is the same outage */
        since = s.since_us;
        fake_stop_pass();
    }
    assert_true(fake_source_waits(1));
    assert_true(fake_bus_hears("door/status", "offline online offline online"));
    struct camera_status s = status_of(&r);
    assert_string_equal(s.trouble, "");
    assert_int_equal(s.reconnects, 4);
    assert_true(s.since_us > since);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    assert_note(&r, CAMERA_OFFLINE);
    assert_note(&r, CAMERA_ONLINE);
    assert_int_equal(take(&r), 2);
    assert_int_equal(
            take(&r), -1); /* a live camera's people are lost by the clock, not by a mark */
    stop(&r);
    assert_note(&r, CAMERA_OFFLINE);
    end(&r);
}

/* Longer and longer, up to a minute, until it has streamed for a while. */
static void the_pauses_grow(void **state)
{
    (void)state;
    enum {
        TRIES = 12
    };
    struct fake_step script[TRIES + 8] = {0};
    int n = 0;
    for (; n < TRIES; n++)
        script[n] = (struct fake_step){FAKE_FAILS, SOURCE_REFUSED, "refused", 0};
    const struct fake_step tail[] = {
            {FAKE_OPENS, 0, NULL, 0}, /* comes, and goes again */
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_BROKEN, "broken", 0},
            {FAKE_OPENS, 0, NULL, 0}, /* and this time stays */
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 11 * MONO_SECOND},
            {FAKE_ENDS, SOURCE_BROKEN, "broken", 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    memcpy(&script[n], tail, sizeof(tail));
    struct rig r;
    configure(&r, script);
    begin(&r, -1);
    for (int i = 0; i < TRIES + 1; i++) {
        int ms = fake_stop_pause();
        int step = i < 5 ? 2000 << i : 60000;
        assert_in_range(ms, step / 2, step);
        fake_stop_pass();
    }
    assert_in_range(fake_stop_pause(), 1000, 2000);
    stop(&r);
    assert_int_equal(status_of(&r).reconnects, TRIES + 2);
    assert_int_equal(status_of(&r).stalls, 1); /* the eleven seconds */
    assert_note(&r, CAMERA_CONNECTING);
    for (int i = 0; i < 2; i++) {
        assert_note(&r, CAMERA_OFFLINE);
        assert_note(&r, CAMERA_ONLINE);
    }
    assert_note(&r, CAMERA_OFFLINE);
    (void)take(&r);
    end(&r);
}

static void switched_off_and_on(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_WAITS, 0, NULL, 0},
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_BROKEN, "broken", 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure(&r, script);
    begin(&r, -1);
    assert_true(fake_source_waits(1));
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    r.commanded = true;
    camera_enable(r.camera, true); /* is on already: kept, and nothing is interrupted */
    assert_note(&r, CAMERA_ONLINE);
    assert_true(camera_online(r.camera));

    r.enabled = false;
    camera_enable(r.camera, false);
    assert_note(&r, CAMERA_DISABLED);
    assert_true(fake_bus_hears("door/enabled/state", "ON OFF"));
    assert_true(fake_bus_hears("door/status", "offline online disabled"));
    assert_false(status_of(&r).enabled);
    assert_int_equal(status_of(&r).reconnects, 0); /* that was no failure */
    assert_int_equal(fake_source_open(), 0);
    assert_int_equal(take(&r), 1);
    assert_int_equal(take(&r), 1000 + END_DISABLED);

    r.enabled = true;
    camera_enable(r.camera, true);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    assert_note(&r, CAMERA_OFFLINE);
    assert_true(fake_stop_pause() > 0);
    r.enabled = false;
    camera_enable(r.camera, false); /* while it waits for better times */
    assert_note(&r, CAMERA_DISABLED);
    assert_string_equal(status_of(&r).trouble, "");
    assert_true(fake_bus_hears("door/status", "offline online disabled offline online offline "
                                              "disabled"));
    assert_true(fake_bus_hears("door/enabled/state", "ON OFF ON OFF"));
    stop(&r); /* it was and stays switched off */
    assert_int_equal(take(&r), 2);
    assert_int_equal(take(&r), 1000 + END_DISABLED);
    end(&r);
}

static void born_switched_off(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure(&r, script);
    r.enabled = false;
    begin(&r, -1);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_DISABLED);
    assert_true(fake_bus_hears("door/status", "disabled"));
    assert_true(fake_bus_hears("door/enabled/state", "OFF"));
    r.enabled = r.commanded = true;
    camera_enable(r.camera, true);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    assert_true(fake_source_waits(1));
    assert_true(fake_bus_hears("door/status", "disabled offline online"));
    assert_true(fake_bus_hears("door/enabled/state", "OFF ON"));
    stop(&r);
    assert_note(&r, CAMERA_OFFLINE);
    assert_int_equal(take(&r), 1000 + END_DISABLED);
    assert_int_equal(take(&r), 1);
    end(&r);
}

/* ------------------------------------------------------------- files --- */

static void a_file_comes_to_its_end(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_HELD, 0, NULL, 0}, /* the decoder gives its last pictures out at the end */
            {FAKE_HELD, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_EOF, "it ended", 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    for (int once = -1; once <= 0; once++) {
        struct rig r;
        configure_file(&r, script);
        r.conf.pace = PACE_REAL; /* nobody waits for the slot */
        begin(&r, once);
        assert_note(&r, CAMERA_CONNECTING);
        assert_note(&r, CAMERA_ONLINE);
        assert_note(&r, CAMERA_ENDED);
        assert_true(fake_bus_hears("door/status", "offline online offline"));
        if (once == 0)
            assert_finished(&r);
        struct camera_status s = status_of(&r);
        assert_int_equal(s.state, CAMERA_ENDED);
        assert_string_equal(s.trouble, "");
        assert_int_equal(s.counts.frames, 3);
        assert_int_equal(s.reconnects, 0);
        assert_int_equal(take(&r), 3);
        assert_int_equal(take(&r), 1000 + END_SOURCE_ENDED);
        assert_int_equal(take(&r), -1);
        stop(&r);
        assert_note(&r, CAMERA_OFFLINE);
        assert_int_equal(camera_finished(r.camera), once == 0);
        assert_false(camera_failed(r.camera));
        end(&r);
    }
}

static void a_file_goes_round(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_EOF, "it ended", 0},
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_EOF, "it ended", 0},
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure_file(&r, script);
    r.conf.pace = PACE_REAL;
    r.conf.loop = true;
    begin(&r, -1);
    for (int i = 0; i < 2; i++) {
        assert_in_range(fake_stop_pause(), 1, 100);
        assert_true(camera_online(r.camera)); /* it was never away */
        assert_int_equal(take(&r), i + 1);
        assert_int_equal(take(&r), 1000 + END_SOURCE_ENDED); /* but its people have gone */
        fake_stop_pass();
    }
    assert_true(fake_source_waits(1));
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    assert_true(fake_bus_hears("door/status", "offline online"));
    assert_int_equal(status_of(&r).counts.frames, 2);
    assert_int_equal(status_of(&r).reconnects, 0);
    stop(&r);
    assert_note(&r, CAMERA_OFFLINE);
    end(&r);
}

/* Switched off between two rounds it is away, and comes back like any other. */
static void a_file_is_switched_off_between_two_rounds(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_EOF, "it ended", 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure_file(&r, script);
    r.conf.loop = true;
    begin(&r, -1);
    assert_true(fake_stop_pause() > 0);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    r.commanded = true;
    r.enabled = false;
    camera_enable(r.camera, false);
    assert_note(&r, CAMERA_DISABLED);
    r.enabled = true;
    camera_enable(r.camera, true);
    assert_note(&r, CAMERA_CONNECTING);
    assert_true(fake_bus_hears("door/status", "offline online disabled offline"));
    assert_true(fake_source_waits(1));
    stop(&r);
    assert_note(&r, CAMERA_OFFLINE);
    end(&r);
}

/* It can be opened, and nothing comes out of it. Going round and round would do no good. */
static void a_file_without_a_picture(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_DAMAGED, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_EOF, "it ended", 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    for (int loop = 0; loop < 2; loop++) {
        for (int once = -1; once <= 0; once++) {
            struct rig r;
            configure_file(&r, script);
            r.conf.loop = loop;
            begin(&r, once);
            assert_note(&r, CAMERA_CONNECTING);
            assert_note(&r, CAMERA_OFFLINE);
            if (once == 0)
                assert_finished(&r);
            else
                assert_true(fake_stop_pause() >= 1000);
            struct camera_status s = status_of(&r);
            assert_non_null(strstr(s.trouble, CLIP));
            assert_int_equal(s.counts.damaged, 1);
            stop(&r);
            assert_int_equal(camera_failed(r.camera), once == 0);
            (void)take(&r);
            end(&r);
        }
    }
}

/* Its clock stands when it breaks, so nobody would be missed. */
static void a_broken_file_loses_its_people(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_BROKEN, "damaged", 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    for (int pace = 0; pace < 2; pace++) {
        struct rig r;
        configure_file(&r, script);
        r.conf.pace = pace ? PACE_MAX : PACE_REAL;
        begin(&r, -1);
        assert_true(fake_stop_pause() >= 1000);
        assert_true(camera_is_file(r.camera));
        assert_int_equal(take(&r), 1);
        assert_int_equal(take(&r), 1000 + END_CAMERA_LOST);
        stop(&r);
        assert_note(&r, CAMERA_CONNECTING);
        assert_note(&r, CAMERA_ONLINE);
        assert_note(&r, CAMERA_OFFLINE);
        end(&r);
    }
}

/* ------------------------------------------------------------- once --- */

static void so_many_and_no_more(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure(&r, script);
    begin(&r, 2);
    assert_finished(&r);
    assert_false(camera_failed(r.camera));
    assert_int_equal(status_of(&r).sampled, 2);
    assert_int_equal(status_of(&r).state, CAMERA_ENDED);
    assert_int_equal(take(&r), 2);
    assert_int_equal(take(&r), 1000 + END_SHUTDOWN);
    stop(&r);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    assert_note(&r, CAMERA_ENDED);
    assert_note(&r, CAMERA_OFFLINE);
    end(&r);
}

static void who_wants_it_once_does_not_wait(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_FAILS, SOURCE_UNREACHABLE, "no such thing", 0},
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    static const struct {
        bool file;
        int once;
    } cases[] = {{true, 0}, {true, 1}, {false, 0}, {false, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool file = cases[i].file;
        struct rig r;
        if (file)
            configure_file(&r, script);
        else
            configure(&r, script);
        begin(&r, cases[i].once);
        assert_int_equal(camera_is_file(r.camera), file);
        if (!file) { /* a camera may be there later */
            assert_true(fake_stop_pause() >= 1000);
            assert_false(camera_finished(r.camera));
            fake_stop_pass();
        }
        if (file || cases[i].once > 0)
            assert_finished(&r);
        else
            assert_true(fake_source_waits(1)); /* it goes on until all files have ended */
        assert_int_equal(camera_failed(r.camera), file);
        if (file)
            assert_string_equal(status_of(&r).trouble, "no such thing");
        stop(&r);
        assert_note(&r, CAMERA_CONNECTING);
        assert_note(&r, CAMERA_OFFLINE);
        if (!file) {
            assert_note(&r, CAMERA_ONLINE);
            if (cases[i].once > 0)
                assert_note(&r, CAMERA_ENDED);
            assert_note(&r, CAMERA_OFFLINE);
        }
        while (take(&r) >= 0)
            ;
        end(&r);
    }
}

static void a_disabled_one_has_finished(void **state)
{
    (void)state;
    static const struct fake_step script[] = {{FAKE_OVER, 0, NULL, 0}};
    struct rig r;
    configure(&r, script);
    r.enabled = false;
    begin(&r, 0);
    assert_finished(&r);
    assert_false(camera_failed(r.camera));
    stop(&r);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_DISABLED);
    (void)take(&r);
    end(&r);
}

/* ------------------------------------------------------------- counting --- */

static void stalls(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 9 * MONO_SECOND}, /* the first one may take its time */
            {FAKE_PICTURE, 0, NULL, MONO_SECOND},
            {FAKE_PICTURE, 0, NULL, 3 * MONO_SECOND},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 5 * MONO_SECOND},
            {FAKE_ENDS, SOURCE_BROKEN, "broken", 0},
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 9 * MONO_SECOND},
            {FAKE_OVER, 0, NULL, 0},
    };
    /* With one picture in two seconds a gap of three is none. */
    static const double fps[] = {25, 0, 0.5};
    static const int expected[] = {2, 2, 1};
    for (int i = 0; i < 3; i++) {
        struct rig r;
        configure(&r, script);
        fake_source.fps = fps[i];
        begin(&r, -1);
        assert_true(fake_stop_pause() > 0);
        fake_stop_pass();
        assert_true(fake_source_waits(1));
        assert_int_equal(status_of(&r).stalls, expected[i]);
        assert_int_equal(status_of(&r).reconnects, 1);
        stop(&r);
        void *item;
        while (queue_take(r.to_store, &item, 1, 0) == 1)
            event_free(item);
        (void)take(&r);
        end(&r);
    }
}

/* Packets come and never a whole picture: such a camera is in trouble, and does not connect. */
static void who_sends_no_picture_is_away(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_DAMAGED, 0, NULL, 0},
            {FAKE_DAMAGED, 0, NULL, 29 * MONO_SECOND},
            {FAKE_DAMAGED, 0, NULL, 2 * MONO_SECOND},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure(&r, script);
    begin(&r, -1);
    assert_true(fake_stop_pause() > 0);
    struct camera_status s = status_of(&r);
    assert_int_equal(s.state, CAMERA_OFFLINE);
    assert_non_null(strstr(s.trouble, "no whole picture has come for 30 s"));
    stop(&r);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_OFFLINE);
    end(&r);
}

static void damaged_pictures_of_all_sessions(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_DAMAGED, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_DAMAGED, 0, NULL, 0},
            {FAKE_ENDS, SOURCE_BROKEN, "broken", 0},
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_DAMAGED, 0, NULL, 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure(&r, script);
    begin(&r, -1);
    assert_true(fake_stop_pause() > 0);
    assert_int_equal(status_of(&r).counts.damaged, 2);
    fake_stop_pass();
    assert_true(fake_source_waits(1));
    assert_int_equal(status_of(&r).counts.damaged, 3);
    assert_int_equal(status_of(&r).counts.frames, 2);
    stop(&r);
    assert_note(&r, CAMERA_CONNECTING);
    for (int i = 0; i < 2; i++) {
        assert_note(&r, CAMERA_ONLINE);
        assert_note(&r, CAMERA_OFFLINE);
    }
    (void)take(&r);
    end(&r);
}

/* The camera's rate is not the configured one, and the database hears once a minute that all is
 * well. */
static void sampled_evenly_and_noted_now_and_then(void **state)
{
    (void)state;
    enum {
        PICTURES = 2 * 60 * 25
    };
    static struct fake_step script[PICTURES + 2];
    script[0] = (struct fake_step){FAKE_OPENS, 0, NULL, 0};
    for (int i = 1; i <= PICTURES; i++)
        script[i] = (struct fake_step){FAKE_PICTURE, 0, NULL, 41000};
    script[PICTURES + 1] = (struct fake_step){FAKE_OVER, 0, NULL, 0};
    struct rig r;
    configure(&r, script);
    fake_source.picture_us = 40000;
    begin(&r, -1);
    assert_true(fake_source_waits(1));
    struct camera_status s = status_of(&r);
    assert_int_equal(s.counts.frames, PICTURES);
    assert_in_range(s.sampled, PICTURES / 5 - 1, PICTURES / 5 + 1);
    assert_int_equal(slot_lost(r.slot), s.sampled - 1);
    stop(&r);
    assert_note(&r, CAMERA_CONNECTING);
    for (int i = 0; i < 3; i++)
        assert_note(&r, CAMERA_ONLINE);
    assert_note(&r, CAMERA_OFFLINE);
    assert_true(fake_bus_hears("door/status", "offline online offline"));
    (void)take(&r);
    end(&r);
}

/* ------------------------------------------------------------- the end --- */

/* Wherever it is just then: opening, reading, pausing, waiting for a worker, or not begun. */
static void a_stop_is_heard_everywhere(void **state)
{
    (void)state;
    static const struct fake_step opening[] = {{FAKE_WAITS, 0, NULL, 0}, {FAKE_OVER, 0, NULL, 0}};
    static const struct fake_step reading[] = {
            {FAKE_OPENS, 0, NULL, 0}, {FAKE_WAITS, 0, NULL, 0}, {FAKE_OVER, 0, NULL, 0}};
    static const struct fake_step pausing[] = {
            {FAKE_FAILS, SOURCE_REFUSED, "refused", 0}, {FAKE_OVER, 0, NULL, 0}};
    static const struct fake_step *const scripts[] = {opening, reading, pausing};
    for (int i = 0; i < 3; i++) {
        struct rig r;
        configure(&r, scripts[i]);
        begin(&r, -1);
        if (i == 2)
            assert_true(fake_stop_pause() > 0);
        else
            assert_true(fake_source_waits(1));
        assert_int_equal(camera_join(r.camera, 1), -ETIMEDOUT); /* not before it is asked */
        stop(&r);
        assert_int_equal(camera_join(r.camera, 0), 0);
        assert_note(&r, CAMERA_CONNECTING);
        assert_note(&r, CAMERA_OFFLINE);
        assert_int_equal(status_of(&r).reconnects, i == 2);
        end(&r);
    }
    struct rig r;
    configure(&r, opening);
    r.camera = camera_new(&r.conf, &(struct camera_links){.slot = r.slot}, true, -1);
    camera_stop(r.camera);
    assert_int_equal(camera_join(r.camera, 0), 0);
    end(&r);
    camera_free(NULL);
}

static void a_stop_is_heard_while_no_worker_comes(void **state)
{
    (void)state;
    static const struct fake_step script[] = {
            {FAKE_OPENS, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_PICTURE, 0, NULL, 0},
            {FAKE_OVER, 0, NULL, 0},
    };
    struct rig r;
    configure_file(&r, script);
    begin(&r, -1);
    assert_note(&r, CAMERA_CONNECTING);
    assert_note(&r, CAMERA_ONLINE);
    while (take(&r) != 1)
        ; /* the second is let in, and the third has to wait */
    stop(&r);
    assert_note(&r, CAMERA_OFFLINE);
    end(&r);
}

static void *look(void *arg)
{
    struct rig *r = arg;
    for (int i = 0; i < 2000; i++) {
        struct camera_status s = status_of(r);
        if (s.state == CAMERA_ONLINE && strcmp(s.format, "h264 640x480") != 0)
            return NULL;
        (void)camera_online(r->camera);
        (void)camera_is_file(r->camera);
    }
    return r;
}

/* Others look and switch while it works. */
static void anybody_may_ask(void **state)
{
    (void)state;
    enum {
        ROUNDS = 40
    };
    struct fake_step script[3 * ROUNDS + 1];
    for (int i = 0; i < ROUNDS; i++) {
        script[3 * i] = (struct fake_step){FAKE_OPENS, 0, NULL, 0};
        script[3 * i + 1] = (struct fake_step){FAKE_PICTURE, 0, NULL, 0};
        script[3 * i + 2] = (struct fake_step){FAKE_WAITS, 0, NULL, 0};
    }
    script[3 * ROUNDS] = (struct fake_step){FAKE_OVER, 0, NULL, 0};
    struct rig r;
    configure(&r, script);
    queue_free(r.to_store);
    r.to_store = queue_new(64, event_free, event_squeeze, NULL);
    begin(&r, -1);
    pthread_t t;
    assert_int_equal(thread_start(&t, "look", look, &r), 0);
    for (int i = 1; i <= ROUNDS; i++) {
        assert_true(fake_source_waits(i));
        camera_enable(r.camera, false);
        camera_enable(r.camera, true); /* at once, or after it has seen the other */
    }
    assert_true(fake_source_waits(ROUNDS + 1));
    void *well = NULL;
    assert_int_equal(pthread_join(t, &well), 0);
    assert_non_null(well);
    assert_int_equal(status_of(&r).counts.frames, ROUNDS);
    assert_int_equal(status_of(&r).reconnects, 0);
    stop(&r);
    void *item;
    while (queue_take(r.to_store, &item, 1, 0) == 1)
        event_free(item);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_comes_online),
            cmocka_unit_test(trouble_and_back_again),
            cmocka_unit_test(the_pauses_grow),
            cmocka_unit_test(switched_off_and_on),
            cmocka_unit_test(born_switched_off),
            cmocka_unit_test(a_file_comes_to_its_end),
            cmocka_unit_test(a_file_goes_round),
            cmocka_unit_test(a_file_is_switched_off_between_two_rounds),
            cmocka_unit_test(a_file_without_a_picture),
            cmocka_unit_test(a_broken_file_loses_its_people),
            cmocka_unit_test(so_many_and_no_more),
            cmocka_unit_test(who_wants_it_once_does_not_wait),
            cmocka_unit_test(a_disabled_one_has_finished),
            cmocka_unit_test(stalls),
            cmocka_unit_test(who_sends_no_picture_is_away),
            cmocka_unit_test(damaged_pictures_of_all_sessions),
            cmocka_unit_test(sampled_evenly_and_noted_now_and_then),
            cmocka_unit_test(a_stop_is_heard_everywhere),
            cmocka_unit_test(a_stop_is_heard_while_no_worker_comes),
            cmocka_unit_test(anybody_may_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
