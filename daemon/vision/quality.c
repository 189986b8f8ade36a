#include "vision/quality.h"

#include "flow/box.h"

#include <math.h>
#include <string.h>

#define SIDE 112 /* at native size the Laplacian measures the distance to the camera */

/*
 * Beyond `gate` a picture gets no vote, from `good` on nothing is taken off, and at the gate it is
 * worth `least`. Measured with the xception card on labelled faces, half of them blurred by motion
 * or made smaller; gender right as a share, years off to the label. Where a calibration says what
 * a poor picture is worth the gate is `wide`; between the two it is worth half of `least`.
 */
static const struct limit {
    float gate, good, least, wide;
} limits[] = {
#define WIDTH 0 /* 64 px and more 3.4 years off, 48 px 4.0, 37 px 5.0, 25 px 8.4 */
        [WIDTH] = {40, 80, 0.4f, 30},
#define SHARPNESS 1 /* gender .69 below 10, .76 to 20, .86 to 50, .93 above */
        [SHARPNESS] = {10, 60, 0.3f, 4},
#define TURN 2 /* gender .90 below 0.1, .80 between, .65 where the nose passes an eye */
        [TURN] = {0.95f, 0.2f, 0.4f, 1},
#define SCORE 3 /* YuNet's: gender .87 above 0.9, .67 to 0.85, at chance below */
        [SCORE] = {0.8f, 0.92f, 0.3f, 0.6f},
#define INSIDE 4 /* a hidden chin or forehead moves the crop */
        [INSIDE] = {0.8f, 1, 0.5f, 0.8f},
};

/* Mean luma and its spread outside of these: night, glare, or no face. They are not graded: dark
 * skin and pale skin are not worse pictures. */
#define DARK     25
#define BRIGHT   235
#define CONTRAST 10

/* Rises from 0 at low to 1 at high; with low > high it falls. */
static float ramp(float v, float low, float high)
{
    return fminf(1, fmaxf(0, (v - low) / (high - low)));
}

static float luma(const uint8_t *p)
{
    return 0.114f * (float)p[0] + 0.587f * (float)p[1] + 0.299f * (float)p[2];
}

/* Bilinear between pixel centres, as cv::resize does it, to SIDE x SIDE. */
static void shrink(const uint8_t *bgr, int w, int h, float out[SIDE][SIDE])
{
    for (int y = 0; y < SIDE; y++) {
        float fy = fmaxf(0, ((float)y + 0.5f) * (float)h / SIDE - 0.5f);
        int y0 = (int)fy < h ? (int)fy : h - 1, y1 = y0 + 1 < h ? y0 + 1 : y0;
        float ty = fy - (float)y0;
        const uint8_t *top = bgr + (size_t)y0 * (size_t)w * 3;
        const uint8_t *low = bgr + (size_t)y1 * (size_t)w * 3;
        for (int x = 0; x < SIDE; x++) {
            float fx = fmaxf(0, ((float)x + 0.5f) * (float)w / SIDE - 0.5f);
            int x0 = (int)fx < w ? (int)fx : w - 1, x1 = x0 + 1 < w ? x0 + 1 : x0;
            float tx = fx - (float)x0;
            float a = luma(top + 3 * x0) * (1 - tx) + luma(top + 3 * x1) * tx;
            float b = luma(low + 3 * x0) * (1 - tx) + luma(low + 3 * x1) * tx;
            out[y][x] = a * (1 - ty) + b * ty;
        }
    }
}

static float deviation(double sum, double squares, double n, double *ret_mean)
{
    *ret_mean = sum / n;
    return (float)sqrt(fmax(0, squares / n - *ret_mean * *ret_mean));
}

static void look(const uint8_t *bgr, int w, int h, struct quality *q)
{
    float p[SIDE][SIDE];
    shrink(bgr, w, h, p);
    double sum = 0, squares = 0, lsum = 0, lsquares = 0, mean;
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            sum += p[y][x];
            squares += (double)p[y][x] * p[y][x];
            if (y == 0 || x == 0 || y == SIDE - 1 || x == SIDE - 1)
                continue;
            double l = p[y - 1][x] + p[y + 1][x] + p[y][x - 1] + p[y][x + 1] - 4 * p[y][x];
            lsum += l;
            lsquares += l * l;
        }
    }
    q->contrast = deviation(sum, squares, SIDE * SIDE, &mean);
    q->brightness = (float)mean;
    float l = deviation(lsum, lsquares, (SIDE - 2) * (SIDE - 2), &mean);
    q->sharpness = l * l;
}

static float share_inside(const struct box *b, int width, int height)
{
    float w = fminf(b->x + b->w, (float)width) - fmaxf(b->x, 0);
    float h = fminf(b->y + b->h, (float)height) - fmaxf(b->y, 0);
    return w > 0 && h > 0 ? fminf(1, w * h / (b->w * b->h)) : 0;
}

/* A picture that is worth less than this for one measure is poor in it. */
#define POOR 0.6f

static bool beyond(float v, float gate, const struct limit *l)
{
    return l->gate < l->good ? !(v >= gate) : !(v <= gate); /* NAN is */
}

static float worth(float v, const struct limit *l)
{
    if (beyond(v, l->gate, l))
        return l->least / 2;
    return l->least + (1 - l->least) * ramp(v, l->gate, l->good);
}

void quality_judge(struct quality *q, bool has_marks, float score, enum demand demand)
{
    static const enum unknown defects[] = {UNKNOWN_TOO_SMALL, UNKNOWN_BLURRED, UNKNOWN_PROFILE,
            UNKNOWN_LOW_CONFIDENCE, UNKNOWN_CUT_OFF};
    /* the other detector's score says nothing of the picture */
    const float values[] = {q->width_px, q->sharpness, q->turn, has_marks ? score : 1, q->inside};
    static const int order[] = {WIDTH, INSIDE, SHARPNESS, TURN, SCORE};
    float weight = 1, least = POOR;
    q->defect = UNKNOWN_NOT;
    q->poorest = UNKNOWN_LOW_CONFIDENCE;
    q->weight = 0;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        const struct limit *l = &limits[order[i]];
        float v = values[order[i]];
        if (beyond(v, demand == DEMAND_STRICT ? l->gate : l->wide, l)) {
            q->defect = q->poorest = defects[order[i]];
            return;
        }
        float w = worth(v, l);
        if (w < least) {
            least = w;
            q->poorest = defects[order[i]];
        }
        weight *= w;
    }
    if (!(q->brightness >= DARK && q->brightness <= BRIGHT && q->contrast >= CONTRAST))
        q->defect = q->poorest = UNKNOWN_EXPOSURE;
    else
        q->weight = weight;
}

void quality_measure(const struct face *face, const uint8_t *bgr, int w, int h, int width,
        int height, enum demand demand, struct quality *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->width_px = face->box.w;
    ret->turn = face_turn(face);
    ret->inside = share_inside(&face->box, width, height);
    if (bgr)
        look(bgr, w, h, ret);
    quality_judge(ret, face->has_marks, face->score, demand);
}
