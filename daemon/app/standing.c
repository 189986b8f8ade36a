#include "app/standing.h"

#include "base/mono.h"
#include "base/redact.h"

#include <stdio.h>
#include <string.h>

#define STALL_US (2 * MONO_SECOND)

void standing_init(struct standing *s, const char *hwaccel)
{
    memset(s, 0, sizeof(*s));
    s->hwaccel = hwaccel;
    atomic_init(&s->state, CAMERA_CONNECTING);
    s->known.since_us = mono_us();
    pthread_mutex_init(&s->lock, NULL);
}

void standing_destroy(struct standing *s)
{
    pthread_mutex_destroy(&s->lock);
}

enum camera_state standing_state(const struct standing *s)
{
    return (enum camera_state)atomic_load(&s->state);
}

static struct session_counts sum(struct session_counts a, const struct session_counts *b)
{
    a.frames += b->frames;
    a.due += b->due;
    a.damaged += b->damaged;
    a.undecoded += b->undecoded;
    a.wakes += b->wakes;
    a.dropped += b->dropped;
    a.behind += b->behind;
    a.asleep = b->asleep;
    return a;
}

static void lift(uint64_t *to, uint64_t count)
{
    *to = *to > count ? *to : count;
}

/* A count that falls would be a rate beyond all bounds, and no honest session has one. */
static void take_counts(struct session_counts *of, const struct session_counts *now)
{
    lift(&of->frames, now->frames);
    lift(&of->due, now->due);
    lift(&of->damaged, now->damaged);
    lift(&of->undecoded, now->undecoded);
    lift(&of->wakes, now->wakes);
    lift(&of->dropped, now->dropped);
    lift(&of->behind, now->behind);
    of->asleep = now->asleep;
}

void standing_read(struct standing *s, struct camera_status *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->known;
    ret->counts = sum(s->earlier, &s->known.counts);
    pthread_mutex_unlock(&s->lock);
    ret->state = standing_state(s);
}

bool standing_enter(struct standing *s, enum camera_state state, const char *trouble)
{
    bool other = atomic_exchange(&s->state, (int)state) != (int)state;
    pthread_mutex_lock(&s->lock);
    if (other)
        s->known.since_us = mono_us();
    redact_text(s->known.trouble, sizeof(s->known.trouble), trouble);
    pthread_mutex_unlock(&s->lock);
    return other;
}

/* ------------------------------------------------------------- a session --- */

void standing_begin(struct standing *s)
{
    s->opened = (struct session_opened){0};
    s->first_us = s->last_us = 0;
    s->tried = s->troubled = false;
}

void standing_opened(struct standing *s, const struct session_opened *opened)
{
    s->opened = *opened;
}

bool standing_online(struct standing *s, const char *format)
{
    s->first_us = mono_us();
    pthread_mutex_lock(&s->lock);
    bool another = strcmp(s->known.format, format) != 0;
    (void)snprintf(s->known.format, sizeof(s->known.format), "%s", format);
    s->known.duration_us = s->opened.duration_us;
    pthread_mutex_unlock(&s->lock);
    return another;
}

/* What decodes, and why it is not what was asked for. */
static void note_decoder(struct standing *s, const struct session_stock *stock)
{
    const char *trouble = stock->trouble;
    /* Only this thread writes it, so it may read it without the lock. */
    if (s->tried && s->troubled == !!trouble && strcmp(s->known.decoder, stock->decoder) == 0)
        return;
    char text[sizeof(s->known.decoder_trouble)] = "";
    if (trouble)
        (void)snprintf(text, sizeof(text),
                "hwaccel \"%s\": %.150s; software decodes until the next connection", s->hwaccel,
                trouble);
    if (trouble && !s->troubled && log_due(&s->no_hardware, mono_us()))
        log_warn("camera", "%s", text);
    if (!trouble && stock->decoded && log_over(&s->no_hardware))
        log_info("camera", "hwaccel \"%s\" decodes again", s->hwaccel);
    pthread_mutex_lock(&s->lock);
    (void)snprintf(s->known.decoder, sizeof(s->known.decoder), "%s", stock->decoder);
    redact_text(s->known.decoder_trouble, sizeof(s->known.decoder_trouble), text);
    if (trouble && !s->troubled)
        s->known.decoder_since_us = mono_us();
    pthread_mutex_unlock(&s->lock);
    s->tried = stock->decoded;
    s->troubled = trouble;
}

/* Has it been away for longer than its rate explains? */
static bool is_stall(struct standing *s, int64_t now)
{
    double fps = s->opened.fps;
    int64_t longest = fps > 0 ? (int64_t)(2 * MONO_SECOND / fps) : 0;
    int64_t last_us = s->last_us;
    s->last_us = now;
    return last_us && now - last_us > (longest > STALL_US ? longest : STALL_US);
}

bool standing_stock(struct standing *s, const struct session_stock *stock)
{
    note_decoder(s, stock);
    bool more = stock->counts.frames != s->known.counts.frames;
    bool stall = more && is_stall(s, mono_us());
    pthread_mutex_lock(&s->lock);
    take_counts(&s->known.counts, &stock->counts);
    s->known.stalls += stall;
    pthread_mutex_unlock(&s->lock);
    return more;
}

void standing_end(struct standing *s)
{
    pthread_mutex_lock(&s->lock);
    s->earlier = sum(s->earlier, &s->known.counts);
    s->known.counts = (struct session_counts){0};
    pthread_mutex_unlock(&s->lock);
}

void standing_sampled(struct standing *s)
{
    pthread_mutex_lock(&s->lock);
    s->known.sampled++;
    pthread_mutex_unlock(&s->lock);
}

void standing_reconnect(struct standing *s)
{
    pthread_mutex_lock(&s->lock);
    s->known.reconnects++;
    pthread_mutex_unlock(&s->lock);
}
