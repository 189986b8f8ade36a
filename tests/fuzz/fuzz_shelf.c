/* needs: app/sandbox/shelf app/sandbox/wire flow/pack flow/frame flow/scale flow/box vision/regions vision/yunet base/mem base/log base/redact base/mono base/url base/thread base/err base/utf8 base/when */
/*
 * The memory that a camera's process shares with the daemon, as one that was taken over uses it: it
 * describes pictures that cannot be, lies about what has changed, sends places that are lent out,
 * and writes to pictures while somebody looks at them. Each step is a byte that says what happens,
 * and what it needs.
 *
 * Whatever comes: a frame is within the bounds of a picture and lies wholly within its place; it
 * can be looked at as the daemon does it; no place is lent twice, and each comes back once. An
 * honest picture that nobody writes to arrives as it was.
 */
#include "app/sandbox/shelf.h"
#include "app/sandbox/wire.h"
#include "base/when.h"
#include "flow/face.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "fuzz.h"
#include "vision/regions.h"

#include <errno.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#define STEPS      48
#define LENT_MAX   (WIRE_BUFFERS * 4)
#define SMALL      (1 << 16) /* pixels that are looked at in no time */
#define YEARS_9000 (INT64_C(1) << 58)

enum {
    DESCRIBE,
    HONEST,
    SCRIBBLE,
    LOOK,
    RETURN,
    FORGE, /* what the daemon shows */
    AGAIN, /* the last description once more */
    CLOSE,
    ACTIONS
};

struct scene {
    struct shelf *shelf; /* NULL: the session has ended */
    struct rack rack;
    uint32_t lent[WIRE_BUFFERS], returned[WIRE_BUFFERS];
    struct frame *frames[LENT_MAX];
    int places[LENT_MAX];
    int n;
    struct wire_picture last;
};

/* ------------------------------------------------------------- what must hold --- */

/* Through the process's mapping and the daemon's it is the same byte. */
static void is_in_place(const struct scene *s, const uint8_t *byte, const uint8_t *start, int place)
{
    uint8_t *other = s->rack.base + PACK_SIZE * (size_t)place + (byte - start);
    uint8_t was = *byte, is = was ^ 0xff;
    *other = is;
    HOLDS(*(const volatile uint8_t *)byte == is);
    *other = was;
}

static void judge_planes(const struct scene *s, const struct frame *f, int place)
{
    const AVFrame *p = frame_picture(f);
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(p->format);
    const AVBufferRef *buf = p->buf[0];
    HOLDS(d && buf && !p->buf[1] && buf->size > 0 && (size_t)buf->size + PACK_BEHIND <= PACK_SIZE);
    is_in_place(s, buf->data, buf->data, place);
    is_in_place(s, buf->data + buf->size - 1, buf->data, place);
    for (int i = 0; i < av_pix_fmt_count_planes(p->format); i++) {
        int rows = i == 1 || i == 2 ? AV_CEIL_RSHIFT(p->height, d->log2_chroma_h) : p->height;
        int bytes = av_image_get_linesize(p->format, p->width, i);
        HOLDS(bytes > 0 && p->linesize[i] >= bytes && p->data[i] >= buf->data);
        HOLDS(p->data[i] + (ptrdiff_t)p->linesize[i] * (rows - 1) + bytes <= buf->data + buf->size);
    }
}

static bool is_time(int64_t us)
{
    return us > -YEARS_9000 && us < YEARS_9000;
}

static void judge(const struct scene *s, const struct frame *f, int place)
{
    int w = frame_width(f), h = frame_height(f);
    const struct change_map *map = frame_changes(f);
    HOLDS(w > 0 && w <= FRAME_MAX_SIDE && h > 0 && h <= FRAME_MAX_SIDE);
    HOLDS((int64_t)w * h <= FRAME_MAX_PIXELS);
    HOLDS(map->cols >= 0 && map->cols <= CHANGE_SIDE && map->rows >= 0 && map->rows <= CHANGE_SIDE);
    /* So that the time between any two can be reckoned. */
    HOLDS(is_time(frame_time_us(f)) && is_time(frame_still_us(f)));
    char date[WHEN_TEXT];
    when_format(date, frame_wall_us(f));
    HOLDS(strlen(date) == strlen("1970-01-01T00:00:00.000Z"));
    for (int i = 0; i < map->cols * map->rows; i++)
        HOLDS(is_time(map->at_us[i]));
    judge_planes(s, f, place);
}

