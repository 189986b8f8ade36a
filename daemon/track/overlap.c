#include "track/overlap.h"

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
    return both / (a->w * a->h + b->w * b->h - both);
}

float box_cover(const struct box *a, const struct box *b)
{
    return common(a, b) / fminf(a->w * a->h, b->w * b->h);
}

struct point box_centre(const struct box *b)
{
    return (struct point){b->x + b->w / 2, b->y + b->h / 2};
}
