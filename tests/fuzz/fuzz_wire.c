/* needs: app/sandbox/wire base/utf8 */
/*
 * What a camera's process that was taken over can say to the daemon: messages one after another,
 * each of a kind, then of its right length or of another one, with no descriptor or some.
 *
 * Whatever comes: what is handed out is of one kind and of that kind's length, with texts of one
 * clean line, truth of one bit and numbers within their bounds; looking at it again changes
 * nothing, and it can be sent on as it is. No descriptor stays open but the one handed out.
 */
#include "app/sandbox/wire.h"
#include "base/beat.h"
#include "base/log.h"
#include "base/utf8.h"
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/socket.h>

#define MESSAGES 24
#define FDS_MAX  3
#define BEYOND   64 /* bytes more than any message has */

static int hostile[2], honest[2]; /* to write to, to read from */
static int lowest;                /* the next descriptor that would be opened */

static int next_descriptor(void)
{
    int fd = fcntl(hostile[0], F_DUPFD_CLOEXEC, 0);
    HOLDS(fd >= 0);
    close(fd);
    return fd;
}

static void begin(void)
{
    HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hostile) == 0);
    HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, honest) == 0);
    lowest = next_descriptor();
}

/* ------------------------------------------------------------- what must hold --- */

static void is_line(const char *text, size_t size)
{
    HOLDS(memchr(text, '\0', size));
    for (const unsigned char *s = (const unsigned char *)text; *s; s += utf8_length(s))
        HOLDS(utf8_length(s) > 0 && !utf8_control(s));
}

static void is_truth(const bool *b)
{
    uint8_t byte;
    memcpy(&byte, b, 1);
    HOLDS(byte <= 1);
}

static bool is_within(int64_t v, int64_t low, int64_t high)
{
    return v >= low && v <= high;
}

static void judge_picture(const struct wire_picture *p)
{
    HOLDS(is_within(p->place, 0, WIRE_BUFFERS - 1));
    HOLDS(is_within(p->how, GIVE_NEWEST, GIVE_REFRESH));
    HOLDS(is_within(p->cols, 0, CHANGE_SIDE) && is_within(p->rows, 0, CHANGE_SIDE));
    HOLDS(p->cols * p->rows == 0 || p->block > 0);
}

static void judge_stock(const struct wire_stock *s)
{
    is_truth(&s->counts.asleep);
    is_truth(&s->decoded);
    is_truth(&s->troubled);
    is_line(s->decoder, sizeof(s->decoder));
    is_line(s->trouble, sizeof(s->trouble));
}

static void judge_way(const struct wire_message *m)
{
    if (m->kind == WIRE_REACH) {
        is_line(m->reach.host, sizeof(m->reach.host));
        HOLDS(is_within(m->reach.port, 1, 65535));
    } else if (m->kind == WIRE_UDP) {
        HOLDS(m->udp.family == AF_INET || m->udp.family == AF_INET6);
    } else if (m->kind == WIRE_SEND) {
        HOLDS(m->send.n <= sizeof(m->send.data));
        HOLDS(is_within(m->send.from, 1, 65535) && is_within(m->send.to, 0, 65535));
    }
}

static void judge_kind(const struct wire_message *m)
{
    switch (m->kind) {
    case WIRE_READY: is_truth(&m->ready.seccomp); break;
    case WIRE_BEAT:
        HOLDS(is_within(m->beat.state, BEAT_WORKING, BEAT_RESOLVING) && m->beat.age_ms >= 0);
        break;
    case WIRE_LOG:
        is_line(m->log.topic, sizeof(m->log.topic));
        is_line(m->log.text, sizeof(m->log.text));
        HOLDS(is_within(m->log.level, LEVEL_ERROR, LEVEL_DEBUG));
        break;
    case WIRE_OPENED:
        is_truth(&m->opened.live);
        HOLDS(isfinite(m->opened.fps) && m->opened.fps >= 0 && m->opened.duration_us >= 0);
        break;
    case WIRE_ONLINE:
        is_line(m->online.format, sizeof(m->online.format));
        is_truth(&m->online.unverified);
        break;
    case WIRE_PICTURE: judge_picture(&m->picture); break;
    case WIRE_STOCK: judge_stock(&m->stock); break;
    case WIRE_END:
        is_line(m->end.text, sizeof(m->end.text));
        HOLDS(is_within(m->end.fault, SOURCE_OK, SOURCE_FAULT_COUNT - 1) && m->end.code <= 0);
        break;
    default: judge_way(m);
    }
}

