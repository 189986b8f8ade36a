/*
 * About one camera's process, on the camera's thread. It waits for two things: the process, which
 * sends pictures and news, and a stop. What the process may know it sees on the shelf's board: the
 * slot and the frames write there by themselves. It is asked to leave, and has a moment for saying
 * good-bye to its camera; then it is ended.
 */
#include "app/sandbox/host.h"

#include "app/overload.h"
#include "app/sandbox/settings.h"
#include "app/sandbox/shelf.h"
#include "app/sandbox/spawn.h"
#include "app/sandbox/ways.h"
#include "app/sandbox/wire.h"
#include "base/beat.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/stop.h"
#include "flow/frame.h"
#include "flow/settings.h"
#include "flow/slot.h"
#include "source/origin.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS       500                /* the order under load is looked at so often */
#define SILENCE_US    (10 * MONO_SECOND) /* its ear says something every 2 s */
#define HANGS_MS      25000 /* longer than its longest wait for a camera, without a sign */
#define LEAVE_US      (2 * MONO_SECOND)
#define ROUND_US      MONO_SECOND /* so long, or so many */
#define ROUND         64          /* messages one after another before we look at something else */
#define LINES         100         /* that it may say in a minute */
#define AHEAD_US      (3600 * MONO_SECOND) /* the clock may just have been set back a little */
#define FLOOD         20000 /* messages in a second: no decoder has so many pictures */

#define NO_HONEST_ONE "says what no honest one would"

/* So many of something since then. */
struct spate {
    int64_t since_us;
    int n;
};

struct host {
    const struct session_order *order;
    const struct session_listener *to;
    struct shelf *shelf;
    struct ways ways;
    int socket;
    pid_t pid;
    struct board *board;
    bool unpaced;          /* it may be read as fast as it goes: each picture is waited for ... */
    bool dated;            /* ... and may be of any time: a file's, a film's by HTTP */
    int64_t heard_us;      /* when it last said something */
    int64_t leave_us;      /* by then it must have left; 0: it was not asked to */
    bool asked;            /* and knows */
    struct spate lines;    /* of its log, in a minute */
    bool online, troubled; /* as it told */
    struct spate messages; /* in a second */
    bool over;             /* the end is known */
    enum source_fault fault;
    struct err *e;
};

static void finish(struct host *h, enum source_fault fault)
{
    h->over = true;
    h->fault = fault;
}

/* It cannot be trusted, or has stopped working. */
static void give_up(struct host *h, const char *why)
{
    err_set(h->e, -EPROTO, "%.160s: its process %s; it is started anew", h->order->conf->url_shown,
            why);
    finish(h, SOURCE_BROKEN);
}

/* ------------------------------------------------------------- what it may know --- */

static void show_ease(struct host *h)
{
    const struct ease *o = h->order->ease;
    atomic_store(&h->board->ease.share, o ? atomic_load(&o->share) : 1000);
    atomic_store(&h->board->ease.keys, ease_keys(o));
}

static void ask_to_leave(struct host *h)
{
    struct wire_message m = {.kind = WIRE_STOP};
    h->asked = wire_send(h->socket, &m, -1, false) == 0; /* that it is gone will be heard */
}

/* ------------------------------------------------------------- what it asks for --- */

/* fd: the answer, which is closed here; or a negative errno. */
static void answer(struct host *h, int fd)
{
    struct wire_message m = {.kind = WIRE_REACHED};
    m.reached.error = fd < 0 ? -fd : 0;
    if (wire_send(h->socket, &m, fd, false) < 0)
        give_up(h, "does not listen");
    if (fd >= 0)
        close(fd);
}

static void connect_it(struct host *h, const struct wire_reach *r)
{
    beat_set(h->order->beat, BEAT_RESOLVING);
    int fd = ways_connect(&h->ways, r->host, r->port, h->order->halt);
    beat_set(h->order->beat, BEAT_WORKING);
    if (fd == -EACCES)
        log_debug("camera", "it leads to %.200s:%d, which is not its own address: refused", r->host,
                (int)r->port);
    answer(h, fd);
}

/* ------------------------------------------------------------- what it tells --- */

/* Only what is read as fast as it goes is ahead of our clock. A record from the year 9999 would be
 * the latest for ever, and never too old. */
static bool may_be_dated(const struct host *h, const struct wire_picture *p)
{
    return h->dated || p->packed.wall_us < mono_wall_us() + AHEAD_US;
}

