#include "sample/scene.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define CELLS_MIN   2     /* so many cells are a change: a small head that moves by a fifth */
#define LEVELS      4.0f  /* a cell has changed beyond this ... */
#define NOISES      4.0f  /* ... and so many times its usual deviation */
#define NOISE_FIRST 1.0f  /* before anything is known of it */
#define NOISE_MAX   4.0f  /* what flickers more is looked at: a face may be in front of it */
#define DRIFT_MAX   10.0f /* levels of the whole picture at once that are only the exposure */
#define ALL         0.6f  /* share of the cells that are everything */
#define SETTLE_S    4.0f  /* time constant in which slow light becomes the normal */
#define LEARN       (1.0f / 16)
/* A clock: its cells change in so many pictures, are not many, and so many around them may join. */
#define UNREST       0.1f
#define UNREST_LEARN (1.0f / 300)
#define CLOCK_CELLS  40
#define CLOCK_WIDE   4
#define CLOCK_HIGH   1
#define ROWS_CELL    8 /* rows of pixels in a cell that are read: the others look alike */

void scene_init(struct scene *s)
{
    memset(s, 0, sizeof(*s));
}

static void lay_out(struct scene *s, const struct luma *l)
{
    int longer = l->width > l->height ? l->width : l->height;
    s->width = l->width;
    s->height = l->height;
    s->cell = (longer + SCENE_SIDE - 1) / SCENE_SIDE;
    s->cols = l->width / s->cell > 0 ? l->width / s->cell : 1;
    s->rows = l->height / s->cell > 0 ? l->height / s->cell : 1;
    s->begun = false;
    s->map.cols = (s->cols + SCENE_BLOCK - 1) / SCENE_BLOCK;
    s->map.rows = (s->rows + SCENE_BLOCK - 1) / SCENE_BLOCK;
    s->map.block = s->cell * SCENE_BLOCK;
    memset(s->unrest, 0, sizeof(s->unrest));
    memset(s->clock, 0, sizeof(s->clock));
}

static unsigned sum_bytes(const uint8_t *p, int n, int step)
{
    unsigned sum = 0;
    for (int i = 0; i < n; i++)
        sum += p[(ptrdiff_t)i * step];
    return sum;
}

static unsigned sum_words(const uint8_t *p, int n, int step, int shift)
{
    unsigned sum = 0;
    for (int i = 0; i < n; i++) {
        uint16_t v;
        memcpy(&v, p + (ptrdiff_t)i * step, sizeof(v));
        sum += (unsigned)v >> shift;
    }
    return sum;
}

/* What does not fill a cell at the right and lower edges is left out. */
static void average(struct scene *s, const struct luma *l)
{
    int wide = l->width < s->cell ? l->width : s->cell;
    int high = l->height < s->cell ? l->height : s->cell;
    int step = (high + ROWS_CELL - 1) / ROWS_CELL;
    float samples = (float)(wide * ((high + step - 1) / step));
    memset(s->now, 0, (size_t)(s->cols * s->rows) * sizeof(s->now[0]));
    for (int r = 0; r < s->rows; r++) {
        float *out = &s->now[r * s->cols];
        for (int y = 0; y < high; y += step) {
            const uint8_t *row = l->data + (ptrdiff_t)(r * s->cell + y) * l->stride;
            for (int c = 0; c < s->cols; c++) {
                const uint8_t *p = row + (ptrdiff_t)c * wide * l->step;
                out[c] += (float)(l->wide        ? sum_words(p, wide, l->step, l->shift)
                                  : l->step == 1 ? sum_bytes(p, wide, 1)
                                                 : sum_bytes(p, wide, l->step));
            }
        }
        for (int c = 0; c < s->cols; c++)
            out[c] /= samples;
    }
}

/* By how much the whole picture is brighter, by the median of the cells; 0 when by too much. */
static float drift_of(const struct scene *s)
{
    int n = s->cols * s->rows, levels[512] = {0}, seen = 0;
    for (int i = 0; i < n; i++) {
        float d = s->now[i] - s->mean[i];
        levels[(int)lroundf(d) + 256]++;
    }
    int median = 0;
    for (int k = 0; k < 512 && seen * 2 <= n; k++) {
        seen += levels[k];
        median = k - 256;
    }
    float sum = 0;
    int near = 0;
    for (int i = 0; i < n; i++) {
        float d = s->now[i] - s->mean[i];
        if (fabsf(d - (float)median) <= 1.5f) {
            sum += d;
            near++;
        }
    }
    float drift = near ? sum / (float)near : 0;
    return fabsf(drift) <= DRIFT_MAX ? drift : 0;
}

/* By how much a cell must differ to have changed. */
static float limit_of(const struct scene *s, int cell)
{
    return LEVELS + NOISES * s->noise[cell];
}

struct extent {
    int left, top, right, bottom;
};

static int compare(const struct scene *s, float drift, struct extent *ret)
{
    int changed = 0;
    *ret = (struct extent){s->cols, s->rows, -1, -1};
    for (int r = 0; r < s->rows; r++) {
        for (int c = 0; c < s->cols; c++) {
            int i = r * s->cols + c;
            float off = fabsf(s->now[i] - s->mean[i] - drift);
            if (off <= limit_of(s, i) || s->clock[i])
                continue;
            changed++;
            ret->left = c < ret->left ? c : ret->left;
            ret->right = c > ret->right ? c : ret->right;
            ret->top = r < ret->top ? r : ret->top;
            ret->bottom = r;
        }
    }
    return changed;
}

