#include "fake_source.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "fake_frame.h"
#include "fake_mono.h"
#include "source/decoder.h"
#include "source/source.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_MS 30000

struct fake_source fake_source;

struct source {
    struct stream stream;
    struct stop *stop;
    struct decoder *decoder;
    bool final; /* it has said its last word */
};

struct decoder {
    struct source *source;
    int ready, held; /* pictures */
    uint64_t withheld;
    bool flushed;
};

/* owned by the camera's thread */
static int at, number;
static struct source *current;

static atomic_int open_ones;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int waits; /* protected by lock */

static void init(void)
{
    thread_cond_init(&change);
}

void fake_source_begin(const struct fake_step *script)
{
    pthread_once(&once, init);
    fake_source = (struct fake_source){script, true, 25, 200000};
    at = number = 0;
    waits = 0;
}

bool fake_source_waits(int nth)
{
    struct timespec until = thread_deadline(PATIENCE_MS);
    pthread_mutex_lock(&lock);
    bool patient = true;
    while (waits < nth && patient)
        patient = pthread_cond_timedwait(&change, &lock, &until) != ETIMEDOUT;
    bool there = waits >= nth;
    pthread_mutex_unlock(&lock);
    return there;
}

int fake_source_open(void)
{
    return atomic_load(&open_ones);
}

static enum source_fault wait_for_stop(struct stop *stop)
{
    pthread_mutex_lock(&lock);
    waits++;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
    (void)stop_wait(stop, -1);
    return SOURCE_STOPPED;
}

/* The step that is due, and on to the next; the last one stays. */
static const struct fake_step *take(void)
{
    const struct fake_step *s = &fake_source.script[at];
    at += s->kind != FAKE_OVER;
    return s;
}

/* Else it opens, and the step is the next call's: of a decoder that is not there, or of a session
 * that a stop interrupted. */
static bool answers_open(enum fake_step_kind kind)
{
    return kind == FAKE_OPENS || kind == FAKE_FAILS || kind == FAKE_WAITS || kind == FAKE_OVER;
}

struct source *source_open(const struct conf_camera *cam, const struct source_limits *limits,
        struct stop *stop, struct beat *beat, enum source_fault *ret_fault, struct err *e)
{
    assert(cam && !limits && stop && beat && !current);
    *ret_fault = SOURCE_STOPPED;
    if (stop_asked(stop))
        return NULL;
    const struct fake_step *step = &fake_source.script[at];
    if (answers_open(step->kind))
        (void)take();
    if (step->kind == FAKE_WAITS || step->kind == FAKE_OVER) {
        *ret_fault = wait_for_stop(stop);
        return NULL;
    }
    if (step->kind == FAKE_FAILS) {
        *ret_fault = step->fault;
        err_set(e, -EIO, "%s", step->text);
        return NULL;
    }
    struct source *s = mem_new(1, sizeof(*s));
    s->stream =
            (struct stream){.live = fake_source.live, .fps = fake_source.fps, .mono_us = mono_us()};
    s->stop = stop;
    current = s;
    atomic_fetch_add(&open_ones, 1);
    return s;
}

void source_close(struct source *s)
{
    if (!s)
        return;
    assert(s == current && !s->decoder);
    current = NULL;
    atomic_fetch_sub(&open_ones, 1);
    free(s);
}

enum source_fault source_read(struct source *s, struct packet *ret_packet, struct err *e)
{
    assert(s == current && !s->final && s->decoder->ready == 0);
    *ret_packet = (struct packet){.size = 1000};
    s->final = true;
    if (stop_asked(s->stop))
        return SOURCE_STOPPED;
    const struct fake_step *step = &fake_source.script[at];
    switch (step->kind) {
    case FAKE_OVER:
    case FAKE_WAITS: (void)take(); return wait_for_stop(s->stop);
    case FAKE_ENDS:
        (void)take();
        err_set(e, -EIO, "%s", step->text);
        return step->fault;
    default:
        s->final = false; /* the decoder knows what it is */
        return SOURCE_OK;
    }
}

const struct stream *source_stream(const struct source *s)
{
    return &s->stream;
}

void source_info(const struct source *s, struct stream_info *info)
{
    (void)s;
    (void)snprintf(info->codec, sizeof(info->codec), "h264");
}

struct decoder *decoder_open(const struct stream *stream, const char *hwaccel,
        enum source_fault *ret_fault, struct err *e)
{
    (void)hwaccel;
    assert(current && stream == &current->stream);
    if (fake_source.script[at].kind == FAKE_NO_DECODER) {
        const struct fake_step *step = take();
        *ret_fault = step->fault;
        err_set(e, -EIO, "%s", step->text);
        return NULL;
    }
    struct decoder *d = mem_new(1, sizeof(*d));
    d->source = current;
    current->decoder = d;
    atomic_fetch_add(&open_ones, 1);
    return d;
}

void decoder_close(struct decoder *d)
{
    if (!d)
        return;
    assert(d->source == current);
    current->decoder = NULL;
    atomic_fetch_sub(&open_ones, 1);
    free(d);
}

enum source_fault decoder_push(struct decoder *d, const struct packet *packet, struct err *e)
{
    assert(d->ready == 0 && !d->flushed);
    if (!packet) {
        d->flushed = true;
        d->ready = d->held;
        d->held = 0;
        return SOURCE_OK;
    }
    const struct fake_step *step = take();
    fake_mono_ahead(step->us);
    d->ready = step->kind == FAKE_PICTURE;
    d->held += step->kind == FAKE_HELD;
    d->withheld += step->kind == FAKE_DAMAGED;
    if (step->kind != FAKE_REFUSED)
        return SOURCE_OK;
    err_set(e, -EIO, "%s", step->text);
    return step->fault;
}

bool decoder_next(struct decoder *d, int64_t *ret_time_us)
{
    if (d->ready == 0)
        return false;
    d->ready--;
    number++;
    *ret_time_us = number * fake_source.picture_us;
    return true;
}

struct frame *decoder_take(struct decoder *d)
{
    (void)d;
    struct frame *f = fake_frame_new(number * fake_source.picture_us, NULL, 0);
    fake_frame_mark(f, 0, number);
    return f;
}

struct frame *decoder_pull(struct decoder *d)
{
    int64_t time_us;
    return decoder_next(d, &time_us) ? decoder_take(d) : NULL;
}

const char *decoder_trouble(const struct decoder *d)
{
    (void)d;
    return NULL;
}

void decoder_restart(struct decoder *d, bool rewind)
{
    (void)rewind;
    d->ready = 0;
    d->flushed = false;
}

bool decoder_can_peek(const struct decoder *d)
{
    (void)d;
    return false;
}

struct frame *decoder_peek(struct decoder *d, const struct packet *key, const struct packet *packet)
{
    (void)d;
    (void)key;
    (void)packet;
    return NULL;
}

void decoder_spare(struct decoder *d, bool filter, bool pictures)
{
    (void)d;
    (void)filter;
    (void)pictures;
}

void decoder_info(const struct decoder *d, struct stream_info *info)
{
    (void)snprintf(info->decoder, sizeof(info->decoder), "software");
    info->width = 640;
    info->height = 480;
    info->withheld = d->withheld;
}
