#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * For what nobody may guess: randomness, comparing without telling by the time it takes how much
 * was right, and a keyed digest by which a secret is known again without being kept.
 */
void secret_random(void *ret, size_t n);
bool secret_equal(const void *a, const void *b, size_t n);

/* HMAC-SHA-256 (RFC 2104). */
#define SECRET_DIGEST 32
void secret_digest(const uint8_t key[SECRET_DIGEST], const char *text, uint8_t ret[SECRET_DIGEST]);