/* As the daemon looks at it: a small picture of it, its brightness, the parts that have changed. */
static void look_at(const struct frame *f, struct input *in)
{
    static uint8_t bgr[96 * 64 * 3];
    struct luma l;
    float scale;
    if (frame_luma(f, &l))
        (void)*(const volatile uint8_t *)&l.data[(size_t)(l.height - 1) * (size_t)l.stride +
                                                 (size_t)(l.width - 1) * (size_t)l.step];
    if (frame_width(f) * frame_height(f) <= SMALL) {
        struct scaler *s = scaler_new();
        (void)scale_letterbox(s, f, 96, 64, bgr, &scale);
        (void)scale_crop(s, f, -3, frame_height(f) - 5, 40, 40, SCALE_EDGE, bgr);
        scaler_free(s);
    }
    struct expected people[2] = {{.box = {9, 9, 20, 20}}, {.box = {5, 5, 9, 9}}};
    people[0].box.x = take_byte(in);
    people[0].box.w = take_byte(in);
    people[1].open = take_byte(in) & 1;
    struct regions_wish wish = {.width = frame_width(f),
            .height = frame_height(f),
            .max_side = 640,
            .changes = frame_changes(f),
            .since_us = take_short(in),
            .people = people,
            .n_people = 2};
    struct regions parts;
    (void)regions_familiar(&wish);
    if (!regions_plan(&wish, &parts))
        return;
    HOLDS(parts.n >= 0 && parts.n <= REGIONS_MAX);
    for (int i = 0; i < parts.n; i++) {
        const struct tile *t = &parts.list[i];
        HOLDS(t->x >= 0 && t->y >= 0 && t->w > 0 && t->h > 0);
        HOLDS(t->x + t->w <= frame_width(f) && t->y + t->h <= frame_height(f));
    }
}

/* ------------------------------------------------------------- what is described --- */

static int64_t take_time(struct input *in)
{
    uint8_t how = take_byte(in);
    int64_t t = take_short(in);
    if (how >= 0xf0)
        take(in, &t, sizeof(t));
    return t;
}

static int32_t take_side(struct input *in)
{
    uint8_t how = take_byte(in);
    return how < 0x80 ? how : how < 0xf0 ? take_short(in) : take_int(in);
}

static void describe(struct input *in, struct wire_picture *ret)
{
    static const enum AVPixelFormat usual[] = {AV_PIX_FMT_YUV420P, AV_PIX_FMT_NV12,
            AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_GRAY8, AV_PIX_FMT_BGR24};
    memset(ret, 0, sizeof(*ret));
    uint8_t place = take_byte(in), format = take_byte(in);
    ret->place = place < 0xf0 ? place % WIRE_BUFFERS : take_int(in);
    ret->how = take_byte(in) % 5;
    ret->packed.format = format < 0x40   ? (int32_t)usual[format % 6]
                         : format < 0xf0 ? take_byte(in)
                                         : take_int(in);
    ret->packed.width = take_side(in);
    ret->packed.height = take_side(in);
    ret->packed.color_range = take_byte(in) - 1;
    ret->packed.colorspace = take_byte(in) - 1;
    ret->packed.time_us = take_time(in);
    ret->packed.wall_us = take_time(in);
    ret->still_us = take_time(in);
    ret->cols = take_byte(in) % (CHANGE_SIDE + 2);
    ret->rows = take_byte(in) % (CHANGE_SIDE + 2);
    ret->block = take_side(in);
    uint8_t n = take_byte(in);
    for (int i = 0; i < n && i < CHANGE_SIDE * CHANGE_SIDE; i++)
        ret->at_us[i * 7 % (CHANGE_SIDE * CHANGE_SIDE)] = take_time(in);
}

/* The daemon takes in what it was sent. */
static void receive(struct scene *s, const struct wire_picture *p)
{
    struct wire_message m = {.kind = WIRE_PICTURE, .picture = *p};
    size_t n = 0; /* the one length that it can have */
    if (p->cols >= 0 && p->cols <= CHANGE_SIDE && p->rows >= 0 && p->rows <= CHANGE_SIDE)
        n = offsetof(struct wire_message, picture.at_us) +
            sizeof(p->at_us[0]) * (size_t)p->cols * (size_t)p->rows;
    if (!s->shelf || s->n == LENT_MAX || !wire_is_sound(&m, n))
        return;
    int place = p->place;
    errno = 0;
    struct frame *f = shelf_frame(s->shelf, &m.picture);
    HOLDS(f || errno == EPROTO || errno == ENOMEM);
    if (!f)
        return;
    for (int i = 0; i < s->n; i++)
        HOLDS(s->places[i] != place); /* it is not lent twice */
    judge(s, f, place);
    s->places[s->n] = place;
    s->frames[s->n++] = f;
    s->lent[place]++;
}

