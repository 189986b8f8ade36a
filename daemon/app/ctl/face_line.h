#pragma once

#include "app/labels.h"
#include "app/viewer.h"

/*
 * What is known of one labelled picture, as a line of JSON for scripts that calibrate or compare
 * models: its label, and of the face that the label is about (NULL: none was found) all that was
 * measured, estimated and answered. n: faces found in it.
 */
void face_line_print(
        const struct label *l, const struct frame *f, int n, const struct view_face *face);
