#include "flow/polygon.h"

#include <math.h>

/*
 * Twice the area of the triangle: its sign says on which side of the line from a to b the point
 * lies, 0 that it lies upon it. In doubles nothing is rounded of floats as people write them, so
 * that a point on the border is one whatever the line's slope.
 */
static double side(struct point a, struct point b, struct point at)
{
    return ((double)b.x - (double)a.x) * ((double)at.y - (double)a.y) -
           ((double)b.y - (double)a.y) * ((double)at.x - (double)a.x);
}

static bool between(float v, float a, float b)
{
    return v >= fminf(a, b) && v <= fmaxf(a, b);
}

bool polygon_holds(const struct polygon *p, struct point at)
{
    bool inside = false;
    for (int i = 0, j = p->n - 1; i < p->n; j = i++) {
        struct point a = p->point[j], b = p->point[i];
        double s = side(a, b, at);
        if (s == 0 && between(at.x, a.x, b.x) && between(at.y, a.y, b.y))
            return true;
        /* A ray to the right crosses the edge; an edge has its upper end and not its lower one. */
        if ((a.y <= at.y) != (b.y <= at.y) && (b.y > a.y ? s > 0 : s < 0))
            inside = !inside;
    }
    return inside;
}

bool polygon_flat(const struct polygon *p)
{
    /* The point that is farthest from the first gives the line, if there is one. */
    int far = 0;
    double most = 0;
    for (int i = 1; i < p->n; i++) {
        double dx = (double)p->point[i].x - (double)p->point[0].x;
        double dy = (double)p->point[i].y - (double)p->point[0].y;
        if (dx * dx + dy * dy > most) {
            most = dx * dx + dy * dy;
            far = i;
        }
    }
    for (int i = 1; i < p->n; i++) {
        if (side(p->point[0], p->point[far], p->point[i]) != 0)
            return false;
    }
    return true;
}

bool polygons_hold(const struct polygons *p, struct point at)
{
    for (int i = 0; i < p->n; i++) {
        if (polygon_holds(&p->list[i], at))
            return true;
    }
    return false;
}

static bool same(const struct polygon *a, const struct polygon *b)
{
    bool equal = a->n == b->n;
    for (int i = 0; equal && i < a->n; i++)
        equal = a->point[i].x == b->point[i].x && a->point[i].y == b->point[i].y;
    return equal;
}

bool polygons_same(const struct polygons *a, const struct polygons *b)
{
    bool equal = a->n == b->n;
    for (int i = 0; equal && i < a->n; i++)
        equal = same(&a->list[i], &b->list[i]);
    return equal;
}

struct box polygons_bounds(const struct polygons *p)
{
    if (p->n == 0)
        return (struct box){0, 0, 1, 1};
    struct point low = p->list[0].point[0], high = low;
    for (int i = 0; i < p->n; i++) {
        for (int k = 0; k < p->list[i].n; k++) {
            struct point at = p->list[i].point[k];
            low = (struct point){fminf(low.x, at.x), fminf(low.y, at.y)};
            high = (struct point){fmaxf(high.x, at.x), fmaxf(high.y, at.y)};
        }
    }
    return (struct box){low.x, low.y, high.x - low.x, high.y - low.y};
}
