#pragma once

#include "conf/schema.h"
#include "flow/settings.h"

#include <stdbool.h>

/*
 * What a reload changes: two configurations side by side, key by key of the table in schema.c.
 * Secrets are compared as they are, so that a new password in a file is a change. Pure.
 */

/* The first key outside of `cameras` behind `after` whose values differ; NULL: there is no more.
 * after NULL begins. */
const struct conf_key *conf_difference(
        const struct conf *a, const struct conf *b, const struct conf_key *after);

bool conf_same_camera(const struct conf_camera *a, const struct conf_camera *b);

/* The camera of this name; NULL: none. */
const struct conf_camera *conf_camera_named(const struct conf *c, const char *name);
