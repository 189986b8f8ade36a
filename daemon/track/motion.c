#include "track/motion.h"

#include "flow/box.h"

#include <math.h>

/* Speeds are in sizes per second: a face is some 15 cm wide, so walking across the view is 9. */
#define FADE      3.0f  /* seconds in which a speed is forgotten */
#define PACE_NEW  3.0f  /* of somebody nothing is known of */
#define PACE_MIN  0.8f  /* of somebody who sits */
#define PACE_TIME 1.0f  /* seconds in which the usual speed follows the present one */
#define NOISE     0.08f /* a detector's box trembles by so much of its size */
#define GROWTH    0.3f  /* the size's logarithm changes by so much in a second */
#define LEVEL     2.0f  /* heads go up and down so many times less than to the sides */
#define GATE      16.0f /* squared standard deviations: 4 */

/* The reach: so much at once, so much more in each second, and so many standard deviations of the
 * speed that it had, where that is hardly known. */
#define REACH_NOW    0.8f
#define REACH_SECOND 3.0f
#define REACH_DOUBT  2.0f
#define RATIO_NOW    0.5f /* the same for the size's logarithm, rising with the time */
#define RATIO_SECOND 0.35f
#define RATIO_TIME   2.0f

/* Who is expected outside of the picture may come back in: */
#define RETURN_RATIO 0.28f
#define RETURN_ASIDE 0.25f
#define RETURN_AWAY  1.2f
#define RETURN_SPEED 2.0f

/* Beyond this nothing more is forgotten; keeps the numbers finite after any gap. */
#define SECONDS_MAX 60.0f

static float size(const struct motion *m)
{
    return expf((m->log_w + m->log_h) / 2);
}

static float square(float x)
{
    return x * x;
}

static float ratio(const struct motion *m, const struct box *b)
{
    return (logf(b->w) + logf(b->h) - m->log_w - m->log_h) / 2;
}

static void look(struct motion *m, const struct box *b)
{
    m->blind = 0;
    m->seen = box_centre(b);
    m->doubt = sqrtf(m->vv) / size(m);
}

void motion_start(struct motion *m, const struct box *b)
{
    *m = (struct motion){
            .at = box_centre(b),
            .log_w = logf(b->w),
            .log_h = logf(b->h),
            .ss = square(NOISE),
            .pace = PACE_NEW,
    };
    float s = size(m);
    m->pp = square(NOISE * s);
    m->vv = square(PACE_NEW * s);
    look(m, b);
}

void motion_predict(struct motion *m, float seconds)
{
    float dt = fminf(seconds, SECONDS_MAX);
    float x = dt / FADE, rho = expf(-x), way = FADE * (1 - rho);
    m->at.x += way * m->vx;
    m->at.y += way * m->vy;
    m->vx *= rho;
    m->vy *= rho;

    /* The integrals of such a process over dt; for small x their leading terms, where the closed
     * forms are differences of nearly equal numbers. */
    float var = square(m->pace * size(m));
    float drift = x < 0.1f ? x * x * x * (2.0f / 3 - x / 2) : 2 * x - 3 + 4 * rho - rho * rho;
    m->pp += 2 * way * m->pv + way * way * m->vv + var * FADE * FADE * drift;
    m->pv = rho * (m->pv + way * m->vv) + var * FADE * square(1 - rho);
    m->vv = rho * rho * m->vv + var * (1 - rho * rho);
    m->ss = fminf(m->ss + square(GROWTH) * dt, 1);
    m->blind = fminf(m->blind + dt, SECONDS_MAX);
}

