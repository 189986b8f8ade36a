#pragma once

#include "base/err.h"
#include "flow/polygon.h"

#include <stdio.h>

/*
 * A part of a picture as it stands in the configuration, "0,0, 0.5,0, 0.5,1": x and y of each
 * corner, relative to the picture. Errors say what is wrong with the text, and not where it stands.
 */

/* Reads one more polygon. 0 or -EINVAL. */
int area_add(const char *text, struct polygons *p, struct err *e);

/* As libconfig reads it, and to the same numbers. */
void area_print(const struct polygons *p, FILE *to);
