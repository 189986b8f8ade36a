#include "vision/nms.h"

#include "flow/box.h"

#include <stdlib.h>

#define COVERED 0.5f

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
        while (j < kept && box_iou(&faces[j].box, &faces[i].box) <= limit)
            j++;
        if (j == kept)
            faces[kept++] = faces[i];
    }
    return kept;
}

int nms_cut(struct face *faces, int n, struct face *cut, int n_cut, int max)
{
    qsort(cut, (size_t)n_cut, sizeof(*cut), surer_first);
    for (int i = 0; i < n_cut && n < max; i++) {
        int j = 0;
        while (j < n && box_cover(&faces[j].box, &cut[i].box) < COVERED)
            j++;
        if (j == n)
            faces[n++] = cut[i];
    }
    qsort(faces, (size_t)n, sizeof(*faces), surer_first);
    return n;
}
