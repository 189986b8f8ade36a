#pragma once

#include "flow/face.h"
#include "vision/tiles.h"

#include <stdbool.h>

struct card;
struct conf_camera;

/*
 * What of a camera's pictures the configuration wants: zones and masks, the smallest and the
 * largest face, tiles. Pure but for the log. Sizes are the picture's, in pixels.
 */

/* Does the middle of the box lie where somebody wants to look? */
bool scope_holds(const struct conf_camera *conf, const struct box *box, int width, int height);

/* Puts the faces that are not wanted behind all others; how many are wanted. */
int scope_faces(const struct conf_camera *conf, struct face *faces, int n, int width, int height);

/* How pictures of this size are cut up for this detector; what that finds and costs is told. */
void scope_tiles(const struct conf_camera *conf, const struct card *detector, int width, int height,
        struct tiles *ret);
