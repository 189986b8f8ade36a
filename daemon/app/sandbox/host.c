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
#include "app/sandbox/word.h"
#include "base/beat.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/stop.h"
#include "flow/settings.h"
#include "flow/slot.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS    500                /* the order under load is looked at so often */
#define SILENCE_US (10 * MONO_SECOND) /* its ear says something every 2 s */
#define HANGS_MS   25000 /* longer than its longest wait for a camera, without a sign */
#define LEAVE_US   (2 * MONO_SECOND)
#define ROUND_US   MONO_SECOND /* so long, or so many */
#define ROUND      64          /* messages one after another before we look at something else */
#define FLOOD      20000       /* messages in a second: no decoder has so many pictures */

struct host {
    const struct session_order *order;
    const struct session_listener *to;
    struct shelf *shelf;
    struct ways ways;
    int socket;
    pid_t pid;
    struct board *board;
    int64_t heard_us; /* when it last said something */
    int64_t leave_us; /* by then it must have left; 0: it was not asked to */
    bool asked;       /* and knows */
    struct word word;
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

static void take(struct host *h, const struct wire_message *m)
{
    const char *lie = NULL;
    switch ((enum wire_kind)m->kind) {
    case WIRE_REACH: connect_it(h, &m->reach); break;
    case WIRE_UDP: answer(h, ways_datagrams(&h->ways, m->udp.family)); break;
    case WIRE_SEND: ways_send(&h->ways, m->send.from, m->send.to, m->send.data, m->send.n); break;
    case WIRE_BEAT:
        if (m->beat.state == BEAT_WORKING && m->beat.age_ms > HANGS_MS)
            give_up(h, "hangs in one picture");
        break;
    default: lie = word_take(&h->word, m);
    }
    if (lie)
        give_up(h, lie);
    else if (h->word.over)
        finish(h, h->word.fault);
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
        if (spate_count(&h->messages, h->heard_us, MONO_SECOND) > FLOOD && !h->over)
            give_up(h, "does nothing but talk");
    }
    if (h->over || r == 0 || r == -EAGAIN)
        return;
    if (r == -EPROTO) {
        give_up(h, WORD_NO_HONEST_ONE);
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
        h->word.asked_to_leave = h->leave_us != 0;
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
    h->board = shelf_board(h->shelf);
    word_init(&h->word, h->order, h->to, h->shelf, h->e);
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
