#include "fake_vision.h"

#include "base/mem.h"
#include "fake_frame.h"
#include "vision/attrs.h"
#include "vision/card.h"
#include "vision/detector.h"
#include "vision/regions.h"
#include "vision/tiles.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_vision fake_vision;
_Thread_local int fake_vision_tiles;

/* One net: its thread must be alone in it. */
struct net {
    atomic_int inside;
    int runs; /* without a lock, so that a sanitizer sees who is not */
};

struct detector {
    struct net net;
};

struct attrs {
    struct net net;
};

struct card *card_load(const char *dir, const char *name, struct err *e)
{
    if (fake_vision.missing && strcmp(fake_vision.missing, name) == 0) {
        err_set(e, -ENOENT, "%s/%s.card.json: not there", dir, name);
        return NULL;
    }
    struct card *c = mem_new(1, sizeof(*c));
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    /* 128: a quarter of what a fake frame has across, and more */
    c->input.max_side = fake_vision.max_side ? fake_vision.max_side : 128;
    c->min_width = 16;
    atomic_fetch_add(&fake_vision.open, 1);
    return c;
}

void card_free(struct card *c)
{
    if (!c)
        return;
    atomic_fetch_sub(&fake_vision.open, 1);
    free(c);
}

void card_traits(const struct card *detector, const struct card *attributes, struct traits *ret)
{
    *ret = (struct traits){.start_score = 0.6f,
            .age_min = 3,
            .age_max = 90,
            .age_error = {{5, 2}, {70, 4}},
            .n_age_error = 2,
            .gender_measured = true};
    memcpy(ret->detector, detector->name, sizeof(ret->detector));
    memcpy(ret->attributes, attributes->name, sizeof(ret->attributes));
}

static void *net_open(size_t size, struct err *e)
{
    int open = atomic_fetch_add(&fake_vision.open, 1) - 1; /* the two cards and this one apart */
    if (fake_vision.nets_max && open > fake_vision.nets_max) {
        atomic_fetch_sub(&fake_vision.open, 1);
        err_set(e, -ENOMEM, "no memory for one more net");
        return NULL;
    }
    return mem_new(1, size);
}

static void net_close(void *net)
{
    if (!net)
        return;
    atomic_fetch_sub(&fake_vision.open, 1);
    free(net);
}

static void enter(struct net *net)
{
    if (atomic_fetch_add(&net->inside, 1) != 0)
        atomic_fetch_add(&fake_vision.crowds, 1);
    net->runs++;
}

static void leave(struct net *net)
{
    atomic_fetch_sub(&net->inside, 1);
}

struct detector *detector_open(const struct card *card, struct err *e)
{
    (void)card;
    return net_open(sizeof(struct detector), e);
}

void detector_close(struct detector *d)
{
    net_close(d);
}

int detector_run(
        struct detector *d, const struct frame *f, struct face faces[FACES_MAX], int *ret_n)
{
    enter(&d->net);
    if (fake_vision.looking)
        fake_vision.looking(fake_vision.arg, f);
    bool blind = atomic_load(&fake_vision.blind) > 0;
    if (blind)
        atomic_fetch_sub(&fake_vision.blind, 1);
    else
        *ret_n = fake_frame_faces(f, faces);
    leave(&d->net);
    return blind ? -ENOMEM : 0;
}

int detector_scan(struct detector *d, const struct frame *f, const struct tiles *tiles,
        struct face faces[FACES_MAX], int *ret_n)
{
    fake_vision_tiles = tiles->n;
    return detector_run(d, f, faces, ret_n);
}

int detector_look(struct detector *d, const struct frame *f, const struct tiles *tiles,
        const struct regions *regions, struct face faces[FACES_MAX], int *ret_n)
{
    struct face all[FACES_MAX];
    int n;
    if (fake_vision.cut)
        return 1;
    int rc = detector_scan(d, f, tiles, all, &n);
    if (rc < 0)
        return rc;
    atomic_fetch_add(&fake_vision.partial, 1);
    *ret_n = 0;
    for (int i = 0; i < n; i++) {
        if (regions_hold(regions, &all[i].box))
            faces[(*ret_n)++] = all[i];
    }
    return 0;
}

struct attrs *attrs_open(const struct card *card, struct err *e)
{
    (void)card;
    return net_open(sizeof(struct attrs), e);
}

void attrs_close(struct attrs *a)
{
    net_close(a);
}

void attrs_run(struct attrs *a, const struct frame *f, struct sightings *sightings)
{
    (void)f;
    enter(&a->net);
    for (int i = 0; i < sightings->n; i++) {
        struct sighting *s = &sightings->list[i];
        if (!s->chosen)
            continue;
        s->quality = (struct quality){.width_px = s->face.box.w, .inside = 1, .weight = 1};
        s->estimate = (struct estimate){
                .has_age = true, .has_gender = true, .years = 30, .female_p = 0.99f};
        s->estimated = true;
        atomic_fetch_add(&fake_vision.estimates, 1);
    }
    leave(&a->net);
}
