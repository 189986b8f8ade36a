#pragma once

#include "flow/face.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Faces that never move: a poster, a screen, a pattern that is taken for a face.
 *
 * A poster is found for hours, now surely, now hardly, and would be a new person each time. What
 * tells it from somebody is that it never moves: a person comes and goes, and a head sways by more
 * than a quarter of its width within half a minute. So a track keeps an eye on whether it ever left
 * its first place (struct still), and where tracks ended that never did, the place is remembered.
 * A face that appears there is held back until it moves when the place has had such tracks for
 * PLACE_STILL_US in sum, or PLACE_TRACKS of them, or when unsure detections since then,
 * PLACE_ECHOES of them, say that whatever it was never left. Who sits down where somebody sat is
 * not held back: both of them walked there. A place is forgotten when nothing at all was found in
 * it for PLACE_US.
 *
 * Pure; no allocation. Boxes must be sane (box_sane()).
 */
#define PLACE_STILL_US (30 * INT64_C(1000000))
#define PLACE_TRACKS   5
#define PLACE_ECHOES   3
#define PLACE_US       (3600 * INT64_C(1000000))
#define PLACES_MAX     32 /* of more, those are forgotten that were seen least lately */

/* Has it ever left its first place? */
struct still {
    struct box place; /* the mean of the first few boxes */
    int n, away;      /* how many; boxes outside of it, one after the other */
    bool moved;
};

void still_start(struct still *s, const struct box *b);
void still_see(struct still *s, const struct box *b);

/* Is it the same place, for a face that does not move? */
bool still_here(const struct box *place, const struct box *b);

struct places {
    int n;
    struct place {
        struct box box;
        int64_t still_us, seen_us;
        int tracks, echoes;
    } list[PLACES_MAX];
};

/* A track that never moved was found here for so long. */
void places_add(struct places *p, const struct box *b, int64_t still_us, int64_t now_us);

/* Something was found here, however unsurely. */
void places_see(struct places *p, const struct box *b, int64_t now_us);

/* Is this a place where a face is to be held back? */
bool places_hold(const struct places *p, const struct box *b);

void places_forget(struct places *p, int64_t now_us); /* what was not seen for long */

/* The clock stepped back to now_us: all times move with it. */
void places_step_back(struct places *p, int64_t by_us, int64_t now_us);
