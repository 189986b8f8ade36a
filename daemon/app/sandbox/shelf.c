#include "app/sandbox/shelf.h"

#include "base/mem.h"
#include "flow/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHELF_SIZE (PACK_SIZE * WIRE_BUFFERS)

struct shelf {
    atomic_uint refs; /* the owner, and each frame that is about */
    int fd, notify;
    uint8_t *base;
    atomic_uint back[WIRE_BUFFERS];
    uint32_t sent[WIRE_BUFFERS]; /* the camera's thread: how often each place was lent */
};

struct loan {
    struct shelf *shelf;
    int place;
};

static uint8_t *place_at(uint8_t *base, int place)
{
    return base + PACK_SIZE * (size_t)place;
}

/* ------------------------------------------------------------- the daemon's --- */

struct shelf *shelf_new(int notify)
{
    struct shelf *s = mem_new(1, sizeof(*s));
    atomic_init(&s->refs, 1);
    s->base = MAP_FAILED;
    s->notify = fcntl(notify, F_DUPFD_CLOEXEC, 0);
    s->fd = memfd_create("faced-pictures", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->notify >= 0 && s->fd >= 0 && ftruncate(s->fd, SHELF_SIZE) == 0 &&
            fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        s->base = mmap(NULL, SHELF_SIZE, PROT_READ, MAP_SHARED, s->fd, 0);
    if (s->base != MAP_FAILED)
        return s;
    int error = errno;
    shelf_free(s);
    errno = error;
    return NULL;
}

void shelf_free(struct shelf *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    if (s->base != MAP_FAILED)
        munmap(s->base, SHELF_SIZE);
    if (s->fd >= 0)
        close(s->fd);
    if (s->notify >= 0)
        close(s->notify);
    free(s);
}

int shelf_fd(const struct shelf *s)
{
    return s->fd;
}

void shelf_back(struct shelf *s, uint32_t ret[WIRE_BUFFERS])
{
    for (int i = 0; i < WIRE_BUFFERS; i++)
        ret[i] = atomic_load(&s->back[i]);
}

static void give_back(void *loan)
{
    struct loan *l = loan;
    atomic_fetch_add(&l->shelf->back[l->place], 1);
    (void)eventfd_write(l->shelf->notify, 1);
    shelf_free(l->shelf);
    free(l);
}

struct frame *shelf_frame(struct shelf *s, const struct wire_picture *p)
{
    /* Who sends a place that is still lent out would have it given back twice. */
    if (s->sent[p->place] != atomic_load(&s->back[p->place])) {
        errno = EPROTO;
        return NULL;
    }
    struct loan *loan = mem_new(1, sizeof(*loan));
    *loan = (struct loan){s, p->place};
    struct frame *f = pack_open(&p->packed, place_at(s->base, p->place), give_back, loan);
    if (!f) {
        free(loan);
        return NULL;
    }
    atomic_fetch_add(&s->refs, 1);
    s->sent[p->place]++;
    struct change_map map = {.cols = p->cols, .rows = p->rows, .block = p->block};
    memcpy(map.at_us, p->at_us, sizeof(map.at_us[0]) * (size_t)(p->cols * p->rows));
    frame_note_change(f, p->still_us, &map);
    return f;
}

/* ------------------------------------------------------------- the process's --- */

int rack_map(struct rack *r, int fd)
{
    void *base = mmap(NULL, SHELF_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    *r = (struct rack){.base = base};
    return 0;
}

int rack_place(const struct rack *r, const uint32_t back[WIRE_BUFFERS])
{
    for (int i = 0; i < WIRE_BUFFERS; i++) {
        if (r->out[i] == back[i])
            return i;
    }
    return -1;
}

bool rack_put(struct rack *r, int place, const struct frame *f, struct wire_picture *ret)
{
    if (!pack_frame(f, place_at(r->base, place), &ret->packed))
        return false;
    const struct change_map *map = frame_changes(f);
    ret->place = place;
    ret->still_us = frame_still_us(f);
    ret->cols = map->cols;
    ret->rows = map->rows;
    ret->block = map->block;
    memcpy(ret->at_us, map->at_us, sizeof(map->at_us[0]) * (size_t)(map->cols * map->rows));
    r->out[place]++;
    return true;
}
