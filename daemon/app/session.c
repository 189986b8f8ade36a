#include "app/session.h"

#include "app/doze.h"
#include "base/beat.h"
#include "base/mono.h"
#include "flow/settings.h"
#include "source/decoder.h"
#include "source/source.h"

#include <errno.h>
#include <stdio.h>

#define BLIND_US (30 * MONO_SECOND) /* longer than any camera's time between key frames */

struct session {
    const struct session_order *order;
    const struct session_listener *to;
    struct source *source;
    struct decoder *decoder;
    struct doze *doze;
    bool online;
};

static void come_online(struct session *s)
{
    struct stream_info info = {0};
    char format[64];
    source_info(s->source, &info);
    decoder_info(s->decoder, &info);
    (void)snprintf(format, sizeof(format), "%s %dx%d", info.codec, info.width, info.height);
    s->to->online(s->to->arg, format, info.unverified);
    s->online = true;
}

static bool is_enough(const struct session *s)
{
    return s->order->enough > 0 && doze_counts(s->doze).due >= s->order->enough;
}

static void deliver(struct session *s, struct frame *f, bool refresh)
{
    if (!s->online)
        come_online(s);
    enum session_give how = GIVE_NEWEST;
    if (refresh)
        how = GIVE_REFRESH;
    else if (!source_stream(s->source)->live && s->order->conf->pace == PACE_MAX)
        how = GIVE_EACH;
    else if (doze_counts(s->doze).ending)
        how = GIVE_LATE;
    s->to->picture(s->to->arg, f, how);
}

static void take_stock(struct session *s)
{
    struct doze_counts counts = doze_counts(s->doze);
    struct stream_info info = {0};
    decoder_info(s->decoder, &info);
    struct session_stock stock = {
            .counts =
                    {
                            .frames = counts.frames,
                            .due = counts.due,
                            .damaged = info.withheld,
                            .undecoded = counts.undecoded,
                            .wakes = counts.wakes,
                            .dropped = counts.dropped,
                            .behind = counts.behind,
                            .asleep = counts.asleep,
                    },
            .decoded = info.frames > 0,
            .decoder = info.decoder,
            .trouble = decoder_trouble(s->decoder),
    };
    s->to->stock(s->to->arg, &stock);
}

/* False: it was enough. */
static bool pull_all(struct session *s)
{
    struct frame *f;
    bool refresh;
    while (!is_enough(s) && (f = doze_pull(s->doze, &refresh)))
        deliver(s, f, refresh);
    take_stock(s);
    return !is_enough(s);
}

/* Packets come, and never one that a picture can begin with? */
static bool is_blind(const struct session *s, struct err *e)
{
    if (s->online || !source_stream(s->source)->live ||
            mono_us() - source_stream(s->source)->mono_us < BLIND_US)
        return false;
    err_set(e, -ENODATA,
            "%.160s: no whole picture has come for %d s; let the camera send a key frame each "
            "second or two",
            s->order->conf->url_shown, (int)(BLIND_US / MONO_SECOND));
    return true;
}

static enum source_fault stream(struct session *s, struct err *e)
{
    struct packet packet;
    enum source_fault fault;
    while ((fault = source_read(s->source, &packet, e)) == SOURCE_OK) {
        beat_set(s->order->beat, BEAT_WORKING);
        fault = doze_push(s->doze, &packet, e);
        if (fault != SOURCE_OK)
            return fault;
        if (!pull_all(s))
            return SOURCE_OK;
        if (is_blind(s, e))
            return SOURCE_TIMEOUT;
    }
    if (fault == SOURCE_EOF && doze_push(s->doze, NULL, NULL) == SOURCE_OK && !pull_all(s))
        return SOURCE_OK;
    return fault;
}

static enum source_fault decode(struct session *s, struct err *e)
{
    const struct session_order *o = s->order;
    const struct stream *st = source_stream(s->source);
    enum source_fault fault = SOURCE_OK;
    s->decoder = decoder_open(st, o->conf->hwaccel, &fault, e);
    if (!s->decoder)
        return fault;
    s->doze = doze_new(o->conf, st, s->decoder, o->face, o->ease);
    fault = stream(s, e);
    doze_free(s->doze);
    decoder_close(s->decoder);
    return fault;
}

enum source_fault session_run(
        const struct session_order *order, const struct session_listener *listener, struct err *e)
{
    struct session s = {.order = order, .to = listener};
    enum source_fault fault = SOURCE_OK;
    s.source = source_open(order->conf, NULL, order->halt, order->beat, &fault, e);
    if (!s.source)
        return fault;
    const struct stream *st = source_stream(s.source);
    struct session_opened opened = {
            .live = st->live, .fps = st->fps, .duration_us = st->duration_us};
    listener->opened(listener->arg, &opened);
    fault = decode(&s, e);
    source_close(s.source);
    return fault;
}
