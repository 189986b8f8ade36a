#include "picture/album.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "picture/canvas.h"
#include "picture/encode.h"

#include <math.h>
#include <stdlib.h>

#define MARGIN 0.4f  /* of the face's size, on each side */
#define SIDE   320   /* pixels, the longer one of what is kept */
#define BETTER 1.15f /* clearly */

struct page {
    uint64_t track;
    float merit;
    struct jpeg *jpeg;
};

struct album {
    int n;
    struct page pages[SIGHTINGS_MAX];
};

struct album *album_new(void)
{
    return mem_new(1, sizeof(struct album));
}

void album_free(struct album *a)
{
    for (int i = 0; a && i < a->n; i++)
        free(a->pages[i].jpeg);
    free(a);
}

/* Where an estimate was made its weight says how good the picture is; else the detector does. */
static float merit_of(const struct sighting *s)
{
    float weight = s->estimated ? s->quality.weight : 0;
    return (weight > 0 ? 1 + weight : 0) + s->face.score * fminf(s->face.box.w, 400) / 1000;
}

static struct page *page_of(struct album *a, uint64_t track)
{
    for (int i = 0; i < a->n; i++) {
        if (a->pages[i].track == track)
            return &a->pages[i];
    }
    if (a->n == SIGHTINGS_MAX)
        return NULL;
    a->pages[a->n] = (struct page){.track = track};
    return &a->pages[a->n++];
}

static int between(float x, int most)
{
    return x < 0 ? 0 : x > (float)most ? most : (int)x;
}

static struct jpeg *cut_out(struct scaler *scaler, const struct frame *f, const struct box *b)
{
    int x0 = between(b->x - MARGIN * b->w, frame_width(f));
    int y0 = between(b->y - MARGIN * b->h, frame_height(f));
    int x1 = between(b->x + (1 + MARGIN) * b->w, frame_width(f));
    int y1 = between(b->y + (1 + MARGIN) * b->h, frame_height(f));
    int w = x1 - x0, h = y1 - y0;
    if (w < 1 || h < 1)
        return NULL;
    uint8_t *bgr = malloc((size_t)w * (size_t)h * 3);
    struct canvas *c = NULL;
    if (bgr && scale_crop(scaler, f, x0, y0, w, h, SCALE_EDGE, bgr) == 0)
        c = canvas_of_bgr(bgr, w, h, SIDE);
    struct jpeg *j = c ? encode_jpeg(c) : NULL;
    canvas_free(c);
    free(bgr);
    return j;
}

void album_look(struct album *a, struct scaler *scaler, const struct frame *f,
        const struct sightings *sightings)
{
    for (int i = 0; i < sightings->n; i++) {
        const struct sighting *s = &sightings->list[i];
        if (!s->chosen || !s->found)
            continue;
        struct page *p = page_of(a, s->track);
        float merit = merit_of(s);
        if (!p || (p->jpeg && merit < BETTER * p->merit))
            continue;
        struct jpeg *j = cut_out(scaler, f, &s->face.box);
        if (!j)
            continue;
        free(p->jpeg);
        p->jpeg = j;
        p->merit = merit;
    }
}

struct jpeg *album_take(struct album *a, uint64_t track)
{
    for (int i = 0; i < a->n; i++) {
        if (a->pages[i].track != track)
            continue;
        struct jpeg *j = a->pages[i].jpeg;
        a->pages[i] = a->pages[--a->n];
        return j;
    }
    return NULL;
}
