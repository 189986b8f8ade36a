#include "vision/crop.h"

#include <math.h>
#include <stddef.h>

static int min(int a, int b)
{
    return a < b ? a : b;
}

static int max(int a, int b)
{
    return a > b ? a : b;
}

/* Small enough for arithmetic in int, and a box at all. */
static bool sane(const struct box *b, int width, int height)
{
    float far = 8.0f * (float)max(max(width, height), 1);
    return b->w > 0 && b->h > 0 && b->w < far && b->h < far && fabsf(b->x) < far &&
           fabsf(b->y) < far;
}

static bool rect_between(int x1, int y1, int x2, int y2, struct rect *ret)
{
    if (x2 <= x1 || y2 <= y1)
        return false;
    *ret = (struct rect){x1, y1, x2 - x1, y2 - y1};
    return true;
}

bool crop_box(const struct box *b, int width, int height, struct rect *ret)
{
    if (!sane(b, width, height))
        return false;
    return rect_between(max(0, (int)lrintf(b->x)), max(0, (int)lrintf(b->y)),
            min(width, (int)lrintf(b->x + b->w)), min(height, (int)lrintf(b->y + b->h)), ret);
}

bool crop_rect(
        const struct card_crop *crop, const struct box *b, int width, int height, struct rect *ret)
{
    if (!sane(b, width, height))
        return false;
    if (crop->square <= 0) {
        int m = crop->margin_px;
        return rect_between(max(0, (int)lrintf(b->x) - m), max(0, (int)lrintf(b->y) - m),
                min((int)lrintf(b->x + b->w) + m, width - 1),
                min((int)lrintf(b->y + b->h) + m, height - 1), ret);
    }
    int side = max(1, (int)lrintf(crop->square * fmaxf(b->w, b->h)));
    int x = (int)lrintf(b->x + b->w / 2 - (float)side / 2);
    int y = (int)lrintf(b->y + b->h / 2 - (float)side / 2);
    if (side > 4 * max(width, height) || x >= width || y >= height || x + side <= 0 ||
            y + side <= 0)
        return false;
    *ret = (struct rect){x, y, side, side};
    return true;
}

void crop_average(uint8_t *bgr, int *w, int *h, int to_w, int to_h)
{
    int k = min(*w / to_w, *h / to_h), stride = 3 * *w;
    if (k < 2)
        return;
    int nw = *w / k, nh = *h / k;
    const uint8_t *from = bgr + (*h - nh * k) / 2 * stride + (*w - nw * k) / 2 * 3;
    unsigned blocks = (unsigned)(k * k);
    uint8_t *out = bgr; /* never ahead of what is still to be read */
    for (int y = 0; y < nh; y++) {
        for (int x = 0; x < 3 * nw; x++) {
            const uint8_t *block = from + y * k * stride + x / 3 * k * 3 + x % 3;
            unsigned sum = blocks / 2;
            for (int i = 0; i < k; i++) {
                for (int j = 0; j < k; j++)
                    sum += block[i * stride + 3 * j];
            }
            *out++ = (uint8_t)(sum / blocks);
        }
    }
    *w = nw;
    *h = nh;
}

void crop_mirror(uint8_t *bgr, int w, int h)
{
    for (int y = 0; y < h; y++) {
        uint8_t *left = bgr + (ptrdiff_t)3 * y * w, *right = left + (ptrdiff_t)3 * (w - 1);
        for (; left < right; left += 3, right -= 3) {
            for (int c = 0; c < 3; c++) {
                uint8_t p = left[c];
                left[c] = right[c];
                right[c] = p;
            }
        }
    }
}
