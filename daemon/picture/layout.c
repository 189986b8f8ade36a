#include "picture/layout.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

/* A phone shows a picture at a quarter of its size; a 45th of its middle side is then 12 px and
 * more. Smaller than READABLE nothing is written. */
#define PART     45.0f
#define READABLE 9.0f

static const float sizes[] = {1, 0.8f, 0.64f};
#define SIZES 3

/* How far apart from its face, in heights of the label, a label still belongs to it. */
#define FAR 6

float layout_font(int width, int height)
{
    float font = sqrtf((float)width * (float)height) / PART;
    return fmaxf(font, READABLE / sizes[SIZES - 1]);
}

float layout_height(float font)
{
    return ceilf(1.5f * font);
}

float layout_padding(float font)
{
    return 0.4f * font;
}

struct room {
    const struct label *labels;
    int n;
    float width, height;
};

static bool overlap(const struct box *a, const struct box *b)
{
    return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h && b->y < a->y + a->h;
}

/* Is there room for it? own: the label's index, whose own face it may cover where `over`. */
static bool is_free(const struct room *r, const struct box *at, int own, bool over)
{
    if (at->x < 0 || at->y < 0 || at->x + at->w > r->width || at->y + at->h > r->height)
        return false;
    for (int i = 0; i < r->n; i++) {
        if (!(over && i == own) && overlap(at, &r->labels[i].face))
            return false;
        if (i != own && r->labels[i].shown && overlap(at, &r->labels[i].at))
            return false;
    }
    return true;
}

static float within(float v, float low, float high)
{
    return v < low ? low : v > high ? high : v;
}

/* At the box's edges: above and below it, then beside it; pushed back into the picture. */
static bool beside(const struct room *r, int own, float w, float h, struct box *ret)
{
    const struct box *f = &r->labels[own].face;
    float mid = f->x + (f->w - w) / 2;
    const struct box places[] = {
            {f->x, f->y - h, w, h},
            {f->x + f->w - w, f->y - h, w, h},
            {mid, f->y - h, w, h},
            {f->x, f->y + f->h, w, h},
            {f->x + f->w - w, f->y + f->h, w, h},
            {mid, f->y + f->h, w, h},
            {f->x + f->w, f->y, w, h},
            {f->x - w, f->y, w, h},
            {f->x + f->w, f->y + f->h - h, w, h},
            {f->x - w, f->y + f->h - h, w, h},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct box at = places[i];
        at.x = within(at.x, 0, fmaxf(0, r->width - w));
        at.y = within(at.y, 0, fmaxf(0, r->height - h));
        if (is_free(r, &at, own, false)) {
            *ret = at;
            return true;
        }
    }
    return false;
}

/* The nearest free place on a grid around the face. */
static bool apart(const struct room *r, int own, float w, float h, struct box *ret)
{
    const struct box *f = &r->labels[own].face;
    float best = INFINITY;
    float x0 = f->x + (f->w - w) / 2, y0 = f->y + (f->h - h) / 2;
    for (int row = -2 * FAR; row <= 2 * FAR; row++) {
        for (int column = -FAR; column <= FAR; column++) {
            float dx = (float)column * w / 3, dy = (float)row * h / 2;
            struct box at = {x0 + dx, y0 + dy, w, h};
            float d = dx * dx + dy * dy;
            if (d < best && is_free(r, &at, own, false)) {
                best = d;
                *ret = at;
            }
        }
    }
    return best < INFINITY;
}

/* Over its own face, at the foot or the head. */
static bool over(const struct room *r, int own, float w, float h, struct box *ret)
{
    const struct box *f = &r->labels[own].face;
    for (int i = 0; i < 2; i++) {
        struct box at = {f->x + (f->w - w) / 2, i ? f->y : f->y + f->h - h, w, h};
        at.x = within(at.x, 0, fmaxf(0, r->width - w));
        at.y = within(at.y, 0, fmaxf(0, r->height - h));
        if (is_free(r, &at, own, true)) {
            *ret = at;
            return true;
        }
    }
    return false;
}

typedef bool search(const struct room *r, int own, float w, float h, struct box *ret);

static bool place(const struct room *r, struct label *l, search *find, float font)
{
    for (int text = 0; text < LABEL_TEXTS; text++) {
        float w = ceilf(l->ems[text] * font + 2 * layout_padding(font));
        if (l->ems[text] <= 0 || !find(r, (int)(l - r->labels), w, layout_height(font), &l->at))
            continue;
        l->shown = true;
        l->text = text;
        l->font = font;
        l->apart = find == apart;
        return true;
    }
    return false;
}

static void place_one(const struct room *r, struct label *l, float font)
{
    search *const ways[] = {beside, apart, over};
    for (int way = 0; way < 3; way++) {
        for (int size = 0; size < SIZES; size++) {
            if (place(r, l, ways[way], font * sizes[size]))
                return;
        }
    }
}

static float area(const struct box *b)
{
    return b->w * b->h;
}

void layout_labels(struct label *labels, int n, int width, int height)
{
    struct room r = {labels, n, (float)width, (float)height};
    float font = layout_font(width, height);
    bool done[SIGHTINGS_MAX] = {false};
    assert(n <= SIGHTINGS_MAX);
    for (int i = 0; i < n; i++)
        labels[i].shown = false;
    /* The largest first: who is near is asked for first. */
    for (int turn = 0; turn < n; turn++) {
        int next = -1;
        for (int i = 0; i < n; i++) {
            if (!done[i] && (next < 0 || area(&labels[i].face) > area(&labels[next].face)))
                next = i;
        }
        done[next] = true;
        place_one(&r, &labels[next], font);
    }
}
