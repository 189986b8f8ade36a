#include "vision/regions.h"

#include "flow/box.h"
#include "flow/scale.h"
#include "vision/yunet.h"

#include <math.h>
#include <string.h>

/* In pixels of the input: what a net sees around a face to find it, and a little more. */
#define MARGIN 24
/* Around somebody who is known, in widths of his box: more than he moves between two looks. */
#define AROUND 0.5f
/* The body of somebody whose face is known, in widths of his box from its middle and heights below
 * its lower edge: what moves there is he. */
#define BODY_WIDE 1.7f
#define BODY_HIGH 6.0f
/* Who moves and whose place is less sure than this, in sizes of his box, is looked at: who walks
 * steadily is at .12, who turns or has just come at .2 and more. */
#define DOUBT 0.14f
/* What a run costs beside its pixels, in pixels: a sixth of a millisecond's work a thousand. */
#define EACH 16384
/* Beyond this share of the whole picture's work the whole one is the better look. */
#define WORTH      0.7f
#define PIECES_MAX 24

struct plan {
    const struct regions_wish *wish;
    float scale;
    int n;
    struct tile list[PIECES_MAX];
    bool taken[SIGHTINGS_MAX]; /* people who lie in one of them */
};

static int input_cells(const struct tile *t, float scale)
{
    struct yunet_size size = yunet_size_at(t->w, t->h, scale);
    return size.w * size.h;
}

