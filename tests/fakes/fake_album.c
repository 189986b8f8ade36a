/* No pictures are kept: in the place of picture/album.c and flow/scale.c. */
#include "flow/scale.h"
#include "picture/album.h"

#include <assert.h>
#include <stddef.h>

struct album *album_new(void)
{
    assert(0);
    return NULL;
}

void album_free(struct album *a)
{
    assert(!a);
}

void album_look(struct album *a, struct scaler *scaler, const struct frame *f,
        const struct sightings *sightings)
{
    (void)a;
    (void)scaler;
    (void)f;
    (void)sightings;
    assert(0);
}

struct jpeg *album_take(struct album *a, uint64_t track)
{
    (void)a;
    (void)track;
    assert(0);
    return NULL;
}

struct scaler *scaler_new(void)
{
    assert(0);
    return NULL;
}

void scaler_free(struct scaler *s)
{
    assert(!s);
}
