#pragma once

#include "base/err.h"
#include "flow/settings.h"
#include "vision/card.h"

/*
 * The two models that the configuration names: their cards, and what the emitter must know of them
 * together. Nets are opened from the cards by whoever runs them, one for each thread.
 */
struct models {
    struct card *detector, *attributes;
    struct traits traits;
};

/* 0, or -1 with a sentence; models_done() is right either way. */
int models_load(struct models *m, const struct conf *conf, struct err *e);
void models_done(struct models *m);

/* Are the two cards there, right, and each of its kind? No net is opened and no sum compared. 0, or
 * a negative errno with a sentence that names the key; -ENOENT: there is no folder of models. */
int models_check(const struct conf *conf, struct err *e);
