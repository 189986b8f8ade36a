#pragma once

#include "flow/face.h"
#include "flow/frame.h"

#include <stdint.h>

/*
 * Frames without pixels, in the place of flow/frame.c: a picture says of itself which faces are in
 * it, for fake_vision.c to find.
 *
 * Threads: as with real ones; what is set at birth is not changed.
 */
#define FAKE_FRAME_FACES 8

struct frame *fake_frame_new(int64_t time_us, const struct face *faces, int n);

/* Whose it is and which one, for tests that look at the order; 0 and 0 at birth. */
void fake_frame_mark(struct frame *f, int lane, int number);
int fake_frame_lane(const struct frame *f);
int fake_frame_number(const struct frame *f);

/* What frame_luma() gives, which is not copied; nothing at birth. */
void fake_frame_show(struct frame *f, const struct luma *luma);

/* Copies the faces; how many. */
int fake_frame_faces(const struct frame *f, struct face *ret);

int fake_frame_alive(void); /* frames that nobody has let go yet */

/* 640 x 480 pixels; wall time is the track's and so much more: */
#define FAKE_FRAME_WALL_US (INT64_C(1700000000) * 1000000)
