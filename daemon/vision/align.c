#include "vision/align.h"

#include <math.h>
#include <stddef.h>

#define EYES 0.9f /* the distance between the eyes, as one from eyes to mouth */

/* A frontal face of the detector has such a distance in this share of its box's longer side, and
 * its middle so much below that of the box: means over the labelled faces. */
#define BOX_UNIT 0.346f
#define BOX_DOWN 0.062f

static struct point middle(struct point a, struct point b)
{
    return (struct point){(a.x + b.x) / 2, (a.y + b.y) / 2};
}

bool align_square(const struct face *face, float size, struct upright *ret)
{
    if (!face->has_marks)
        return false;
    const struct point *m = face->mark;
    struct point eyes = middle(m[LANDMARK_RIGHT_EYE], m[LANDMARK_LEFT_EYE]);
    struct point mouth = middle(m[LANDMARK_RIGHT_MOUTH], m[LANDMARK_LEFT_MOUTH]);
    float dx = m[LANDMARK_LEFT_EYE].x - m[LANDMARK_RIGHT_EYE].x;
    float dy = m[LANDMARK_LEFT_EYE].y - m[LANDMARK_RIGHT_EYE].y;
    float apart = hypotf(dx, dy), down = hypotf(mouth.x - eyes.x, mouth.y - eyes.y);
    float unit = fmaxf(down, EYES * apart);
    float longer = fmaxf(face->box.w, face->box.h);
    /* A profile's eyes are in one place: their line says nothing, the way to the mouth does. */
    bool profile = apart < down / 4;
    if (profile) {
        dx = mouth.y - eyes.y;
        dy = eyes.x - mouth.x;
        apart = down;
    }
    if (!(unit > 0 && unit < longer && apart > 0))
        return false;
    *ret = (struct upright){middle(eyes, mouth), size * unit, dx / apart, dy / apart};
    return true;
}

struct upright align_box(const struct box *b, float size)
{
    float longer = fmaxf(b->w, b->h);
    return (struct upright){
            {b->x + b->w / 2, b->y + b->h / 2 + BOX_DOWN * longer}, size * BOX_UNIT * longer, 1, 0};
}

bool align_rect(const struct upright *u, int width, int height, struct rect *ret)
{
    /* A square turned by any angle lies within one that is wider by the sum of both; two pixels
     * more for the neighbours of its edge. */
    float wide = u->side * (fabsf(u->cosine) + fabsf(u->sine)) + 2;
    const struct card_crop around = {.square = 1};
    const struct box box = {u->centre.x - wide / 2, u->centre.y - wide / 2, wide, wide};
    return crop_rect(&around, &box, width, height, ret);
}

void align_turn(
        const struct upright *u, const struct rect *r, const uint8_t *from, int side, uint8_t *out)
{
    float step = u->side / (float)side;
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            float dx = ((float)x + 0.5f - (float)side / 2) * step;
            float dy = ((float)y + 0.5f - (float)side / 2) * step;
            float fx = u->centre.x + dx * u->cosine - dy * u->sine - (float)r->x - 0.5f;
            float fy = u->centre.y + dx * u->sine + dy * u->cosine - (float)r->y - 0.5f;
            fx = fminf(fmaxf(fx, 0), (float)(r->w - 1));
            fy = fminf(fmaxf(fy, 0), (float)(r->h - 1));
            int x0 = (int)fx, y0 = (int)fy;
            int right = x0 + 1 < r->w ? 3 : 0, below = y0 + 1 < r->h ? 3 * r->w : 0;
            float tx = fx - (float)x0, ty = fy - (float)y0;
            const uint8_t *p = from + 3 * ((ptrdiff_t)y0 * r->w + x0);
            for (int c = 0; c < 3; c++, p++) {
                float top = (float)p[0] + tx * ((float)p[right] - (float)p[0]);
                float low = (float)p[below] + tx * ((float)p[below + right] - (float)p[below]);
                *out++ = (uint8_t)lrintf(top + ty * (low - top));
            }
        }
    }
}
