#pragma once

#include "flow/event.h"
#include "flow/face.h"

#include <stdint.h>

/*
 * The best picture of each person who is there, while privacy.store_crops asks for it.
 *
 * A person's picture is replaced when one comes that is clearly better; it is kept as a JPEG of
 * some kilobytes, so that nobody holds whole frames for hours. When the person has gone the
 * picture travels with the event of type END. One album belongs to one camera's lane.
 */
struct album;
struct frame;
struct scaler;

struct album *album_new(void);
void album_free(struct album *a); /* NULL is fine */

/* Looks at those sightings that were found in this picture and chosen for an estimate. */
void album_look(struct album *a, struct scaler *scaler, const struct frame *f,
        const struct sightings *sightings);

/* The track's picture, the caller's; NULL: none. */
struct jpeg *album_take(struct album *a, uint64_t track);
