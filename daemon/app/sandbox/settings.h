#pragma once

#include "flow/settings.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A camera's settings as the daemon hands them to the process that decodes it: what a session
 * needs, and of secrets no other camera's.
 */

/* One document; the caller's, who wipes it. */
char *settings_pack(const struct conf_camera *conf, uint64_t enough);

/* Fills *ret, whose strings are the caller's for good. False: it is not such a document. */
bool settings_unpack(const char *text, size_t n, struct conf_camera *ret, uint64_t *ret_enough);
