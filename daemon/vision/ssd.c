#include "vision/ssd.h"

#include <math.h>

int ssd_decode(const float *rows, size_t n_rows, int width, int height, float keep,
        struct face *ret_faces, int max)
{
    float fw = (float)width, fh = (float)height;
    int n = 0;
    for (size_t i = 0; i < n_rows && n < max; i++) {
        const float *r = rows + 7 * i;
        struct box b = {r[3] * fw, r[4] * fh, (r[5] - r[3]) * fw, (r[6] - r[4]) * fh};
        if (!(r[2] >= keep && b.w > 0 && b.h > 0 && b.w < 4 * fw && b.h < 4 * fh))
            continue;
        if (b.x < fw && b.y < fh && b.x + b.w > 0 && b.y + b.h > 0)
            ret_faces[n++] = (struct face){.box = b, .score = fminf(r[2], 1)};
    }
    return n;
}
