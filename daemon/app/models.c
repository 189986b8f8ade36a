#include "app/models.h"

#include <stddef.h>

int models_load(struct models *m, const struct conf *conf, struct err *e)
{
    m->detector = card_load(conf->models.dir, conf->models.detector, e);
    m->attributes = m->detector ? card_load(conf->models.dir, conf->models.attributes, e) : NULL;
    if (!m->attributes)
        return -1;
    card_traits(m->detector, m->attributes, &m->traits);
    return 0;
}

void models_done(struct models *m)
{
    card_free(m->detector);
    card_free(m->attributes);
    m->detector = m->attributes = NULL;
}
