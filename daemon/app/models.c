#include "app/models.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

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

static int check_one(
        const char *dir, const char *key, const char *name, enum card_kind kind, struct err *e)
{
    struct card *card = card_load(dir, name, e);
    bool fits = card && card->kind == kind;
    if (card && !fits)
        (void)err_set(e, -EINVAL, "it is the card of %s",
                kind == CARD_DETECTOR ? "attributes" : "a detector");
    card_free(card);
    if (fits)
        return 0;
    struct err why = *e;
    return err_set(e, -EINVAL, "models.%s = \"%s\": %s; `facectl models` lists what is there", key,
            name, why.text);
}

int models_check(const struct conf *conf, struct err *e)
{
    const char *dir = conf->models.dir;
    if (access(dir, X_OK) < 0)
        return err_set(e, -ENOENT,
                "models.dir = \"%s\": %s; name the folder of the models, or install faced-models",
                dir, err_name(errno));
    int r = check_one(dir, "detector", conf->models.detector, CARD_DETECTOR, e);
    return r < 0 ? r : check_one(dir, "attributes", conf->models.attributes, CARD_ATTRIBUTES, e);
}
