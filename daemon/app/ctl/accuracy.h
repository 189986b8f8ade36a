#pragma once

#include "app/tally.h"

#include <jansson.h>

/*
 * How a tally is told: as tables for people, and as the JSON of facectl(1), `evaluate`. Shares are
 * 0 to 1 in JSON and per cent in tables; where nothing was counted stands null, or a dash.
 */
void accuracy_print(const struct tally *t);
json_t *accuracy_json(const struct tally *t);

/* The same for parts of the whole, whose mean and standard deviation (of a sample) are told too;
 * into `to` come the keys folds, mean and sd. */
void accuracy_print_folds(const struct tally *folds, const struct labels *set);
void accuracy_add_folds(json_t *to, const struct tally *folds, const struct labels *set);