void motion_update(struct motion *m, const struct box *b)
{
    struct point c = box_centre(b);
    float dx = c.x - m->at.x, dy = c.y - m->at.y;
    float s = m->pp + square(NOISE * size(m));
    float kp = m->pp / s, kv = m->pv / s;
    m->at.x += kp * dx;
    m->at.y += kp * dy;
    m->vx += kv * dx;
    m->vy += kv * dy;
    m->vv -= kv * m->pv;
    m->pv -= kp * m->pv;
    m->pp -= kp * m->pp;

    float ks = m->ss / (m->ss + square(NOISE));
    m->log_w += ks * (logf(b->w) - m->log_w);
    m->log_h += ks * (logf(b->h) - m->log_h);
    m->ss -= ks * m->ss;

    float v2 = (square(m->vx) + square(m->vy)) / 2 / square(size(m));
    float follow = 1 - expf(-m->blind / PACE_TIME);
    float pace2 = square(m->pace) + follow * (v2 - square(m->pace));
    m->pace = fmaxf(sqrtf(pace2), PACE_MIN);
    look(m, b);
}

struct box motion_box(const struct motion *m)
{
    float w = expf(m->log_w), h = expf(m->log_h);
    return (struct box){m->at.x - w / 2, m->at.y - h / 2, w, h};
}

float motion_doubt(const struct motion *m)
{
    return sqrtf(m->pp) / size(m);
}

void motion_rest(struct motion *m)
{
    m->vx = m->vy = 0;
}

/*
 * The distance to the nearest point between where it was seen and where it is expected, in sizes:
 * it may have stopped anywhere on the way. ret_aside: to the line through both.
 */
static float way_off(const struct motion *m, const struct box *b, float *ret_aside)
{
    struct point c = box_centre(b);
    float s = size(m), wx = m->at.x - m->seen.x, wy = m->at.y - m->seen.y;
    float cx = c.x - m->seen.x, cy = c.y - m->seen.y;
    float length2 = wx * wx + wy * wy;
    float part = length2 > 0 ? (cx * wx + cy * wy) / length2 : 0;
    *ret_aside = hypotf(cx - part * wx, cy - part * wy) / s;
    part = fminf(fmaxf(part, 0), 1);
    return hypotf(cx - part * wx, cy - part * wy) / s;
}

/* Somebody who has walked out is not back in a moment, and one who only leaned out comes back
 * where and as large as he was. */
static float stray_outside(const struct motion *m, const struct box *b)
{
    float aside, away = way_off(m, b, &aside);
    float speed = fmaxf(hypotf(m->vx, m->vy) / size(m) * expf(m->blind / FADE), 1.2f * m->pace);
    bool same = fabsf(ratio(m, b)) <= RETURN_RATIO && aside <= RETURN_ASIDE &&
                away <= RETURN_AWAY && speed <= RETURN_SPEED && m->blind <= 2;
    return same ? away : INFINITY;
}

float motion_stray(const struct motion *m, const struct box *b, bool outside)
{
    if (outside)
        return stray_outside(m, b);
    float t = m->blind;
    if (fabsf(ratio(m, b)) > RATIO_NOW + RATIO_SECOND * fminf(t, RATIO_TIME))
        return INFINITY;
    float aside, away = way_off(m, b, &aside);
    float reach = REACH_NOW + REACH_SECOND * t + REACH_DOUBT * m->doubt * fminf(t, 1);
    return away <= reach ? away : INFINITY;
}

float motion_cost(const struct motion *m, const struct box *b, bool outside)
{
    if (isinf(motion_stray(m, b, outside)))
        return INFINITY;
    struct point c = box_centre(b);
    float s2 = square(size(m));
    float place = m->pp / s2 + square(NOISE), scale = m->ss + square(NOISE);
    /* What is possible is judged as if heads moved freely up and down; what is likelier, not. */
    float x2 = square(c.x - m->at.x) / s2 / place, y2 = square(c.y - m->at.y) / s2 / place;
    float size2 = square(ratio(m, b)) / scale;
    if (x2 + y2 + size2 > GATE)
        return INFINITY;
    return x2 + square(LEVEL) * y2 + size2 + 2 * logf(place) + logf(scale);
}
