#include "vision/nms.h"

#include "flow/box.h"

#include <stdlib.h>

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
