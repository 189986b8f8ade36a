#include "bus/window.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct message *message;
    int mid; /* 0: not sent on this connection */
    int64_t sent_us;
};

/* The order of the places is the order of the outbox. Those sent come first: they are sent in
 * order, and an acknowledgement or a skip only takes one out. */
struct window {
    int n;
    struct place place[WINDOW_SIZE];
};

struct window *window_new(void)
{
    return mem_new(1, sizeof(struct window));
}

void window_free(struct window *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->n; i++)
        message_free(w->place[i].message);
    free(w);
}

int window_room(const struct window *w)
{
    return WINDOW_SIZE - w->n;
}

bool window_empty(const struct window *w)
{
    return w->n == 0;
}

void window_add(struct window *w, struct message *m)
{
    assert(w->n < WINDOW_SIZE);
    w->place[w->n++] = (struct place){m, 0, 0};
}

int window_in_flight(const struct window *w)
{
    int i = 0;
    while (i < w->n && w->place[i].mid)
        i++;
    return i;
}

const struct message *window_next(const struct window *w)
{
    int i = window_in_flight(w);
    return i < w->n ? w->place[i].message : NULL;
}

void window_sent(struct window *w, int mid, int64_t now_us)
{
    int i = window_in_flight(w);
    assert(i < w->n && mid > 0);
    w->place[i].mid = mid;
    w->place[i].sent_us = now_us;
}

static struct message *take_out(struct window *w, int i)
{
    struct message *m = w->place[i].message;
    w->n--;
    memmove(&w->place[i], &w->place[i + 1], (size_t)(w->n - i) * sizeof(w->place[0]));
    return m;
}

struct message *window_skip(struct window *w)
{
    int i = window_in_flight(w);
    assert(i < w->n);
    return take_out(w, i);
}

struct message *window_acked(struct window *w, int mid)
{
    for (int i = 0; i < w->n && w->place[i].mid; i++) {
        if (w->place[i].mid == mid)
            return take_out(w, i);
    }
    return NULL;
}

void window_cut(struct window *w)
{
    for (int i = 0; i < w->n; i++)
        w->place[i].mid = 0;
}

int64_t window_waits_since(const struct window *w)
{
    return w->n && w->place[0].mid ? w->place[0].sent_us : INT64_MAX;
}
