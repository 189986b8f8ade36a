#pragma once

#include "app/score.h"
#include "base/err.h"

/*
 * What is known of a clip: who is in it, and where each face is at any time. The format of the file
 * is described in facectl(1), under evaluate.
 */
struct truth;

struct truth *truth_open(const char *path, struct err *e);
void truth_close(struct truth *t); /* NULL is fine */

/* Everybody in it, told to a score. */
void truth_people(const struct truth *t, struct score *s);

/*
 * Writes the faces at the time nearest to this one, in seconds from the clip's first picture, as
 * they lie in a picture of this size; at most FACES_MAX. How many.
 */
int truth_at(const struct truth *t, double seconds, int width, int height,
        struct score_face ret_faces[FACES_MAX]);