static void take_picture(struct host *h, const struct wire_picture *p)
{
    errno = EPROTO;
    struct frame *f = may_be_dated(h, p) ? shelf_frame(h->shelf, p) : NULL;
    if (!f && errno == EPROTO) {
        give_up(h, "sent a picture that cannot be");
        return;
    }
    /* To wait for each picture is for what is read as fast as it goes. */
    enum session_give how = (enum session_give)p->how;
    if (how == GIVE_EACH && !h->unpaced)
        how = GIVE_NEWEST;
    if (f)
        h->to->picture(h->to->arg, f, how);
    atomic_fetch_add(&h->board->face.seen, 1);
}

/* One more: how many that makes within the span. */
static int count(struct spate *s, int64_t now_us, int64_t span_us)
{
    if (now_us - s->since_us > span_us)
        *s = (struct spate){.since_us = now_us};
    return ++s->n;
}

/* One more line of the log for it. */
static bool may_speak(struct host *h)
{
    int lines = count(&h->lines, mono_us(), 60 * MONO_SECOND);
    if (lines == LINES + 1)
        log_warn("camera", "its process says more than %d lines a minute: the rest is left out",
                LINES);
    return lines <= LINES;
}

static void take_stock(struct host *h, const struct wire_stock *s)
{
    struct session_stock stock = {
            .counts = s->counts,
            .decoded = s->decoded,
            .decoder = s->decoder,
            .trouble = s->troubled ? s->trouble : NULL,
    };
    /* What changes is said in the log. */
    if (s->troubled != h->troubled && !may_speak(h))
        return;
    h->troubled = s->troubled;
    h->to->stock(h->to->arg, &stock);
}

static void take_line(struct host *h, const struct wire_log *l)
{
    if (!may_speak(h))
        return;
    switch ((enum log_level)l->level) {
    case LEVEL_ERROR: log_error(l->topic, "%s", l->text); break;
    case LEVEL_WARN: log_warn(l->topic, "%s", l->text); break;
    case LEVEL_INFO: log_info(l->topic, "%s", l->text); break;
    default: log_debug(l->topic, "%s", l->text); break;
    }
}

/* Its stream may have an end? One that a camera sends now has none. */
static bool may_end(const struct host *h)
{
    enum origin_kind kind = origin_kind(h->order->conf->url);
    return kind == ORIGIN_FILE || kind == ORIGIN_HTTP;
}

static void take_opened(struct host *h, const struct session_opened *opened)
{
    if (!opened->live && !may_end(h))
        give_up(h, NO_HONEST_ONE);
    else
        h->to->opened(h->to->arg, opened);
}

static void take_online(struct host *h, const struct wire_online *o)
{
    if (h->online) { /* once in a session */
        give_up(h, NO_HONEST_ONE);
        return;
    }
    h->online = true;
    h->to->online(h->to->arg, o->format, o->unverified);
}