static void note_all(struct scene *s, int64_t time_us)
{
    for (int i = 0; i < s->map.cols * s->map.rows; i++)
        s->map.at_us[i] = time_us;
}

static void note_changed(struct scene *s, float drift, int64_t time_us)
{
    for (int r = 0; r < s->rows; r++) {
        int64_t *row = &s->map.at_us[r / SCENE_BLOCK * s->map.cols];
        for (int c = 0; c < s->cols; c++) {
            int i = r * s->cols + c;
            if (!s->clock[i] && fabsf(s->now[i] - s->mean[i] - drift) > limit_of(s, i))
                row[c / SCENE_BLOCK] = time_us;
        }
    }
}

static void join_clock(struct scene *s, int row, int col)
{
    for (int r = row - CLOCK_HIGH; r <= row + CLOCK_HIGH; r++) {
        for (int c = col - CLOCK_WIDE; c <= col + CLOCK_WIDE; c++) {
            if (r >= 0 && r < s->rows && c >= 0 && c < s->cols)
                s->clock[r * s->cols + c] = true;
        }
    }
}

static void learn_clock(struct scene *s, float drift)
{
    int n = 0;
    for (int i = 0; i < s->cols * s->rows; i++) {
        bool changed = fabsf(s->now[i] - s->mean[i] - drift) > limit_of(s, i);
        s->unrest[i] += ((float)changed - s->unrest[i]) * UNREST_LEARN;
        n += s->unrest[i] > UNREST;
    }
    memset(s->clock, 0, sizeof(s->clock));
    for (int i = 0; n <= CLOCK_CELLS && i < s->cols * s->rows; i++) {
        if (s->unrest[i] > UNREST)
            join_clock(s, i / s->cols, i % s->cols);
    }
}

static void learn_noise(struct scene *s, float drift)
{
    for (int i = 0; i < s->cols * s->rows; i++) {
        float off = fminf(fabsf(s->now[i] - s->mean[i] - drift), 2 * NOISE_MAX);
        s->noise[i] = fminf(s->noise[i] + (off - s->noise[i]) * LEARN, NOISE_MAX);
    }
}

/* What is as before becomes a part of what is normal, slowly; what is new is from now on what
 * others are compared with. */
static void settle(struct scene *s, float drift, int64_t passed_us)
{
    float seconds = (float)passed_us / 1e6f;
    float part = 1 - expf(-fmaxf(seconds, 0) / SETTLE_S);
    for (int i = 0; i < s->cols * s->rows; i++) {
        float off = s->now[i] - s->mean[i] - drift;
        s->mean[i] += drift + off * (fabsf(off) > limit_of(s, i) ? 1 : part);
    }
}

/* Nothing is known of what is to be seen, nor of its noise. */
static void begin_anew(struct scene *s, int64_t time_us)
{
    memcpy(s->mean, s->now, sizeof(s->mean));
    note_all(s, time_us);
    s->last_us = s->still_us = time_us;
    s->begun = true;
    for (int i = 0; i < s->cols * s->rows; i++)
        s->noise[i] = NOISE_FIRST;
}

void scene_follow(struct scene *s, const struct scene *of)
{
    bool same = s->begun && s->width == of->width && s->height == of->height;
    s->width = of->width;
    s->height = of->height;
    s->cell = of->cell;
    s->cols = of->cols;
    s->rows = of->rows;
    s->begun = of->begun;
    s->last_us = of->last_us;
    s->still_us = of->still_us;
    for (int i = 0; i < of->cols * of->rows; i++) {
        s->mean[i] = of->mean[i];
        s->noise[i] = same ? fmaxf(s->noise[i], of->noise[i]) : of->noise[i];
        s->unrest[i] = of->unrest[i];
        s->clock[i] = of->clock[i];
    }
}

void scene_look(struct scene *s, const struct luma *luma, int64_t time_us, bool lonely,
        struct scene_change *ret)
{
    *ret = (struct scene_change){.all = true, .still_us = time_us};
    if (!luma) {
        s->begun = false;
        s->map.cols = s->map.rows = 0;
        s->width = s->height = 0;
        return;
    }
    if (s->width != luma->width || s->height != luma->height)
        lay_out(s, luma);
    average(s, luma);
    int n = s->cols * s->rows;
    if (!s->begun) {
        begin_anew(s, time_us);
        ret->cells = n;
        ret->w = ret->h = 1;
        return;
    }
    struct extent at;
    float drift = drift_of(s);
    ret->cells = compare(s, drift, &at);
    ret->all = (float)ret->cells > ALL * (float)n;
    ret->still = ret->cells < CELLS_MIN;
    if (ret->cells > 0) {
        ret->x = (float)at.left / (float)s->cols;
        ret->y = (float)at.top / (float)s->rows;
        ret->w = (float)(at.right + 1 - at.left) / (float)s->cols;
        ret->h = (float)(at.bottom + 1 - at.top) / (float)s->rows;
    }
    if (ret->all) {
        begin_anew(s, time_us);
    } else {
        if (!ret->still)
            note_changed(s, drift, time_us);
        if (lonely)
            learn_clock(s, drift);
        learn_noise(s, drift); /* also where it moves: what flickers always is nothing new */
        settle(s, drift, time_us - s->last_us);
    }
    if (!ret->still)
        s->still_us = time_us;
    s->last_us = time_us;
    ret->still_us = s->still_us;
}
