#include "app/sandbox/wire.h"

#include "base/beat.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a fraction can be: many streams announce the ticks of their clock as their rate. */
#define FPS_MIN   1e-10
#define FPS_MAX   1e10
#define COUNT_MAX (UINT64_C(1) << 53) /* beyond, no number of JSON is exact */
#define BLOCK_MAX 16384
/* Nine thousand years: the time between any two moments is a number. */
#define TIME_MAX (INT64_C(1) << 58)
#define DATE_MAX (INT64_C(253402300800) * MONO_SECOND) /* the year 10000, whose date is longer */

union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* ------------------------------------------------------------- sizes --- */

#define SIZE_OF(member)                                                                            \
    (offsetof(struct wire_message, member) + sizeof(((struct wire_message *)NULL)->member))

static const size_t sizes[] = {
        [WIRE_STOP] = SIZE_OF(kind),
        [WIRE_REACHED] = SIZE_OF(reached),
        [WIRE_READY] = SIZE_OF(ready),
        [WIRE_REACH] = SIZE_OF(reach),
        [WIRE_UDP] = SIZE_OF(udp),
        [WIRE_SEND] = SIZE_OF(send),
        [WIRE_BEAT] = SIZE_OF(beat),
        [WIRE_LOG] = SIZE_OF(log),
        [WIRE_OPENED] = SIZE_OF(opened),
        [WIRE_ONLINE] = SIZE_OF(online),
        [WIRE_PICTURE] = SIZE_OF(picture),
        [WIRE_STOCK] = SIZE_OF(stock),
        [WIRE_END] = SIZE_OF(end),
};

static bool is_grid(const struct wire_picture *p)
{
    return p->cols >= 0 && p->cols <= CHANGE_SIDE && p->rows >= 0 && p->rows <= CHANGE_SIDE;
}

/* Its numbers of columns and rows have arrived, or size is too small and 0 comes out. */
static size_t size_of(const struct wire_message *m, size_t size)
{
    if (size < sizeof(m->kind) || m->kind < WIRE_STOP || m->kind > WIRE_END)
        return 0;
    if (m->kind != WIRE_PICTURE)
        return sizes[m->kind];
    size_t start = offsetof(struct wire_message, picture.at_us);
    if (size < start || !is_grid(&m->picture))
        return 0;
    return start + sizeof(m->picture.at_us[0]) * (size_t)m->picture.cols * (size_t)m->picture.rows;
}

/* ------------------------------------------------------------- what is sound --- */

/* A byte of a bool that is neither 0 nor 1 is no value that C knows. */
static void straighten(bool *b)
{
    unsigned char byte;
    memcpy(&byte, b, 1);
    *b = byte != 0;
}

/* One line of well-formed text, whatever it was. */
static void clean(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (unsigned char *s = (unsigned char *)text; *s;) {
        size_t n = utf8_length(s);
        if (n == 0 || utf8_control(s)) {
            *s++ = '?';
            continue;
        }
        s += n;
    }
}

static bool sound_opened(struct session_opened *o)
{
    straighten(&o->live);
    bool rate = o->fps == 0 || (o->fps >= FPS_MIN && o->fps <= FPS_MAX); /* false for NAN */
    return rate && o->duration_us >= 0;
}

static bool is_time(int64_t us)
{
    return us > -TIME_MAX && us < TIME_MAX;
}

static bool are_times(const struct wire_picture *p)
{
    bool all = is_time(p->packed.time_us) && is_time(p->still_us) && p->packed.wall_us >= 0 &&
               p->packed.wall_us < DATE_MAX;
    for (int i = 0; all && i < p->cols * p->rows; i++)
        all = is_time(p->at_us[i]);
    return all;
}

static bool is_size(const struct packed *p)
{
    return p->width > 0 && p->height > 0 && frame_fits(p->width, p->height);
}

/* How it fits its place on the shelf is the shelf's to say. */
static bool sound_picture(const struct wire_picture *p)
{
    if (!is_grid(p) || !is_size(&p->packed) || !are_times(p))
        return false;
    return p->place >= 0 && p->place < WIRE_BUFFERS && p->how >= GIVE_NEWEST &&
           p->how <= GIVE_REFRESH && p->block >= 0 && p->block <= BLOCK_MAX &&
           (p->block > 0 || p->cols == 0 || p->rows == 0);
}

static bool are_counts(const struct session_counts *c)
{
    const uint64_t all[] = {
            c->frames, c->due, c->damaged, c->undecoded, c->wakes, c->dropped, c->behind};
    bool within = true;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        within &= all[i] <= COUNT_MAX;
    return within;
}