/* An end that is no fault has no back-off, and may be for good: only where one was to come. */
static void take_end(struct host *h, const struct wire_end *end)
{
    enum source_fault fault = (enum source_fault)end->fault;
    if ((fault == SOURCE_STOPPED && !h->leave_us) || (fault == SOURCE_EOF && !may_end(h)) ||
            (fault == SOURCE_OK && h->order->enough == 0)) {
        give_up(h, NO_HONEST_ONE);
        return;
    }
    err_set(h->e, end->code, "%s", end->text);
    finish(h, fault);
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

static void take(struct host *h, const struct wire_message *m)
{
    switch ((enum wire_kind)m->kind) {
    case WIRE_READY:
        if (!m->ready.seccomp || m->ready.landlock == 0)
            warn_once(&m->ready);
        log_debug("camera", "its process: seccomp %s, Landlock version %d",
                m->ready.seccomp ? "on" : "not in this kernel", (int)m->ready.landlock);
        break;
    case WIRE_REACH: connect_it(h, &m->reach); break;
    case WIRE_UDP: answer(h, ways_datagrams(&h->ways, m->udp.family)); break;
    case WIRE_SEND: ways_send(&h->ways, m->send.from, m->send.to, m->send.data, m->send.n); break;
    case WIRE_BEAT:
        if (m->beat.state == BEAT_WORKING && m->beat.age_ms > HANGS_MS)
            give_up(h, "hangs in one picture");
        break;
    case WIRE_LOG: take_line(h, &m->log); break;
    case WIRE_OPENED: take_opened(h, &m->opened); break;
    case WIRE_ONLINE: take_online(h, &m->online); break;
    case WIRE_PICTURE: take_picture(h, &m->picture); break;
    case WIRE_STOCK: take_stock(h, &m->stock); break;
    case WIRE_END: take_end(h, &m->end); break;
    default: give_up(h, "says what is ours to say"); break;
    }
}

static void listen_to(struct host *h)
{
    struct wire_message m;
    int fd;
    int r = 0;
    int n = 0;
    int64_t until = mono_us() + ROUND_US;
    while (!h->over && n++ < ROUND && mono_us() <= until &&
            (r = wire_receive(h->socket, false, &m, &fd)) == 0) {
        if (fd >= 0)
            close(fd);                          /* nobody asked for one */
        beat_set(h->order->beat, BEAT_WORKING); /* a picture may wait for a worker */
        take(h, &m);
        h->heard_us = mono_us(); /* we may have been long */
        /* Who only talks would have this thread do nothing but listen. */
        if (count(&h->messages, h->heard_us, MONO_SECOND) > FLOOD && !h->over)
            give_up(h, "does nothing but talk");
    }
    if (h->over || r == 0 || r == -EAGAIN)
        return;
    if (r == -EPROTO) {
        give_up(h, NO_HONEST_ONE);
        return;
    }
    char how[80];
    const char *phrase = spawn_reap(h->pid, how, sizeof(how));
    h->pid = -1;
    give_up(h, phrase ? phrase : "left without a word");
}

/* ------------------------------------------------------------- from start to end --- */

static void watch(struct host *h)
{
    struct stop *halt = h->order->halt;
    struct pollfd fds[] = {
            {.fd = h->socket, .events = POLLIN}, {.fd = stop_fd(halt), .events = POLLIN}};
    h->heard_us = mono_us();
    while (!h->over) {
        beat_set(h->order->beat, BEAT_WORKING);
        int64_t now = mono_us();
        if (!h->leave_us && stop_asked(halt))
            h->leave_us = now + LEAVE_US;
        if (h->leave_us && !h->asked)
            ask_to_leave(h);
        show_ease(h);
        fds[1].fd = h->leave_us ? -1 : stop_fd(halt);
        (void)poll(fds, 2, TICK_MS);
        listen_to(h);
        now = mono_us();
        if (!h->over && h->leave_us && now > h->leave_us)
            finish(h, SOURCE_STOPPED);
        else if (!h->over && now - h->heard_us > SILENCE_US)
            give_up(h, "does not answer");
    }
    if (h->leave_us)
        h->fault = SOURCE_STOPPED;
}

static bool begin(struct host *h)
{
    const struct conf_camera *conf = h->order->conf;
    int pair[2];
    h->shelf = shelf_new();
    if (!h->shelf || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        err_set(h->e, -errno, "%.160s: nothing to speak with its process: %s", conf->url_shown,
                err_name(errno));
        return false;
    }
    h->socket = pair[0];
    enum origin_kind kind = origin_kind(conf->url);
    h->unpaced = may_end(h) && conf->pace == PACE_MAX;
    h->dated = kind == ORIGIN_FILE || h->unpaced;
    h->board = shelf_board(h->shelf);
    slot_mirror(h->order->slot, &h->board->face);
    show_ease(h);
    h->pid = spawn_child(conf->name, pair[1], shelf_fd(h->shelf), h->e);
    close(pair[1]);
    if (h->pid < 0) {
        err_wrap(h->e, "%.160s", conf->url_shown);
        return false;
    }
    char *settings = settings_pack(conf, h->order->enough);
    (void)!send(h->socket, settings, strlen(settings), MSG_NOSIGNAL);
    explicit_bzero(settings, strlen(settings));
    free(settings);
    return true;
}

enum source_fault host_run(
        const struct session_order *order, const struct session_listener *listener, struct err *e)
{
    struct host h = {.order = order,
            .to = listener,
            .socket = -1,
            .pid = -1,
            .fault = SOURCE_BROKEN,
            .e = e};
    char how[80];
    ways_init(&h.ways, order->conf);
    if (begin(&h))
        watch(&h);
    if (h.pid > 0)
        (void)spawn_reap(h.pid, how, sizeof(how));
    if (h.socket >= 0)
        close(h.socket);
    ways_close(&h.ways);
    slot_mirror(order->slot, NULL);
    shelf_free(h.shelf);
    return h.fault;
}
