#include "fake_broker.h"

#include "base/mem.h"
#include "bus/broker.h"
#include "bus/reason.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fake_broker fake_broker;

struct broker {
    enum broker_state state;
    int fd; /* readable when there is something to serve */
    int last_mid;
    int n_waiting, n_acked;
    struct answer {
        int mid, reason;
    } waiting[64], acked[64];
    bool breaks;
};

struct broker *broker_new(const struct broker_setup *setup)
{
    (void)setup;
    struct broker *b = mem_new(1, sizeof(*b));
    b->fd = -1;
    return b;
}

void broker_close(struct broker *b)
{
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
    b->state = BROKER_DOWN;
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    broker_close(b);
    free(b);
}

enum broker_state broker_state(const struct broker *b)
{
    return b->state;
}

static void wake(struct broker *b)
{
    uint64_t one = 1;
    (void)!write(b->fd, &one, sizeof(one));
}

int broker_open(struct broker *b, int64_t now_us, struct err *e)
{
    (void)now_us;
    assert(b->state == BROKER_DOWN);
    if (fake_broker.refuse > 0) {
        fake_broker.refuse--;
        return err_set(e, -EACCES, "refused");
    }
    b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert(b->fd >= 0);
    b->state = BROKER_CONNECTING;
    b->last_mid = b->n_waiting = b->n_acked = 0;
    b->breaks = false;
    fake_broker.in_flight = 0;
    fake_broker.connections++;
    wake(b);
    return 0;
}

int broker_fd(const struct broker *b)
{
    return b->fd;
}

short broker_wants(const struct broker *b)
{
    return b->fd >= 0 ? POLLIN : 0;
}

int64_t broker_due_us(const struct broker *b)
{
    (void)b;
    return INT64_MAX;
}

int broker_service(struct broker *b, short revents, int64_t now_us, struct err *e)
{
    (void)now_us;
    if (b->state == BROKER_DOWN || !(revents & POLLIN))
        return 0;
    uint64_t n;
    (void)!read(b->fd, &n, sizeof(n));
    b->state = BROKER_UP;
    for (int i = 0; i < b->n_waiting; i++)
        b->acked[b->n_acked++] = b->waiting[i];
    b->n_waiting = 0;
    if (!b->breaks)
        return 0;
    broker_close(b);
    return err_set(e, -ECONNRESET, "broke");
}

int broker_publish(struct broker *b, const char *topic, const char *payload, bool retained,
        int *ret_mid, struct err *e)
{
    assert(b->state == BROKER_UP && fake_broker.in_flight < 20);
    int n = fake_broker.n;
    assert(n < 20000);
    struct fake_sent *s = &fake_broker.sent[n];
    *s = (struct fake_sent){fake_broker.connections, b->last_mid + 1, "", "", retained};
    (void)snprintf(s->topic, sizeof(s->topic), "%s", topic);
    (void)snprintf(s->payload, sizeof(s->payload), "%s", payload);
    int verdict = fake_broker.verdict ? fake_broker.verdict(fake_broker.arg, s) : FAKE_ACK;
    if (verdict == FAKE_INVALID)
        return err_set(e, -EINVAL, "cannot be sent");
    fake_broker.in_flight++;
    if (fake_broker.in_flight > fake_broker.most_in_flight)
        fake_broker.most_in_flight = fake_broker.in_flight;
    *ret_mid = ++b->last_mid;
    if (verdict == FAKE_RESET)
        b->n_waiting = 0;
    if (verdict < FAKE_CUT && verdict != FAKE_WITHHOLD)
        b->waiting[b->n_waiting++] =
                (struct answer){*ret_mid, verdict == FAKE_REFUSE ? REASON_NOT_AUTHORISED : 0};
    b->breaks |= verdict == FAKE_BREAK || verdict >= FAKE_CUT;
    fake_broker.n = n + 1;
    wake(b);
    return 0;
}

bool broker_is_version_5(const struct broker *b)
{
    (void)b;
    return true;
}

int broker_acked(struct broker *b, int *ret_reason)
{
    if (b->n_acked == 0)
        return 0;
    int mid = b->acked[0].mid;
    *ret_reason = b->acked[0].reason;
    b->n_acked--;
    memmove(b->acked, b->acked + 1, (size_t)b->n_acked * sizeof(b->acked[0]));
    fake_broker.in_flight--;
    return mid;
}

void broker_leave(struct broker *b)
{
    fake_broker.left = b->state == BROKER_UP;
    broker_close(b);
}
