#pragma once

#include "base/err.h"

#include <stddef.h>

/*
 * The configuration file as text, looked at before libconfig 1.5 sees it, because that library
 * ends the process at an @include of a folder, takes 99999999999 for another number without a
 * word, and reads only up to a 0 byte.
 */
#define TEXT_LARGEST (1024 * 1024)

/* Reads a regular file of at most TEXT_LARGEST bytes. Returns 0 and a string to be wiped and
 * freed, or a negative errno. */
int text_read(const char *file, char **ret_text, size_t *ret_size, struct err *e);

/* Refuses what libconfig would not survive or understand. 0 or -EINVAL; the error begins with
 * the file and the line. */
int text_check(const char *file, const char *text, size_t size, struct err *e);