/* What a picture shows, row after row. */
static uint8_t *pixels(const AVFrame *p, int *ret_size)
{
    *ret_size = av_image_get_buffer_size(p->format, p->width, p->height, 1);
    uint8_t *bytes = malloc((size_t)*ret_size);
    HOLDS(bytes && av_image_copy_to_buffer(bytes, *ret_size, (const uint8_t *const *)p->data,
                           p->linesize, p->format, p->width, p->height, 1) == *ret_size);
    return bytes;
}

static struct frame *film(struct input *in)
{
    static const enum AVPixelFormat formats[] = {AV_PIX_FMT_YUV420P, AV_PIX_FMT_NV12,
            AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_GRAY8, AV_PIX_FMT_BGR24};
    AVFrame *p = av_frame_alloc();
    HOLDS(p);
    p->format = formats[take_byte(in) % 6];
    p->width = 1 + take_byte(in);
    p->height = 1 + take_byte(in);
    HOLDS(av_frame_get_buffer(p, 0) == 0);
    for (int i = 0; i < 4 && p->buf[i]; i++)
        memset(p->buf[i]->data, 40 + 50 * i, (size_t)p->buf[i]->size);
    for (int i = 0; i < p->width && i < 64; i++)
        p->data[0][i] = take_byte(in);
    int64_t time_us = take_int(in), wall_us = take_int(in) & INT32_MAX;
    struct frame *f = frame_new(p, time_us, wall_us);
    HOLDS(f);
    av_frame_free(&p);
    return f;
}

static void be_honest(struct scene *s, struct input *in)
{
    int place = rack_place(&s->rack, 0);
    if (place < 0 || !s->shelf || s->n == LENT_MAX)
        return;
    bool lied = s->lent[place] != s->rack.out[place] || s->lent[place] != s->returned[place];
    struct frame *f = film(in);
    memset(&s->last, 0, sizeof(s->last));
    HOLDS(rack_put(&s->rack, place, f, &s->last));
    int before = s->n, n, m;
    receive(s, &s->last);
    HOLDS(s->n == before + 1 || lied);
    if (s->n > before) {
        const struct frame *g = s->frames[before];
        uint8_t *a = pixels(frame_picture(f), &n), *b = pixels(frame_picture(g), &m);
        HOLDS(n == m && memcmp(a, b, (size_t)n) == 0);
        HOLDS(frame_time_us(f) == frame_time_us(g) && frame_wall_us(f) == frame_wall_us(g));
        free(a);
        free(b);
    }
    frame_unref(f);
}

/* ------------------------------------------------------------- what happens --- */

static void scribble(struct scene *s, struct input *in)
{
    size_t place = take_byte(in) % WIRE_BUFFERS, at = take_short(in), n = take_byte(in);
    uint8_t *to = s->rack.base + PACK_SIZE * place;
    if (n & 1)
        at = PACK_SIZE - 1 - at;
    n = n < PACK_SIZE - at ? n : PACK_SIZE - at;
    take(in, to + at, n < in->left ? n : in->left);
}

static void give_back(struct scene *s, int i)
{
    int place = s->places[i];
    frame_unref(s->frames[i]);
    s->frames[i] = s->frames[--s->n];
    s->places[i] = s->places[s->n];
    s->returned[place]++;
    HOLDS(!s->shelf || atomic_load(&s->rack.board->back[place]) == s->returned[place]);
}

static void step(struct scene *s, struct input *in)
{
    uint8_t what = take_byte(in);
    int i = s->n ? what / ACTIONS % s->n : -1;
    switch (what % ACTIONS) {
    case DESCRIBE:
        describe(in, &s->last);
        receive(s, &s->last);
        break;
    case HONEST: be_honest(s, in); break;
    case SCRIBBLE: scribble(s, in); break;
    case LOOK:
        if (i >= 0)
            look_at(s->frames[i], in);
        break;
    case RETURN:
        if (i >= 0)
            give_back(s, i);
        break;
    case FORGE: ((uint8_t *)s->rack.board)[what % sizeof(struct board)] = what; break;
    case AGAIN: receive(s, &s->last); break;
    default:
        if (what < 0xf0)
            break; /* seldom, for little can happen afterwards */
        shelf_free(s->shelf);
        s->shelf = NULL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct scene s = {.shelf = shelf_new()};
    int64_t frames, bytes;
    HOLDS(s.shelf && rack_map(&s.rack, shelf_fd(s.shelf)) == 0);
    for (int i = 0; i < STEPS && in.left > 0; i++)
        step(&s, &in);
    while (s.n > 0)
        give_back(&s, 0);
    shelf_free(s.shelf);
    for (int i = 0; i < WIRE_BUFFERS; i++)
        HOLDS(s.returned[i] == s.lent[i]);
    frame_count(&frames, &bytes);
    HOLDS(frames == 0 && bytes == 0);
    HOLDS(munmap(s.rack.board, SHELF_SIZE) == 0);
    return 0;
}
