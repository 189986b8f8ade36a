/* A record of somebody of whom all is known, for tests and their tools. */
#pragma once

#include "flow/event.h"

#include <stdio.h>

/* All but who it is, when, and where. */
static inline void kit_describe(struct record *r)
{
    r->reason = END_LEFT;
    r->answers = (struct answers){
            .age_range = 4,
            .age_years = 29.4f,
            .age_probability = 0.71f,
            .female = true,
            .gender_probability = 0.97f,
    };
    r->samples = 6;
    r->score = 0.93f;
    r->box = (struct box){0.41f, 0.22f, 0.06f, 0.11f};
    r->width_px = 84;
    (void)snprintf(r->detector, sizeof(r->detector), "yunet");
    (void)snprintf(r->attributes, sizeof(r->attributes), "xception");
}
