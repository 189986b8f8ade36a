#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Labelled pictures: whose face is in which file, by manifests and by Adience's fold files.
 *
 * A manifest is a table with tabs whose header names the columns path, age and gender; others may
 * stand beside them. A path is relative to the manifest. Ages are years (64.4), a range (25-32,
 * 70+) or nothing, genders M, F or nothing. A fold file is known by its header, which begins with
 * user_id; see app/adience.h. What stands in a file and is not understood is one sentence with the
 * file, the line, and what is allowed. Pure: no picture is looked for.
 */
enum label_age {
    LABEL_AGE_NONE,
    LABEL_AGE_YEARS, /* judged by the eight ranges, as is ... */
    LABEL_AGE_EIGHT, /* ... one of Adience's, which are them and what comes near */
    LABEL_AGE_RANGE, /* judged by itself and its neighbours in the same file */
};

enum label_gender {
    LABEL_GENDER_NONE,
    LABEL_MALE,
    LABEL_FEMALE,
};

#define LABEL_TEXT 16

struct label {
    enum label_age age;
    char age_text[LABEL_TEXT]; /* as it stands in the file */
    float low, high;           /* years: both; a range: [low, high), INFINITY where it is open */
    float near_low, near_high; /* RANGE: from the neighbour below to the one above */
    int range;                 /* of the eight, the nearest; -1 without an age */
    enum label_gender gender;
    int file;    /* which of the set's files, from 0 */
    char *path;  /* of the picture; NULL: not known yet, as with a fold file */
    char *user;  /* with a fold file: the folder of the picture, and ... */
    char *photo; /* ... the end of its name, FACE_ID.ORIGINAL */
};

struct labels {
    size_t n;
    struct label *list;
    int n_files;
    struct label_file {
        char *path;
        bool fold;
    } * files;
};

/* Adds a file's lines to the set. 0, or a negative errno with a sentence; labels_done() is right
 * either way. */
int labels_read(struct labels *set, const char *path, struct err *e);
int labels_read_from(struct labels *set, const char *path, FILE *in, struct err *e);
void labels_done(struct labels *set);

/* Somewhere in it: the middle of a range, where it begins if it is open. There must be an age. */
float label_middle(const struct label *l);
