#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The little that must be known of UTF-8 (RFC 3629) to refuse what is not text before it goes into
 * topics, JSON and log lines.
 */

/* Bytes of the well-formed character at s, which a NUL ends; 0: there is none. */
size_t utf8_length(const unsigned char *s);

/* Is the character at s a control character: C0, DEL or C1? */
bool utf8_control(const unsigned char *s);
