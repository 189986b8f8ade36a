#include "source/backlog.h"

#include "base/mem.h"

#include <libavcodec/packet.h>
#include <stdlib.h>

struct backlog {
    int n;
    int64_t bytes;
    struct packet list[BACKLOG_PACKETS];
};

struct backlog *backlog_new(void)
{
    return mem_new(1, sizeof(struct backlog));
}

void backlog_free(struct backlog *b)
{
    if (b)
        backlog_clear(b);
    free(b);
}

bool backlog_room(const struct backlog *b, int size)
{
    return b->n < BACKLOG_PACKETS && b->bytes + size <= BACKLOG_BYTES;
}

bool backlog_add(struct backlog *b, const struct packet *p)
{
    if (!backlog_room(b, p->size))
        return false;
    AVPacket *own = av_packet_clone(p->av);
    if (!own)
        return false;
    b->list[b->n] = *p;
    b->list[b->n++].av = own;
    b->bytes += p->size;
    return true;
}

void backlog_clear(struct backlog *b)
{
    for (int i = 0; i < b->n; i++)
        av_packet_free(&b->list[i].av);
    b->n = 0;
    b->bytes = 0;
}

int backlog_length(const struct backlog *b)
{
    return b->n;
}

const struct packet *backlog_at(const struct backlog *b, int i)
{
    return &b->list[i];
}
