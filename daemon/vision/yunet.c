#include "vision/yunet.h"

#include <math.h>
#include <stdbool.h>

static int up_to_32(float v)
{
    int n = (int)ceilf((v - 0.5f) / 32) * 32;
    return n < 32 ? 32 : n;
}

struct yunet_size yunet_size_at(int width, int height, float scale)
{
    return (struct yunet_size){up_to_32((float)width * scale), up_to_32((float)height * scale)};
}

struct yunet_size yunet_size(int width, int height, int max_side)
{
    int longer = width > height ? width : height;
    return yunet_size_at(width, height, fminf(1, (float)max_side / (float)longer));
}

size_t yunet_cells(struct yunet_size size)
{
    size_t n = (size_t)(size.w / 32) * (size_t)(size.h / 32);
    return n * (16 + 4 + 1);
}

static float unit(float v)
{
    return v >= 0 ? fminf(v, 1) : 0; /* NAN becomes 0 */
}

static bool plausible(const struct box *b, int width, int height)
{
    float largest = 4.0f * (float)(width > height ? width : height);
    if (!(b->w > 0 && b->h > 0 && b->w < largest && b->h < largest))
        return false;
    return b->x < (float)width && b->y < (float)height && b->x + b->w > 0 && b->y + b->h > 0;
}

/* Cell i of a map, in column and row; false when it is no face. */
static bool decode_cell(const struct yunet_map *m, size_t i, float column, float row, float stride,
        float scale, struct face *f)
{
    const float *b = m->bbox + 4 * i, *k = m->kps + 10 * i;
    float to_picture = stride / scale;
    float w = expf(b[2]), h = expf(b[3]);
    f->box.x = (column + b[0] - w / 2) * to_picture;
    f->box.y = (row + b[1] - h / 2) * to_picture;
    f->box.w = w * to_picture;
    f->box.h = h * to_picture;
    f->has_marks = true;
    for (int j = 0; j < LANDMARK_COUNT; j++) {
        f->mark[j].x = (column + k[2 * j]) * to_picture;
        f->mark[j].y = (row + k[2 * j + 1]) * to_picture;
        if (!isfinite(f->mark[j].x) || !isfinite(f->mark[j].y))
            return false;
    }
    return true;
}

int yunet_decode(const struct yunet_map maps[YUNET_MAPS], struct yunet_size size, int width,
        int height, float scale, float keep, struct face *ret_faces)
{
    int n = 0;
    for (int level = 0; level < YUNET_MAPS; level++) {
        const struct yunet_map *m = &maps[level];
        int stride = 8 << level;
        size_t columns = (size_t)(size.w / stride), cells = columns * (size_t)(size.h / stride);
        for (size_t i = 0; i < cells; i++) {
            float score = sqrtf(unit(m->cls[i]) * unit(m->obj[i]));
            if (score < keep)
                continue;
            struct face *f = &ret_faces[n];
            f->score = score;
            if (decode_cell(m, i, (float)(i % columns), (float)(i / columns), (float)stride, scale,
                        f) &&
                    plausible(&f->box, width, height))
                n++;
        }
    }
    return n;
}
