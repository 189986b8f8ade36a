/* needs: vision/yunet vision/ssd vision/nms vision/tiles vision/regions flow/box */
/*
 * What comes out of a net is anything: the tensors of both detectors, filled with the fuzzer's
 * floats over and over, for pictures of any size. Faces that come out have places and scores, and
 * the planners of tiles and regions stay inside the picture.
 */
#include "flow/box.h"
#include "fuzz.h"
#include "vision/nms.h"
#include "vision/regions.h"
#include "vision/ssd.h"
#include "vision/tiles.h"
#include "vision/yunet.h"

#include <math.h>

#define CELLS_MAX 4096
#define ROWS_MAX  64

static float tensor[CELLS_MAX * 16 + ROWS_MAX * 7];
static struct face found[CELLS_MAX];

static void fill(struct input *in, size_t n)
{
    size_t k = in->left / sizeof(float);
    k = k < n ? k : n;
    take(in, tensor, k * sizeof(float));
    for (size_t i = k; i < n; i++)
        tensor[i] = k ? tensor[i % k] : 0;
}

static void judge(const struct face *f, int n)
{
    for (int i = 0; i < n; i++) {
        const struct box *b = &f[i].box;
        HOLDS(isfinite(b->x) && isfinite(b->y) && isfinite(b->w) && isfinite(b->h));
        HOLDS(b->w > 0 && b->h > 0 && isfinite(f[i].score));
        for (int k = 0; f[i].has_marks && k < LANDMARK_COUNT; k++)
            HOLDS(!isnan(f[i].mark[k].x) && !isnan(f[i].mark[k].y));
        float turn = face_turn(&f[i]);
        HOLDS(turn >= 0 && turn <= 1);
    }
}

static void one_of_many(int n)
{
    static struct face cut[FACES_MAX], kept[FACES_MAX];
    int half = n / 2 < FACES_MAX ? n / 2 : FACES_MAX;
    memcpy(cut, found, (size_t)half * sizeof(*cut));
    int m = nms(found + half, n - half, 0.3f, FACES_MAX);
    HOLDS(m >= 0 && m <= FACES_MAX);
    memcpy(kept, found + half, (size_t)m * sizeof(*kept));
    judge(kept, m);
    m = nms_cut(kept, m, cut, half, FACES_MAX);
    HOLDS(m >= 0 && m <= FACES_MAX);
    judge(kept, m);
}

static void yunet(struct input *in, int width, int height, float keep)
{
    struct yunet_size size = yunet_size(width, height, 320);
    size_t cells = yunet_cells(size);
    HOLDS(size.w > 0 && size.h > 0 && size.w % 32 == 0 && size.h % 32 == 0);
    if (cells > CELLS_MAX)
        return;
    fill(in, cells * 16);
    struct yunet_map maps[YUNET_MAPS];
    const float *at = tensor;
    for (int i = 0; i < YUNET_MAPS; i++) {
        size_t n = (size_t)(size.w >> (3 + i)) * (size_t)(size.h >> (3 + i));
        maps[i] = (struct yunet_map){at, at + n, at + 2 * n, at + 6 * n};
        at += 16 * n;
    }
    float scale = fminf(1, 320.0f / (float)(width > height ? width : height));
    int n = yunet_decode(maps, size, width, height, scale, keep, found);
    HOLDS(n >= 0 && (size_t)n <= cells);
    judge(found, n);
    one_of_many(n);
}

static void ssd(struct input *in, int width, int height, float keep)
{
    size_t rows = take_byte(in) % (ROWS_MAX + 1);
    fill(in, rows * 7);
    int n = ssd_decode(tensor, rows, width, height, keep, found, 32);
    HOLDS(n >= 0 && n <= 32);
    judge(found, n);
    one_of_many(n);
}

static void inside(const struct tile *t, int width, int height)
{
    HOLDS(t->x >= 0 && t->y >= 0 && t->w > 0 && t->h > 0);
    HOLDS(t->x + t->w <= width && t->y + t->h <= height);
}

static void tiles(struct input *in, int width, int height)
{
    struct tiles plan;
    struct tiles_wish wish = {.width = width,
            .height = height,
            .max_side = 320 + take_short(in) % 1600,
            .min_width = (float)(take_byte(in) % 64),
            .narrowest_px = (float)take_byte(in),
            .area = {0, 0, 1, 1}};
    if (take_byte(in) & 1)
        wish.area = (struct box){(float)take_byte(in) / 256, (float)take_byte(in) / 256,
                (float)take_byte(in) / 256, (float)take_byte(in) / 256};
    tiles_plan(&wish, &plan);
    HOLDS(plan.n >= 0 && plan.n <= TILES_MAX);
    for (int i = 0; i < plan.n; i++)
        inside(&plan.list[i], width, height);
}

static void regions(struct input *in, int width, int height)
{
    static struct change_map map;
    struct expected people[8];
    struct regions plan = {0};
    int longer = width > height ? width : height;
    map = (struct change_map){.block = (longer + CHANGE_SIDE - 1) / CHANGE_SIDE};
    map.cols = (width + map.block - 1) / map.block;
    map.rows = (height + map.block - 1) / map.block;
    int n = take_byte(in) % 9;
    for (int i = 0; i < n; i++) {
        people[i] = (struct expected){
                .box = {take_float(in), take_float(in), take_float(in), take_float(in)},
                .open = take_byte(in) & 1,
                .doubt = take_float(in)};
        /* The tracker gives out no others. */
        if (!box_sane(&people[i].box) || !isfinite(people[i].doubt))
            return;
    }
    for (int i = 0; i < map.cols * map.rows && in->left > 0; i++)
        map.at_us[i] = take_byte(in);
    struct regions_wish wish = {width, height, 320, &map, 100, people, n};
    if (regions_plan(&wish, &plan)) {
        HOLDS(plan.n >= 0 && plan.n <= REGIONS_MAX);
        for (int i = 0; i < plan.n; i++)
            inside(&plan.list[i], width, height);
    }
    (void)regions_familiar(&wish);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t what = take_byte(&in) & 3;
    int width = 1 + take_short(&in) % 16384, height = 1 + take_short(&in) % 16384;
    float keep = (float)take_byte(&in) / 256;
    switch (what) {
    case 0: yunet(&in, width, height, keep); break;
    case 1: ssd(&in, width, height, keep); break;
    case 2: tiles(&in, width, height); break;
    default: regions(&in, width, height);
    }
    return 0;
}
