#include "bus/board.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN (-1) /* as a mid: on its way to the network */

struct note {
    char *topic;
    char *payload; /* "": to be cleared */
    bool retained;
    bool fresh;      /* the value has not been sent on this connection */
    bool refused;    /* nor will it be on any */
    int mid;         /* of the value in flight, this one or an older; TAKEN; 0: none is */
    int64_t sent_us; /* with mid above 0 */
};

struct board {
    size_t n, size;
    struct note *notes; /* in the order in which the topics came */
    size_t turn;        /* where the search for the next begins */
    size_t begin;       /* the turn after board_cut() */
};

struct board *board_new(void)
{
    return mem_new(1, sizeof(struct board));
}

void board_free(struct board *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++) {
        free(b->notes[i].topic);
        free(b->notes[i].payload);
    }
    free(b->notes);
    free(b);
}

static void forget(struct board *b, size_t i)
{
    free(b->notes[i].topic);
    free(b->notes[i].payload);
    b->n--;
    memmove(&b->notes[i], &b->notes[i + 1], (b->n - i) * sizeof(b->notes[0]));
    if (b->turn > i)
        b->turn--;
    if (b->begin > i)
        b->begin--;
}

static struct note *find(struct board *b, const char *topic)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->notes[i].topic, topic) == 0)
            return &b->notes[i];
    }
    return NULL;
}

static struct note *append(struct board *b, const char *topic)
{
    if (b->n == b->size) {
        b->size = b->size ? b->size * 2 : 16;
        b->notes = mem_grow(b->notes, b->size, sizeof(b->notes[0]));
    }
    struct note *note = &b->notes[b->n++];
    *note = (struct note){.topic = mem_strdup(topic)};
    return note;
}

void board_set(struct board *b, const char *topic, const char *payload, bool retained)
{
    const char *value = payload ? payload : "";
    struct note *note = find(b, topic);
    if (note && note->retained && retained && strcmp(note->payload, value) == 0)
        return;
    if (!note)
        note = append(b, topic);
    free(note->payload);
    note->payload = mem_strdup(value);
    note->retained = retained;
    note->fresh = true;
    note->refused = false;
}

bool board_take(struct board *b, char **ret_topic, char **ret_payload, bool *ret_retained)
{
    for (size_t k = 0; k < b->n; k++) {
        size_t i = (b->turn + k) % b->n;
        struct note *note = &b->notes[i];
        if (!note->fresh || note->mid)
            continue;
        note->fresh = false;
        note->mid = TAKEN;
        b->turn = i + 1;
        *ret_topic = mem_strdup(note->topic);
        *ret_payload = mem_strdup(note->payload);
        *ret_retained = note->retained;
        return true;
    }
    return false;
}

static size_t with_mid(const struct board *b, int mid)
{
    size_t i = 0;
    while (i < b->n && b->notes[i].mid != mid)
        i++;
    return i;
}

void board_sent(struct board *b, int mid, int64_t now_us)
{
    size_t i = with_mid(b, TAKEN);
    assert(i < b->n && mid > 0);
    b->notes[i].mid = mid;
    b->notes[i].sent_us = now_us;
}

void board_skip(struct board *b)
{
    size_t i = with_mid(b, TAKEN);
    assert(i < b->n);
    forget(b, i);
}

bool board_acked(struct board *b, int mid)
{
    size_t i = mid > 0 ? with_mid(b, mid) : b->n;
    if (i == b->n)
        return false;
    struct note *note = &b->notes[i];
    note->mid = 0;
    bool lasts = note->retained && note->payload[0];
    if (!note->fresh && !lasts)
        forget(b, i);
    return true;
}

const char *board_refused(struct board *b, int mid)
{
    size_t i = mid > 0 ? with_mid(b, mid) : b->n;
    if (i == b->n)
        return NULL;
    struct note *note = &b->notes[i];
    note->mid = 0;
    note->refused = !note->fresh; /* a newer value may be taken */
    return note->topic;
}

int board_any_in_flight(const struct board *b)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->notes[i].mid > 0)
            return b->notes[i].mid;
    }
    return 0;
}

void board_again(struct board *b, const char *beginning)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strncmp(b->notes[i].topic, beginning, strlen(beginning)) == 0)
            b->notes[i].fresh = !b->notes[i].refused;
    }
}

void board_defer(struct board *b, int mid)
{
    size_t i = mid > 0 ? with_mid(b, mid) : b->n;
    b->begin = i < b->n ? i + 1 : 0;
}

void board_cut(struct board *b)
{
    for (size_t i = 0; i < b->n; i++) {
        b->notes[i].mid = 0;
        b->notes[i].fresh = !b->notes[i].refused;
    }
    b->turn = b->begin;
    b->begin = 0;
}

bool board_settled(const struct board *b)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->notes[i].fresh || b->notes[i].mid)
            return false;
    }
    return true;
}

int board_in_flight(const struct board *b)
{
    int n = 0;
    for (size_t i = 0; i < b->n; i++)
        n += b->notes[i].mid != 0;
    return n;
}

int64_t board_waits_since(const struct board *b)
{
    int64_t since = INT64_MAX;
    for (size_t i = 0; i < b->n; i++) {
        if (b->notes[i].mid > 0 && b->notes[i].sent_us < since)
            since = b->notes[i].sent_us;
    }
    return since;
}
