#pragma once

#include "flow/event.h"

/*
 * The words that stand at a face: what is known of it, and how sure that is.
 *
 *     female 97 %, 25-32 71 %      both answers, each with its probability where it has one
 *     female, age ?                one is withheld
 *     unknown: too small           both are
 */
#define CAPTION_TEXT 64

void caption_full(char ret_text[CAPTION_TEXT], const struct answers *a);

/* For a line of text, where each that is withheld has its reason: "gender ? (blurred), 25-32". */
#define CAPTION_LINE (2 * CAPTION_TEXT + 2)
void caption_line(char ret_text[CAPTION_LINE], const struct answers *a);

/* "F 25-32", "F ?", "?": for where there is little room. */
void caption_brief(char ret_text[CAPTION_TEXT], const struct answers *a);

/* A reason as people say it: "too small". */
const char *caption_reason(enum unknown reason);