/* It is whole, and stays what it is. */
static void judge(const struct wire_message *m)
{
    static struct wire_message again;
    int fd;
    HOLDS(is_within(m->kind, WIRE_STOP, WIRE_END));
    judge_kind(m);
    HOLDS(wire_send(honest[0], m, -1, false) == 0);
    ssize_t n = recv(honest[1], &again, sizeof(again), MSG_PEEK | MSG_TRUNC);
    HOLDS(n > 0 && (size_t)n <= sizeof(again));
    HOLDS(wire_receive(honest[1], false, &again, &fd) == 0 && fd == -1);
    HOLDS(memcmp(&again, m, (size_t)n) == 0);
}

/* ------------------------------------------------------------- what is said --- */

/* As long as an honest one of its kind. */
static size_t measure(const uint8_t *bytes, uint8_t *ret)
{
    static struct wire_message m;
    memcpy(&m, bytes, sizeof(m));
    HOLDS(wire_send(honest[0], &m, -1, false) == 0);
    ssize_t n = recv(honest[1], ret, sizeof(m), 0);
    HOLDS(n >= 0);
    return (size_t)n;
}

static void say(const uint8_t *bytes, size_t n, int n_fds)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
    } control = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = n};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds > 0) {
        h.msg_control = control.bytes;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n_fds);
        int fds[FDS_MAX] = {honest[0], honest[0], honest[0]};
        memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)n_fds);
    }
    HOLDS(sendmsg(hostile[0], &h, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n);
}

static void hear(int n_fds)
{
    struct wire_message *m = malloc(sizeof(*m)); /* so that a byte too far is seen */
    int fd = -2;
    HOLDS(m);
    memset(m, 0xa5, sizeof(*m));
    int r = wire_receive(hostile[1], false, m, &fd);
    HOLDS(r == 0 || r == -EPROTO || r == -EPIPE);
    HOLDS(r == 0 ? n_fds <= 1 && (fd >= 0) == (n_fds == 1) : fd == -1);
    if (fd >= 0)
        close(fd);
    if (r == 0)
        judge(m);
    free(m);
    HOLDS(next_descriptor() == lowest);
}

static void exchange(struct input *in)
{
    static uint8_t bytes[sizeof(struct wire_message) + BEYOND], right[sizeof(bytes)];
    uint8_t how = take_byte(in);
    uint32_t kind = take_byte(in);
    size_t n = take_short(in) % (sizeof(bytes) - sizeof(kind) + 1);
    size_t given = n < in->left ? n : in->left;
    memset(bytes, how & 0x80 ? 0xff : 0, sizeof(bytes));
    memcpy(bytes, &kind, sizeof(kind));
    take(in, bytes + sizeof(kind), given);
    int n_fds = how >> 1 & 3;
    if (how & 1)
        say(bytes, how & 8 ? given : n + sizeof(kind), n_fds);
    else
        say(right, measure(bytes, right), n_fds);
    hear(n_fds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    if (!lowest)
        begin();
    for (int i = 0; i < MESSAGES && in.left > 0; i++)
        exchange(&in);
    struct wire_message nothing;
    int fd;
    HOLDS(wire_receive(hostile[1], false, &nothing, &fd) == -EAGAIN && fd == -1);
    return 0;
}
