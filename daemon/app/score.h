#pragma once

#include "flow/face.h"

/*
 * How well the records of a clip agree with what is known of it.
 *
 * The caller tells, picture by picture, where the people are and where tracks were found, and which
 * tracks became records; a track that did not is no news to anybody and is left out. Then come the
 * measures of the trade, and what an operator would ask: was somebody missed, counted twice, taken
 * for somebody else, or invented?
 *
 * A face and a sighting can be one when their boxes overlap by SCORE_IOU, or are of about the same
 * size with centres close together: for small faces a pixel is much. Whoever is hidden, or does
 * not count at all, must not be found; who finds them is not blamed either.
 *
 * Pure: no clock, no files. Memory for each picture of the clip.
 */
struct score;

#define SCORE_IOU    0.4f
#define SCORE_NEAR   0.35f /* distance of centres, in sizes of the true face */
#define SCORE_RATIO  1.6f  /* of the sizes, at most */
#define SCORE_HIDDEN 0.5f  /* less of the face can be seen: hidden */
#define SCORE_MANY   256   /* people, and records, at most */

struct score *score_new(void);
void score_free(struct score *s); /* NULL is fine */

/* One who is in the clip, once. counts: he must have a record; else he may have one. */
void score_person(struct score *s, int id, bool counts);

struct score_face {
    int id; /* of a person who was told before */
    struct box box;
    float visible; /* share, 0 to 1 */
};

struct score_seen {
    uint64_t track;
    struct box box;
};

/* The next picture: who is there, and which tracks were found. Insane boxes are left out. */
void score_picture(struct score *s, const struct score_face *faces, int n_faces,
        const struct score_seen *seen, int n_seen);

/* This track became a record. */
void score_record(struct score *s, uint64_t track);

struct score_sum {
    int pictures;
    int people;  /* who count */
    int records; /* all of them */

    /* A record is whose it shows most, one for each person, so that the sum of pictures is the
     * largest. */
    int missed;  /* people who count and have none */
    int doubled; /* records that show somebody who has one */
    int swapped; /* records that show a second person, in 3 pictures and a fifth of theirs */
    int extra;   /* records that mostly show nobody */

    /* Of people who count and pictures in which they can be seen. */
    long faces, matched, missing, wrong; /* wrong: sightings of nobody */
    int switches;       /* a person was another track's the time before (CLEAR MOT) */
    int mostly_tracked; /* people matched in four of five pictures */
    double mota;        /* 1 - (missing + wrong + switches) / faces; NAN without faces */
    double idf1; /* 2 IDTP / (faces + sightings), Ristani et al. 2016; NAN with neither of both */
};

/* -E2BIG: more than SCORE_MANY people or records. */
int score_sum(const struct score *s, struct score_sum *ret);
