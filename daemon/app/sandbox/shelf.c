#include "app/sandbox/shelf.h"

#include "base/mem.h"
#include "base/mono.h"
#include "flow/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The same in two processes. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_BOOL_LOCK_FREE == 2, "no locks in the board");
_Static_assert(sizeof(atomic_uint) == sizeof(uint32_t), "a futex");

struct shelf {
    atomic_uint refs; /* the owner, and each frame that is about */
    int fd;
    struct board *board;
    uint8_t *base;
    atomic_uint back[WIRE_BUFFERS]; /* what the board shows */
    uint32_t sent[WIRE_BUFFERS];    /* the camera's thread: how often each place was lent */
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

struct shelf *shelf_new(void)
{
    struct shelf *s = mem_new(1, sizeof(*s));
    void *all = MAP_FAILED;
    atomic_init(&s->refs, 1);
    s->fd = memfd_create("faced-pictures", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->fd >= 0 && ftruncate(s->fd, SHELF_SIZE) == 0 &&
            fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        all = mmap(NULL, SHELF_SIZE, PROT_READ, MAP_SHARED, s->fd, 0);
    if (all != MAP_FAILED) {
        s->board = all;
        s->base = (uint8_t *)all + BOARD_SIZE;
        if (mprotect(all, BOARD_SIZE, PROT_READ | PROT_WRITE) == 0)
            return s;
    }
    int error = errno;
    shelf_free(s);
    errno = error;
    return NULL;
}

void shelf_free(struct shelf *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    if (s->board)
        munmap(s->board, SHELF_SIZE);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

int shelf_fd(const struct shelf *s)
{
    return s->fd;
}

struct board *shelf_board(const struct shelf *s)
{
    return s->board;
}

static void give_back(void *loan)
{
    struct loan *l = loan;
    struct shelf *s = l->shelf;
    unsigned back = atomic_fetch_add(&s->back[l->place], 1) + 1;
    atomic_store(&s->board->back[l->place], back);
    atomic_fetch_add(&s->board->turns, 1);
    (void)syscall(SYS_futex, &s->board->turns, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    shelf_free(s);
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
    if (!f && errno != ENOMEM) {
        free(loan);
        return NULL;
    }
    atomic_fetch_add(&s->refs, 1);
    s->sent[p->place]++;
    if (!f) { /* lost, but its place is not */
        give_back(loan);
        errno = ENOMEM;
        return NULL;
    }
    struct change_map map = {.cols = p->cols, .rows = p->rows, .block = p->block};
    memcpy(map.at_us, p->at_us, sizeof(map.at_us[0]) * (size_t)(p->cols * p->rows));
    frame_note_change(f, p->still_us, &map);
    return f;
}

/* ------------------------------------------------------------- the process's --- */

int rack_map(struct rack *r, int fd)
{
    void *all = mmap(NULL, SHELF_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (all == MAP_FAILED)
        return -errno;
    *r = (struct rack){.board = all, .base = (uint8_t *)all + BOARD_SIZE};
    return 0;
}

static int free_place(const struct rack *r)
{
    for (int i = 0; i < WIRE_BUFFERS; i++) {
        if (r->out[i] == atomic_load(&r->board->back[i]))
            return i;
    }
    return -1;
}

int rack_place(const struct rack *r, int timeout_ms)
{
    int64_t until = mono_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        unsigned turns = atomic_load(&r->board->turns);
        int place = free_place(r);
        int64_t left_us = until - mono_us();
        if (place >= 0 || left_us <= 0)
            return place;
        struct timespec left = {left_us / MONO_SECOND, left_us % MONO_SECOND * 1000};
        (void)syscall(SYS_futex, &r->board->turns, FUTEX_WAIT, turns, &left, NULL, 0);
    }
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
    atomic_fetch_add(&r->board->face.sent, 1);
    return true;
}
