#include "vision/tiles.h"

#include "flow/scale.h"
#include "vision/yunet.h"

#include <math.h>

/* A face is a third higher than wide, and the net wants to see a little of what is around it. */
#define OVERLAP 1.4f
/* From one try to the next, and what must be gained for tiles to be worth anything. */
#define COARSER 0.97f
#define GAIN    1.1f
/* In pixels of the input: a box that ends so near to an edge may have been ended by it. */
#define NEAR_EDGE 2

/* The tiles of one length along one side. */
struct axis {
    int n, length;
    int at[TILES_MAX];
};

/*
 * Over [begin, end), none longer than `longest`, each overlapping the next by at least `overlap`,
 * all beginning at multiples of `step`, as begin does. The fewest, and of these the shortest.
 * False: not with TILES_MAX.
 */
static bool lay(int begin, int end, int longest, int overlap, int step, struct axis *ret)
{
    int whole = end - begin;
    *ret = (struct axis){.n = 1, .length = whole, .at = {begin}};
    if (whole <= longest)
        return true;
    /* The last begins `steps` after the first, so that it ends where the picture does. */
    int least = (whole - longest + step - 1) / step, most = whole / step;
    for (int n = 2; n <= TILES_MAX; n++) {
        int fits = 0;
        for (int steps = least; steps <= most; steps++) {
            int gap = (steps + n - 2) / (n - 1) * step; /* the widest from one to the next */
            if (gap + overlap > whole - steps * step)
                break;
            fits = steps;
        }
        if (!fits)
            continue;
        ret->n = n;
        ret->length = whole - fits * step;
        for (int i = 0; i < n; i++)
            ret->at[i] = begin + fits * i / (n - 1) * step;
        return true;
    }
    return false;
}

/* The area in whole pixels with so much around it, as [begin, end). */
static void span(float at, float length, int side, int around, int step, int *begin, int *end)
{
    int from = (int)floorf(at * (float)side) - around;
    int to = (int)ceilf((at + length) * (float)side) + around;
    *begin = from > 0 ? from - from % step : 0;
    *end = to < side ? to : side;
}

/* Lays tiles of this scale. False: they are too many. */
static bool cut(const struct tiles_wish *w, float missed_px, float scale, struct tiles *t)
{
    int overlap = (int)ceilf(missed_px * OVERLAP + 2 * NEAR_EDGE / scale) + 1;
    int longest = (int)((float)w->max_side / scale);
    int left, right, top, bottom;
    struct axis across, down;
    span(w->area.x, w->area.w, w->width, overlap / 2, SCALE_STEP_X, &left, &right);
    span(w->area.y, w->area.h, w->height, overlap / 2, SCALE_STEP_Y, &top, &bottom);
    if (!lay(left, right, longest, overlap, SCALE_STEP_X, &across) ||
            !lay(top, bottom, longest, overlap, SCALE_STEP_Y, &down) ||
            across.n * down.n > TILES_MAX)
        return false;
    t->n = across.n * down.n;
    for (int i = 0; i < t->n; i++)
        t->list[i] = (struct tile){
                across.at[i % across.n], down.at[i / across.n], across.length, down.length};
    t->scale = scale;
    t->narrowest_px = w->min_width / scale;
    struct yunet_size one = yunet_size_at(across.length, down.length, scale);
    struct yunet_size all = yunet_size(w->width, w->height, w->max_side);
    t->work = 1 + (float)(t->n * one.w * one.h) / (float)(all.w * all.h);
    return true;
}

void tiles_plan(const struct tiles_wish *w, struct tiles *ret)
{
    *ret = (struct tiles){.work = 1, .scale = 1};
    int longer = w->width > w->height ? w->width : w->height;
    if (w->max_side <= 0 || !(w->min_width > 0) || longer < 1)
        return;
    float whole = fminf(1, (float)w->max_side / (float)longer);
    float scale = fminf(1, w->min_width / fmaxf(w->narrowest_px, 1));
    ret->scale = whole;
    ret->narrowest_px = w->min_width / whole;
    while (scale >= whole * GAIN && !cut(w, w->min_width / whole, scale, ret))
        scale *= COARSER;
}

bool tile_cuts(const struct tile *tile, float scale, int width, int height, const struct box *b)
{
    float near = NEAR_EDGE / scale;
    int right = tile->x + tile->w, bottom = tile->y + tile->h;
    return (tile->x > 0 && b->x < (float)tile->x + near) ||
           (tile->y > 0 && b->y < (float)tile->y + near) ||
           (right < width && b->x + b->w > (float)right - near) ||
           (bottom < height && b->y + b->h > (float)bottom - near);
}