static bool touch(const struct tile *a, const struct tile *b)
{
    return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h && b->y < a->y + a->h;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* [*at, *at + *length) grown to whole steps of the input and places where a part may begin. */
static void round_out(int *at, int *length, int side, float scale, int step)
{
    int end = least(*at + *length, side);
    int from = *at > 0 ? *at - *at % step : 0;
    int whole = (int)floorf(ceilf((float)(end - from) * scale / 32) * 32 / scale);
    if (from + whole > side) {
        int back = side - whole;
        from = back > 0 ? least(from, back - back % step) : 0;
        whole = side - from;
    }
    *at = from;
    *length = whole;
}

static struct tile joined(const struct tile *a, const struct tile *b, const struct plan *p)
{
    struct tile t = {least(a->x, b->x), least(a->y, b->y), 0, 0};
    int right = a->x + a->w > b->x + b->w ? a->x + a->w : b->x + b->w;
    int bottom = a->y + a->h > b->y + b->h ? a->y + a->h : b->y + b->h;
    t.w = right - t.x;
    t.h = bottom - t.y;
    round_out(&t.x, &t.w, p->wish->width, p->scale, SCALE_STEP_X);
    round_out(&t.y, &t.h, p->wish->height, p->scale, SCALE_STEP_Y);
    return t;
}

static void join(struct plan *p, int i, int k)
{
    p->list[i] = joined(&p->list[i], &p->list[k], p);
    p->list[k] = p->list[--p->n];
}

/* Joins what lies over one another. */
static void merge(struct plan *p)
{
    for (int i = 0; i < p->n; i++) {
        for (int k = i + 1; k < p->n; k++) {
            if (touch(&p->list[i], &p->list[k])) {
                join(p, i, k);
                i = -1; /* it may now touch any of the others */
                break;
            }
        }
    }
}

static int work_of(const struct tile *t, const struct plan *p)
{
    return input_cells(t, p->scale) + EACH;
}

/* Joins two that are cheaper in one piece, those first by which most is saved. False: none are. */
static bool economise(struct plan *p)
{
    int most = 0, first = 0, second = 0;
    for (int i = 0; i < p->n; i++) {
        for (int k = i + 1; k < p->n; k++) {
            struct tile both = joined(&p->list[i], &p->list[k], p);
            int saved = work_of(&p->list[i], p) + work_of(&p->list[k], p) - work_of(&both, p);
            if (saved > most) {
                most = saved;
                first = i;
                second = k;
            }
        }
    }
    if (most <= 0)
        return false;
    join(p, first, second);
    merge(p);
    return true;
}

/* False: it has no room for more. Pixels of the picture, which may reach beyond its edges. */
static bool add(struct plan *p, float left, float top, float right, float bottom)
{
    const struct regions_wish *w = p->wish;
    struct tile t;
    t.x = (int)fmaxf(0, floorf(left));
    t.y = (int)fmaxf(0, floorf(top));
    t.w = (int)fminf((float)w->width, ceilf(right)) - t.x;
    t.h = (int)fminf((float)w->height, ceilf(bottom)) - t.y;
    if (t.w < 1 || t.h < 1)
        return true; /* he is outside */
    p->list[p->n++] = joined(&t, &t, p);
    merge(p);
    return p->n < PIECES_MAX;
}

static struct box around(const struct box *b)
{
    float by = AROUND * fmaxf(b->w, b->h);
    return (struct box){b->x - by, b->y - by, b->w + 2 * by, b->h + 2 * by};
}

static bool overlap(const struct box *a, const struct box *b)
{
    return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h && b->y < a->y + a->h;
}

static struct box body_of(const struct box *face)
{
    float wide = BODY_WIDE * face->w;
    return (struct box){
            face->x + face->w / 2 - wide, face->y + face->h, 2 * wide, BODY_HIGH * face->h};
}

enum whose {
    WHOSE_FACE, /* near the face of somebody, or in it */
    WHOSE_BODY, /* of somebody who is looked at when his face changes, and near nobody's face */
    WHOSE_NOBODYS,
};

static enum whose whose(const struct regions_wish *w, const struct box *block)
{
    enum whose is = WHOSE_NOBODYS;
    for (int i = 0; i < w->n_people; i++) {
        const struct expected *one = &w->people[i];
        struct box near = around(&one->box);
        if (overlap(&near, block))
            return WHOSE_FACE;
        struct box body = body_of(&one->box);
        if (!one->open && overlap(&body, block))
            is = WHOSE_BODY;
    }
    return is;
}

static bool has_changed(const struct regions_wish *w, int row, int col, struct box *ret_block)
{
    const struct change_map *m = w->changes;
    float side = (float)m->block;
    *ret_block = (struct box){(float)col * side, (float)row * side, side, side};
    return m->at_us[row * m->cols + col] > w->since_us;
}

/* Does the block show something that has to be looked at? */
static bool is_new(const struct plan *p, int row, int col)
{
    struct box block;
    return has_changed(p->wish, row, col, &block) && whose(p->wish, &block) != WHOSE_BODY;
}

/* A run of changed blocks in each row is one piece; rows that touch are joined. */
static bool add_changes(struct plan *p)
{
    const struct change_map *m = p->wish->changes;
    float margin = MARGIN / p->scale;
    for (int r = 0; r < m->rows; r++) {
        for (int c = 0; c < m->cols; c++) {
            int from = c;
            while (c < m->cols && is_new(p, r, c))
                c++;
            if (c == from)
                continue;
            float right = (float)(c == m->cols ? p->wish->width : c * m->block);
            float bottom = (float)(r + 1 == m->rows ? p->wish->height : (r + 1) * m->block);
            if (!add(p, (float)(from * m->block) - margin, (float)(r * m->block) - margin,
                        right + margin, bottom + margin))
                return false;
        }
    }
    return true;
}

static struct box box_of(const struct tile *t)
{
    return (struct box){(float)t->x, (float)t->y, (float)t->w, (float)t->h};
}

static bool reaches(const struct plan *p, const struct box *b)
{
    bool any = false;
    for (int i = 0; i < p->n; i++) {
        struct box piece = box_of(&p->list[i]);
        any |= overlap(&piece, b);
    }
    return any;
}

/* A piece that takes somebody in may reach the next one. */
static bool add_people(struct plan *p)
{
    bool more = true;
    while (more) {
        more = false;
        for (int i = 0; i < p->wish->n_people; i++) {
            const struct expected *one = &p->wish->people[i];
            struct box b = around(&one->box);
            if (p->taken[i] || !(one->open || reaches(p, &b)))
                continue;
            p->taken[i] = more = true;
            if (!add(p, b.x, b.y, b.x + b.w, b.y + b.h))
                return false;
        }
    }
    return true;
}

bool regions_plan(const struct regions_wish *w, struct regions *ret)
{
    ret->n = 0;
    int longer = w->width > w->height ? w->width : w->height;
    if (w->max_side <= 0 || longer < 1 || w->changes->cols < 1 || w->n_people > SIGHTINGS_MAX)
        return false;
    struct plan p = {.wish = w, .scale = fminf(1, (float)w->max_side / (float)longer)};
    bool ok = add_changes(&p) && add_people(&p);
    while (ok && economise(&p))
        ok = add_people(&p); /* it may have reached somebody */
    if (!ok || p.n > REGIONS_MAX)
        return false;
    struct tile whole = {.w = w->width, .h = w->height};
    int cells = 0;
    for (int i = 0; i < p.n; i++)
        cells += work_of(&p.list[i], &p);
    if ((float)cells > WORTH * (float)input_cells(&whole, p.scale))
        return false;
    ret->n = p.n;
    ret->scale = p.scale;
    memcpy(ret->list, p.list, (size_t)p.n * sizeof(ret->list[0]));
    return true;
}

/* Nobody is open, and nobody near another one. */
static bool are_apart(const struct regions_wish *w)
{
    for (int i = 0; i < w->n_people; i++) {
        struct box one = around(&w->people[i].box);
        if (w->people[i].open)
            return false;
        for (int k = 0; k < i; k++) {
            struct box other = around(&w->people[k].box);
            if (overlap(&one, &other))
                return false;
        }
    }
    return true;
}

/* Whoever moves there goes where he is expected. */
static bool is_steady(const struct regions_wish *w, const struct box *block)
{
    for (int i = 0; i < w->n_people; i++) {
        struct box near = around(&w->people[i].box);
        if (w->people[i].doubt > DOUBT && overlap(&near, block))
            return false;
    }
    return true;
}

bool regions_familiar(const struct regions_wish *w)
{
    const struct change_map *m = w->changes;
    bool familiar = m->cols > 0 && w->n_people > 0 && are_apart(w);
    for (int i = 0; familiar && i < m->cols * m->rows; i++) {
        struct box block;
        familiar = !has_changed(w, i / m->cols, i % m->cols, &block) ||
                   (whose(w, &block) != WHOSE_NOBODYS && is_steady(w, &block));
    }
    return familiar;
}

bool regions_hold(const struct regions *r, const struct box *b)
{
    struct point at = box_centre(b);
    for (int i = 0; i < r->n; i++) {
        struct box region = box_of(&r->list[i]);
        if (box_has(&region, at))
            return true;
    }
    return false;
}

bool regions_touch(const struct regions *r, const struct tile *tile)
{
    bool any = false;
    for (int i = 0; i < r->n; i++)
        any |= touch(&r->list[i], tile);
    return any;
}

struct box regions_box(const struct regions *r, int i)
{
    return box_of(&r->list[i]);
}
