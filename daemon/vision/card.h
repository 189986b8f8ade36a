#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "flow/face.h"
#include "flow/scale.h"

/*
 * A model card: what must be known of a model to use it rightly and to trust what it says.
 *
 * A card is the file NAME.card.json in the folder of models, beside the files that it names. It
 * says how the net is fed and read, which faces it was made for, how far its answers were measured
 * to be off, and under which licence it comes. A new model of a known engine is a new card and no
 * new code. Every key is checked: what is unknown, missing, of the wrong type or out of range is
 * one sentence with the file and the key.
 */
enum card_kind {
    CARD_DETECTOR,
    CARD_ATTRIBUTES,
};

/* How the net's picture is cut out around the face. */
struct card_crop {
    float square;   /* a square of so many times the box's longer side, same centre; or 0 and ... */
    int margin_px;  /* the box and so many pixels around it, cut at the picture's edge */
    bool landmarks; /* the square is upright and measured by the landmarks (vision/align.h) */
    bool mirror;    /* left is right */
    enum scale_outside outside; /* of a square */
};

/* One look of a combination: a member and what it gets to see. */
struct card_view {
    int member;
    struct card_crop crop;
};

struct card_file {
    char *role;   /* "weights", "graph"; with two nets "age_weights" and so on */
    char *path;   /* with the folder */
    char *sha256; /* NULL: nobody has published it, so it is not checked */
};

#define CARD_FILES   4
#define CARD_VIEWS   8
#define CARD_MEMBERS 4

struct card {
    char *path; /* of the card */
    char name[33];
    enum card_kind kind;
    char *engine; /* "yunet", "ssd", "years", "ranges", "combined" */
    struct card_file file[CARD_FILES];
    int n_files;

    struct {
        int width, height; /* fixed; or 0 and ... */
        int max_side;      /* the picture's own size, at most so long */
        float mean[3];     /* in the order of the net's channels */
        float scale;
        bool swap_rb;
        bool average; /* a crop of twice the size and more is averaged, not sampled */
    } input;

    /* detectors */
    float start_score; /* a detection so sure begins a track ... */
    float start_eyes;  /* ... if its eyes are so far apart, in widths of the box */
    float keep_score;  /* and so sure continues one; others are not given out */
    float min_width;   /* the narrowest face that it finds nine times of ten, in pixels of its
                          input; 0: not measured, and no tiles are made */
    float overlap;     /* two boxes that share more of their union are one face */

    /* attributes */
    struct card_crop crop;
    char *age_output, *gender_output;
    bool female_first;      /* the order of the gender output */
    float age_scale;        /* years per unit of the age output */
    float gender_min_years; /* at an estimated age below, its gender is chance and not given */
    float gender_slope, gender_shift; /* of female_p's logit, that make it a probability; 1 and 0:
                                         as the net says it */
    float age_min, age_max;           /* what it learned */
    struct traits measured; /* only age_error, n_age_error and gender_measured are filled in */

    /* the engine "combined": what others say of several views of a face is made one answer, by
     * the file "calibration" (vision/fusion.h) */
    struct card *member[CARD_MEMBERS]; /* owned; of the engine "years" */
    int n_members;
    struct card_view view[CARD_VIEWS];
    int n_views;

    /* for people */
    char *about, *source, *licence, *training_data, *not_fit_for;
    char *accuracy_published, *accuracy_measured; /* NULL: unknown */
};

struct card *card_load(const char *dir, const char *name, struct err *e);
void card_free(struct card *c); /* NULL is fine */

/* The path of the file in that role, or NULL. */
const char *card_path(const struct card *c, const char *role);

/* Every file is there and has the sum of the card. The openers of models call it. */
int card_verify(const struct card *c, struct err *e);

/* What the emitter must know of the two. */
void card_traits(const struct card *detector, const struct card *attributes, struct traits *ret);