static bool sound_stock(struct wire_stock *s)
{
    straighten(&s->counts.asleep);
    straighten(&s->decoded);
    straighten(&s->troubled);
    clean(s->decoder, sizeof(s->decoder));
    clean(s->trouble, sizeof(s->trouble));
    return are_counts(&s->counts);
}

static bool sound_log(struct wire_log *l)
{
    clean(l->topic, sizeof(l->topic));
    clean(l->text, sizeof(l->text));
    return l->level >= LEVEL_ERROR && l->level <= LEVEL_DEBUG;
}

static bool is_port(int32_t port)
{
    return port > 0 && port <= 65535;
}

static bool sound_reach(struct wire_reach *r)
{
    clean(r->host, sizeof(r->host));
    return is_port(r->port);
}

static bool sound_end(struct wire_end *e)
{
    clean(e->text, sizeof(e->text));
    return e->fault >= SOURCE_OK && e->fault < SOURCE_FAULT_COUNT && e->code <= 0;
}

bool wire_is_sound(struct wire_message *m, size_t size)
{
    if (size == 0 || size_of(m, size) != size)
        return false;
    switch (m->kind) {
    case WIRE_READY: straighten(&m->ready.seccomp); return true;
    case WIRE_REACH: return sound_reach(&m->reach);
    case WIRE_UDP: return m->udp.family == AF_INET || m->udp.family == AF_INET6;
    case WIRE_SEND:
        /* To 0 libav sends where a camera has not said from which port its own come. */
        return is_port(m->send.from) && (m->send.to == 0 || is_port(m->send.to)) &&
               m->send.n <= WIRE_DATAGRAM;
    case WIRE_BEAT:
        return m->beat.state >= BEAT_WORKING && m->beat.state <= BEAT_RESOLVING &&
               m->beat.age_ms >= 0;
    case WIRE_LOG: return sound_log(&m->log);
    case WIRE_OPENED: return sound_opened(&m->opened);
    case WIRE_ONLINE:
        straighten(&m->online.unverified);
        clean(m->online.format, sizeof(m->online.format));
        return true;
    case WIRE_PICTURE: return sound_picture(&m->picture);
    case WIRE_STOCK: return sound_stock(&m->stock);
    case WIRE_END: return sound_end(&m->end);
    default: return true; /* the daemon's word is taken */
    }
}

/* ------------------------------------------------------------- the socket --- */

int wire_send(int socket, const struct wire_message *m, int fd, bool wait)
{
    struct iovec part = {.iov_base = (void *)m, .iov_len = size_of(m, sizeof(*m))};
    union control control = {0};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
    int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);
    if (fd < 0) { /* a confined process may send(), and nothing that carries descriptors */
        ssize_t n;
        do {
            n = send(socket, m, part.iov_len, flags);
        } while (n < 0 && errno == EINTR);
        return n >= 0 ? 0 : errno == EAGAIN ? -EAGAIN : -EPIPE;
    }
    h.msg_control = control.bytes;
    h.msg_controllen = sizeof(control.bytes);
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    if (sendmsg(socket, &h, flags) >= 0)
        return 0;
    return errno == EAGAIN ? -EAGAIN : -EPIPE;
}

/* The descriptor that came along, or -1. */
static int descriptor(struct msghdr *h)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    int fd = -1;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

int wire_receive(int socket, bool wait, struct wire_message *ret, int *ret_fd)
{
    struct iovec part = {.iov_base = ret, .iov_len = sizeof(*ret)};
    union control control = {0};
    /* Room for one descriptor and no more: what has none is never opened here. CMSG_SPACE() would
     * leave room for a second one, of which nobody would know. */
    struct msghdr h = {.msg_iov = &part,
            .msg_iovlen = 1,
            .msg_control = control.bytes,
            .msg_controllen = CMSG_LEN(sizeof(int))};
    ssize_t n;
    *ret_fd = -1;
    /* Who leaves with something unread resets the connection, and that is told once, before what
     * he said last. */
    do {
        n = recvmsg(socket, &h, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    } while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0)
        return errno == EAGAIN ? -EAGAIN : -EPIPE;
    int fd = descriptor(&h);
    if (!(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && wire_is_sound(ret, (size_t)n)) {
        *ret_fd = fd;
        return 0;
    }
    if (fd >= 0)
        close(fd); /* also one that came with a message of nothing, which looks like the end */
    return n == 0 ? -EPIPE : -EPROTO;
}
