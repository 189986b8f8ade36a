#include "fake_frame.h"

#include "base/mem.h"
#include "flow/change.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct frame {
    atomic_int refs;
    int64_t time_us, still_us;
    const struct luma *luma;
    int lane, number;
    int n;
    struct face faces[FAKE_FRAME_FACES];
    struct change_map map;
};

static atomic_int alive;

struct frame *fake_frame_new(int64_t time_us, const struct face *faces, int n)
{
    assert(n >= 0 && n <= FAKE_FRAME_FACES);
    struct frame *f = mem_new(1, sizeof(*f));
    atomic_init(&f->refs, 1);
    f->time_us = f->still_us = time_us;
    f->n = n;
    if (n > 0)
        memcpy(f->faces, faces, (size_t)n * sizeof(*faces));
    atomic_fetch_add(&alive, 1);
    return f;
}

void fake_frame_mark(struct frame *f, int lane, int number)
{
    f->lane = lane;
    f->number = number;
}

void fake_frame_show(struct frame *f, const struct luma *luma)
{
    f->luma = luma;
}

int fake_frame_lane(const struct frame *f)
{
    return f->lane;
}

int fake_frame_number(const struct frame *f)
{
    return f->number;
}

int fake_frame_faces(const struct frame *f, struct face *ret)
{
    memcpy(ret, f->faces, sizeof(f->faces));
    return f->n;
}

int fake_frame_alive(void)
{
    return atomic_load(&alive);
}

struct frame *frame_ref(struct frame *f)
{
    atomic_fetch_add(&f->refs, 1);
    return f;
}

void frame_unref(struct frame *f)
{
    if (!f || atomic_fetch_sub(&f->refs, 1) != 1)
        return;
    atomic_fetch_sub(&alive, 1);
    free(f);
}

int frame_width(const struct frame *f)
{
    (void)f;
    return 640;
}

int frame_height(const struct frame *f)
{
    (void)f;
    return 480;
}

int64_t frame_time_us(const struct frame *f)
{
    return f->time_us;
}

int64_t frame_wall_us(const struct frame *f)
{
    return f->time_us + FAKE_FRAME_WALL_US;
}

void frame_note_change(struct frame *f, int64_t still_us, const struct change_map *map)
{
    f->still_us = still_us;
    f->map = *map;
}

const struct change_map *frame_changes(const struct frame *f)
{
    return &f->map;
}

int64_t frame_still_us(const struct frame *f)
{
    return f->still_us;
}

bool frame_luma(const struct frame *f, struct luma *ret)
{
    if (f->luma)
        *ret = *f->luma;
    return f->luma;
}
