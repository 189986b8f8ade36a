#pragma once

#include "base/err.h"

/*
 * Is everything in the database as this program leaves it? For the operator who had a full disk, a
 * power cut or a visit by another program.
 *
 * Looks, at one moment, at what is always true: the file's own structure; every ended record has a
 * seq and nobody else, and as many as were given are there or were removed; the outbox is in the
 * order of its numbers and of the size that is counted; no quarter sums up less than its records;
 * every picture has its row and its file. May run while a daemon writes.
 */

/* Calls each() with a sentence for everything that is not so; how many, or a negative errno: it
 * cannot be read. Of the same kind only the first twenty are told. */
int verify(
        const char *path, void (*each)(const char *finding, void *arg), void *arg, struct err *e);
