#pragma once

#include <stddef.h>

/*
 * Small allocations that may not fail.
 *
 * Without a few hundred bytes nothing sensible can go on: these print one line and leave at once;
 * systemd starts us again, and what was committed is safe. Pictures, packets and whatever a
 * stranger can make large do not belong here: they use malloc() and survive its failure.
 */
void *mem_new(size_t n, size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *mem_grow(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_format(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* malloc() for a library that does not survive its failure: jansson goes on and leaves letters out
 * of a text, or calls a sound one broken. The programs give it to it. */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));

/* p, or the line "out of memory" and the end when p is NULL: for what a library allocated. */
void *mem_check(void *p) __attribute__((returns_nonnull));
