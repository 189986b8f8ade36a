#include "vision/nms.h"

#include <math.h>
#include <stdlib.h>

float box_overlap(const struct box *a, const struct box *b)
{
    float w = fminf(a->x + a->w, b->x + b->w) - fmaxf(a->x, b->x);
    float h = fminf(a->y + a->h, b->y + b->h) - fmaxf(a->y, b->y);
    if (!(w > 0 && h > 0))
        return 0;
    float both = w * h, all = a->w * a->h + b->w * b->h - both;
    float share = both / all;
    return share >= 0 ? fminf(share, 1) : 0;
}

static int surer_first(const void *pa, const void *pb)
{
    const struct face *a = pa, *b = pb;
    return (a->score < b->score) - (a->score > b->score);
}

int nms(struct face *faces, int n, float limit, int max)
{
    qsort(faces, (size_t)n, sizeof(*faces), surer_first);
    int kept = 0;
    for (int i = 0; i < n && kept < max; i++) {
        int j = 0;
        while (j < kept && box_overlap(&faces[j].box, &faces[i].box) <= limit)
            j++;
        if (j == kept)
            faces[kept++] = faces[i];
    }
    return kept;
}
