#include "base/mem.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "vision/detect.h"
#include "vision/dnn.h"
#include "vision/yunet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Changing a net's input size makes OpenCV allocate all its layers anew: pictures of three sizes
 * in turn took twice the time with one net. Cameras of a few sizes share a worker, so there is a
 * net for each of the latest sizes; and one for the regions, which are smaller and of any size.
 * A net is opened when it is needed first, for each takes 3 MB and its input's layers.
 */
#define NETS       4
#define NET_FIRST  0 /* of whole pictures and tiles */
#define NET_REGION (NETS - 1)

struct yunet {
    char *weights;
    struct dnn_prep prep; /* without its size */
    int max_side;
    float keep;
    struct {
        struct dnn *dnn;
        struct yunet_size size;
        uint64_t used;
    } net[NETS];
    uint64_t uses;
    uint8_t *bgr;
    struct face *faces;
    size_t cells; /* that bgr and faces have room for */
};

static const char *const outputs[] = {"cls_8", "cls_16", "cls_32", "obj_8", "obj_16", "obj_32",
        "bbox_8", "bbox_16", "bbox_32", "kps_8", "kps_16", "kps_32"};
#define OUTPUTS 12

static void yunet_close(void *engine)
{
    struct yunet *y = engine;
    for (int i = 0; i < NETS; i++)
        dnn_close(y->net[i].dnn);
    free(y->weights);
    free(y->bgr);
    free(y->faces);
    free(y);
}

static void *yunet_open(const struct card *card, struct err *e)
{
    const char *weights = card_path(card, "weights");
    if (!weights || !card->input.max_side) {
        (void)err_set(
                e, -EINVAL, "%s: this engine needs a file \"weights\" and 'max_side'", card->path);
        return NULL;
    }
    struct yunet *y = mem_new(1, sizeof(*y));
    y->weights = mem_strdup(weights);
    y->max_side = card->input.max_side;
    y->keep = card->keep_score;
    y->prep.scale = card->input.scale;
    y->prep.swap_rb = card->input.swap_rb;
    memcpy(y->prep.mean, card->input.mean, sizeof(y->prep.mean));
    y->net[NET_FIRST].dnn = dnn_open(weights, NULL, e);
    if (!y->net[NET_FIRST].dnn) {
        yunet_close(y);
        return NULL;
    }
    return y;
}

static int place_for(const struct yunet *y, struct yunet_size size, bool any_size)
{
    int oldest = NET_FIRST;
    if (any_size)
        return NET_REGION;
    for (int i = NET_FIRST; i < NET_REGION; i++) {
        if (y->net[i].size.w == size.w && y->net[i].size.h == size.h)
            return i;
        if (y->net[i].used < y->net[oldest].used)
            oldest = i;
    }
    return oldest;
}

/* Where no more can be opened, the first one changes its size again and again: slow, and right. */
static struct dnn *net_for(struct yunet *y, struct yunet_size size, bool any_size)
{
    int i = place_for(y, size, any_size);
    if (!y->net[i].dnn)
        y->net[i].dnn = dnn_open(y->weights, NULL, NULL);
    if (!y->net[i].dnn)
        i = NET_FIRST;
    y->net[i].size = size;
    y->net[i].used = ++y->uses;
    return y->net[i].dnn;
}

static int make_room(struct yunet *y, struct yunet_size size)
{
    size_t cells = yunet_cells(size);
    if (cells <= y->cells)
        return 0;
    free(y->bgr);
    free(y->faces);
    y->bgr = malloc((size_t)size.w * (size_t)size.h * 3);
    y->faces = malloc(cells * sizeof(*y->faces));
    y->cells = y->bgr && y->faces ? cells : 0;
    return y->cells ? 0 : -ENOMEM;
}

/* The twelve outputs as three maps, when each has as many numbers as the size says. */
static int take_maps(const struct dnn_output out[OUTPUTS], struct yunet_size size,
        struct yunet_map maps[YUNET_MAPS], struct err *e)
{
    static const size_t per_cell[] = {1, 1, 4, 10};
    for (int i = 0; i < OUTPUTS; i++) {
        size_t stride = 8u << i % 3;
        size_t cells = ((size_t)size.w / stride) * ((size_t)size.h / stride);
        if (out[i].n != cells * per_cell[i / 3])
            return err_set(e, -EINVAL, "its output '%s' has %zu numbers, not %zu", outputs[i],
                    out[i].n, cells * per_cell[i / 3]);
    }
    for (int i = 0; i < YUNET_MAPS; i++)
        maps[i] =
                (struct yunet_map){out[i].data, out[3 + i].data, out[6 + i].data, out[9 + i].data};
    return 0;
}

/* From where the part begins to where the picture does. */
static void move(struct face *faces, int n, float x, float y)
{
    for (int i = 0; i < n; i++) {
        faces[i].box.x += x;
        faces[i].box.y += y;
        for (int j = 0; j < LANDMARK_COUNT; j++) {
            faces[i].mark[j].x += x;
            faces[i].mark[j].y += y;
        }
    }
}

static int yunet_run(void *engine, struct scaler *s, const struct frame *f,
        const struct detect_part *part, struct face **ret_faces, int *ret_n, struct err *e)
{
    struct yunet *y = engine;
    int w = part ? part->w : frame_width(f), h = part ? part->h : frame_height(f);
    if (w < 1 || h < 1)
        return err_set(e, -EINVAL, "a picture without pixels");
    struct yunet_size size =
            part ? yunet_size_at(w, h, part->scale) : yunet_size(w, h, y->max_side);
    float scale;
    int rc = make_room(y, size);
    if (rc == 0 && part)
        rc = scale_part(s, f, part->x, part->y, w, h, size.w, size.h, y->bgr, &scale);
    else if (rc == 0)
        rc = scale_letterbox(s, f, size.w, size.h, y->bgr, &scale);
    if (rc < 0)
        return err_set(e, rc, "cannot scale a picture of %dx%d", w, h);
    struct dnn_output out[OUTPUTS];
    struct dnn_prep prep = y->prep;
    prep.width = size.w;
    prep.height = size.h;
    struct dnn *net = net_for(y, size, part && part->any_size);
    rc = dnn_run(net, y->bgr, size.w, size.h, &prep, outputs, OUTPUTS, out, e);
    struct yunet_map maps[YUNET_MAPS];
    if (rc == 0)
        rc = take_maps(out, size, maps, e);
    if (rc < 0)
        return rc;
    *ret_n = yunet_decode(maps, size, w, h, scale, y->keep, y->faces);
    *ret_faces = y->faces;
    if (part)
        move(y->faces, *ret_n, (float)part->x, (float)part->y);
    return 0;
}

const struct detect_engine detect_yunet = {"yunet", yunet_open, yunet_run, yunet_close};
