#include "app/doze.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "sample/sampler.h"
#include "sample/scene.h"
#include "source/decoder.h"

#include <stdlib.h>

struct doze {
    /* set at birth */
    const struct conf_camera *conf;
    struct decoder *decoder;
    /* owned by the camera's thread */
    struct sampler sampler;
    struct scene scene;
    struct doze_counts counts;
};

struct doze *doze_new(const struct conf_camera *conf, struct decoder *decoder)
{
    struct doze *d = mem_new(1, sizeof(*d));
    d->conf = conf;
    d->decoder = decoder;
    sampler_init(&d->sampler, conf->fps);
    scene_init(&d->scene);
    return d;
}

void doze_free(struct doze *d)
{
    free(d);
}

enum source_fault doze_push(struct doze *d, const struct packet *packet, struct err *e)
{
    if (packet && !packet->key && d->conf->decode == DECODE_KEYFRAMES)
        return SOURCE_OK;
    return decoder_push(d->decoder, packet, e);
}

static void look(struct doze *d, struct frame *f)
{
    struct luma luma;
    struct scene_change change;
    if (d->conf->decode == DECODE_ALL)
        return;
    bool has = frame_luma(f, &luma);
    scene_look(&d->scene, has ? &luma : NULL, frame_time_us(f), &change);
    frame_note_still(f, change.still_us);
}

struct frame *doze_pull(struct doze *d)
{
    struct frame *f;
    while ((f = decoder_pull(d->decoder))) {
        d->counts.frames++;
        if (sampler_take(&d->sampler, frame_time_us(f))) {
            look(d, f);
            return f;
        }
        frame_unref(f);
    }
    return NULL;
}

struct doze_counts doze_counts(const struct doze *d)
{
    return d->counts;
}
