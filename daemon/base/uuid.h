#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * UUIDv7 (RFC 9562, 5.7): a name that nobody else gives, and that sorts by the time it was given.
 */
#define UUID_TEXT 37 /* 36 characters and the end */

/* wall_us goes into the first 48 bits as milliseconds; the rest is random. */
void uuid_make(char ret_text[UUID_TEXT], int64_t wall_us);

/* 8-4-4-4-12 lower-case hexadecimal digits? */
bool uuid_valid(const char *text);
