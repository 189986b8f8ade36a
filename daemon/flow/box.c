#include "flow/box.h"

#include <math.h>

/* No picture is larger, and squares of these still fit a float with room to spare. */
#define FAR 1e6f

bool box_sane(const struct box *b)
{
    /* Comparisons with NAN are false, so the question is put the right way round. */
    return fabsf(b->x) <= FAR && fabsf(b->y) <= FAR && b->w >= 1 && b->h >= 1 && b->w <= FAR &&
           b->h <= FAR;
}

static float common(const struct box *a, const struct box *b)
{
    float w = fminf(a->x + a->w, b->x + b->w) - fmaxf(a->x, b->x);
    float h = fminf(a->y + a->h, b->y + b->h) - fmaxf(a->y, b->y);
    return w > 0 && h > 0 ? w * h : 0;
}

float box_iou(const struct box *a, const struct box *b)
{
    float both = common(a, b);
    float share = both > 0 ? both / (a->w * a->h + b->w * b->h - both) : 0;
    return share >= 0 ? fminf(share, 1) : 0;
}

float box_cover(const struct box *a, const struct box *b)
{
    return common(a, b) / fminf(a->w * a->h, b->w * b->h);
}

struct point box_centre(const struct box *b)
{
    return (struct point){b->x + b->w / 2, b->y + b->h / 2};
}

bool box_has(const struct box *b, struct point at)
{
    return at.x >= b->x && at.x < b->x + b->w && at.y >= b->y && at.y < b->y + b->h;
}

static float share(float at, int of)
{
    float part = of > 0 ? at / (float)of : 0;
    return part > 0 ? fminf(part, 1) : 0;
}

struct point box_place(const struct box *b, int width, int height)
{
    struct point c = box_centre(b);
    return (struct point){share(c.x, width), share(c.y, height)};
}

struct box box_relative(const struct box *b, int width, int height)
{
    struct box r = {.x = share(b->x, width), .y = share(b->y, height)};
    r.w = share(b->x + b->w, width) - r.x;
    r.h = share(b->y + b->h, height) - r.y;
    return r;
}

float face_turn(const struct face *face)
{
    if (!face->has_marks)
        return 0;
    struct point r = face->mark[LANDMARK_RIGHT_EYE], l = face->mark[LANDMARK_LEFT_EYE];
    struct point nose = face->mark[LANDMARK_NOSE];
    float dx = l.x - r.x, dy = l.y - r.y, square = dx * dx + dy * dy;
    if (!(square > 0))
        return 1;
    float along = (nose.x - (r.x + l.x) / 2) * dx + (nose.y - (r.y + l.y) / 2) * dy;
    float turn = fabsf(along) / (square / 2);
    return turn <= 1 ? turn : 1;
}
