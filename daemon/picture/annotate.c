#include "picture/annotate.h"

#include "picture/canvas.h"
#include "picture/caption.h"
#include "picture/layout.h"

#include <cairo/cairo.h>
#include <math.h>

/* Bright on dark and dark on bright: a light line between two dark ones. */
#define INK   0.06, 0.09, 0.12
#define LIGHT 0.98, 0.86, 0.20

struct text {
    char text[LABEL_TEXTS][CAPTION_TEXT];
};

static struct box scaled(const struct box *b, float scale)
{
    return (struct box){b->x * scale, b->y * scale, b->w * scale, b->h * scale};
}

static void line(cairo_t *cr, double width)
{
    cairo_set_source_rgb(cr, INK);
    cairo_set_line_width(cr, width * 2);
    cairo_stroke_preserve(cr);
    cairo_set_source_rgb(cr, LIGHT);
    cairo_set_line_width(cr, width);
    cairo_stroke(cr);
}

static void font(cairo_t *cr, double size)
{
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(cr, size);
}

static float ems(cairo_t *cr, const char *text)
{
    cairo_text_extents_t t;
    font(cr, 100);
    cairo_text_extents(cr, text, &t);
    return (float)(t.x_advance / 100);
}

/* From the middle of the label to that of the face, as far as the face's edge. */
static void leader(cairo_t *cr, const struct label *l, double width)
{
    double x0 = l->at.x + l->at.w / 2, y0 = l->at.y + l->at.h / 2;
    double dx = l->face.x + l->face.w / 2 - x0, dy = l->face.y + l->face.h / 2 - y0;
    double part_x = dx != 0 ? l->face.w / 2 / fabs(dx) : INFINITY;
    double part_y = dy != 0 ? l->face.h / 2 / fabs(dy) : INFINITY;
    double part = 1 - fmin(1, fmin(part_x, part_y));
    cairo_move_to(cr, x0, y0);
    cairo_line_to(cr, x0 + part * dx, y0 + part * dy);
    line(cr, width);
}

static void write_label(cairo_t *cr, const struct label *l, const char *text)
{
    cairo_rectangle(cr, l->at.x, l->at.y, l->at.w, l->at.h);
    cairo_set_source_rgba(cr, INK, 0.88);
    cairo_fill(cr);
    cairo_font_extents_t f;
    font(cr, l->font);
    cairo_font_extents(cr, &f);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_move_to(cr, l->at.x + layout_padding(l->font),
            l->at.y + (l->at.h - (f.ascent + f.descent)) / 2 + f.ascent);
    cairo_show_text(cr, text);
}

static void draw(
        cairo_t *cr, const struct label *labels, const struct text *texts, int n, double width)
{
    for (int i = 0; i < n; i++) {
        const struct box *b = &labels[i].face;
        cairo_rectangle(cr, b->x, b->y, b->w, b->h);
        line(cr, width);
        if (labels[i].shown && labels[i].apart)
            leader(cr, &labels[i], width);
    }
    for (int i = 0; i < n; i++) {
        if (labels[i].shown)
            write_label(cr, &labels[i], texts[i].text[labels[i].text]);
    }
}

void annotate(struct canvas *c, const struct portrait *faces, int n, float scale)
{
    struct label labels[SIGHTINGS_MAX];
    struct text texts[SIGHTINGS_MAX];
    int people = 0;
    cairo_surface_t *surface = cairo_image_surface_create_for_data(
            c->rows, CAIRO_FORMAT_RGB24, c->width, c->height, c->stride);
    cairo_t *cr = cairo_create(surface);
    for (int i = 0; i < n && people < SIGHTINGS_MAX; i++) {
        if (!faces[i].person)
            continue;
        struct label *l = &labels[people];
        struct text *text = &texts[people++];
        *l = (struct label){.face = scaled(&faces[i].box, scale)};
        caption_full(text->text[0], &faces[i].answers);
        caption_brief(text->text[1], &faces[i].answers);
        for (int t = 0; t < LABEL_TEXTS; t++)
            l->ems[t] = ems(cr, text->text[t]);
    }
    layout_labels(labels, people, c->width, c->height);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    draw(cr, labels, texts, people, fmax(1.5, layout_font(c->width, c->height) / 8));
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
}

/* ------------------------------------------------------------- the mosaic --- */

#define AROUND 0.2f /* of the box: hair and chin */
#define TILES  6    /* across a face */

static void even(struct canvas *c, int x0, int y0, int x1, int y1)
{
    uint64_t sum[3] = {0};
    uint64_t n = (uint64_t)(x1 - x0) * (uint64_t)(y1 - y0);
    for (int pass = 0; pass < 2; pass++) {
        for (int y = y0; y < y1; y++) {
            uint8_t *p = c->rows + (size_t)y * (size_t)c->stride + (size_t)x0 * 4;
            for (int x = x0; x < x1; x++, p += 4) {
                for (int i = 0; i < 3; i++) {
                    if (pass == 0)
                        sum[i] += p[i];
                    else
                        p[i] = (uint8_t)(sum[i] / n);
                }
            }
        }
    }
}

static int between(float v, int most)
{
    return !(v > 0) ? 0 : v > (float)most ? most : (int)v;
}

void blur(struct canvas *c, const struct portrait *faces, int n, float scale)
{
    for (int i = 0; i < n; i++) {
        struct box b = scaled(&faces[i].box, scale);
        int x0 = between(floorf(b.x - AROUND * b.w), c->width);
        int y0 = between(floorf(b.y - AROUND * b.h), c->height);
        int x1 = between(ceilf(b.x + (1 + AROUND) * b.w), c->width);
        int y1 = between(ceilf(b.y + (1 + AROUND) * b.h), c->height);
        int tile = (int)fmaxf(1, ceilf(fmaxf(b.w, b.h) * (1 + 2 * AROUND) / TILES));
        for (int y = y0; y < y1; y += tile) {
            for (int x = x0; x < x1; x += tile)
                even(c, x, y, x + tile < x1 ? x + tile : x1, y + tile < y1 ? y + tile : y1);
        }
    }
}
