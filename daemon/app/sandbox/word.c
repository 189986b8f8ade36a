#include "app/sandbox/word.h"

#include "app/sandbox/shelf.h"
#include "base/log.h"
#include "base/mono.h"
#include "flow/frame.h"
#include "flow/settings.h"
#include "flow/slot.h"
#include "source/origin.h"

#include <errno.h>
#include <stdatomic.h>

#define LINES    100                  /* that it may say in a minute */
#define AHEAD_US (3600 * MONO_SECOND) /* the clock may just have been set back a little */

int spate_count(struct spate *s, int64_t now_us, int64_t span_us)
{
    if (now_us - s->since_us > span_us)
        *s = (struct spate){.since_us = now_us};
    return ++s->n;
}

/* One more line of the log for it. */
static bool may_speak(struct word *w)
{
    int lines = spate_count(&w->lines, mono_us(), 60 * MONO_SECOND);
    if (lines == LINES + 1)
        log_warn("camera", "its process says more than %d lines a minute: the rest is left out",
                LINES);
    return lines <= LINES;
}

static void take_line(struct word *w, const struct wire_log *l)
{
    if (!may_speak(w))
        return;
    switch ((enum log_level)l->level) {
    case LEVEL_ERROR: log_error(l->topic, "%s", l->text); break;
    case LEVEL_WARN: log_warn(l->topic, "%s", l->text); break;
    case LEVEL_INFO: log_info(l->topic, "%s", l->text); break;
    default: log_debug(l->topic, "%s", l->text); break;
    }
}

/* Its stream may have an end? One that a camera sends now has none. */
static bool may_end(const struct word *w)
{
    enum origin_kind kind = origin_kind(w->order->conf->url);
    return kind == ORIGIN_FILE || kind == ORIGIN_HTTP;
}

void word_init(struct word *w, const struct session_order *order, const struct session_listener *to,
        struct shelf *shelf, struct err *e)
{
    *w = (struct word){.order = order, .to = to, .shelf = shelf, .fault = SOURCE_BROKEN, .e = e};
    w->unpaced = may_end(w) && order->conf->pace == PACE_MAX;
    w->dated = origin_kind(order->conf->url) == ORIGIN_FILE || w->unpaced;
}

static const char *take_opened(struct word *w, const struct session_opened *opened)
{
    if (!opened->live && !may_end(w))
        return WORD_NO_HONEST_ONE;
    w->to->opened(w->to->arg, opened);
    return NULL;
}

static const char *take_online(struct word *w, const struct wire_online *o)
{
    if (w->online) /* once in a session */
        return WORD_NO_HONEST_ONE;
    w->online = true;
    w->to->online(w->to->arg, o->format, o->unverified);
    return NULL;
}

/* An end that is no fault has no back-off, and may be for good: only where one was to come. */
static const char *take_end(struct word *w, const struct wire_end *end)
{
    enum source_fault fault = (enum source_fault)end->fault;
    if ((fault == SOURCE_STOPPED && !w->asked_to_leave) || (fault == SOURCE_EOF && !may_end(w)) ||
            (fault == SOURCE_OK && w->order->enough == 0))
        return WORD_NO_HONEST_ONE;
    err_set(w->e, end->code, "%s", end->text);
    w->over = true;
    w->fault = fault;
    return NULL;
}

/* Only what is read as fast as it goes is ahead of our clock. A record from the year 9999 would be
 * the latest for ever, and never too old. */
static bool may_be_dated(const struct word *w, const struct wire_picture *p)
{
    return w->dated || p->packed.wall_us < mono_wall_us() + AHEAD_US;
}

static const char *take_picture(struct word *w, const struct wire_picture *p)
{
    errno = EPROTO;
    struct frame *f = may_be_dated(w, p) ? shelf_frame(w->shelf, p) : NULL;
    if (!f && errno == EPROTO)
        return "sent a picture that cannot be";
    /* To wait for each picture is for what is read as fast as it goes. */
    enum session_give how = (enum session_give)p->how;
    if (how == GIVE_EACH && !w->unpaced)
        how = GIVE_NEWEST;
    if (f)
        w->to->picture(w->to->arg, f, how);
    atomic_fetch_add(&shelf_board(w->shelf)->face.seen, 1);
    return NULL;
}

static void take_stock(struct word *w, const struct wire_stock *s)
{
    struct session_stock stock = {
            .counts = s->counts,
            .decoded = s->decoded,
            .decoder = s->decoder,
            .trouble = s->troubled ? s->trouble : NULL,
    };
    /* What changes is said in the log. */
    if (s->troubled != w->troubled && !may_speak(w))
        return;
    w->troubled = s->troubled;
    w->to->stock(w->to->arg, &stock);
}

/* The kernel is the same for all. */
static void warn_once(const struct wire_ready *r)
{
    static atomic_bool warned;
    if (!atomic_exchange(&warned, true))
        log_warn("camera", "this kernel confines a camera's process less than it could: %s%s%s",
                r->seccomp ? "" : "no seccomp", r->seccomp || r->landlock ? "" : ", ",
                r->landlock ? "" : "no Landlock");
}

static void take_ready(const struct wire_ready *r)
{
    if (!r->seccomp || r->landlock == 0)
        warn_once(r);
    log_debug("camera", "its process: seccomp %s, Landlock version %d",
            r->seccomp ? "on" : "not in this kernel", (int)r->landlock);
}

const char *word_take(struct word *w, const struct wire_message *m)
{
    switch ((enum wire_kind)m->kind) {
    case WIRE_READY: take_ready(&m->ready); return NULL;
    case WIRE_LOG: take_line(w, &m->log); return NULL;
    case WIRE_OPENED: return take_opened(w, &m->opened);
    case WIRE_ONLINE: return take_online(w, &m->online);
    case WIRE_PICTURE: return take_picture(w, &m->picture);
    case WIRE_STOCK: take_stock(w, &m->stock); return NULL;
    case WIRE_END: return take_end(w, &m->end);
    default: return "says what is ours to say";
    }
}
