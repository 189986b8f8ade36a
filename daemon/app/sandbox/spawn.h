#pragma once

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * Starts this program anew as the process that decodes a camera (app/sandbox/child.h): with the
 * descriptors that it gets, no others, and nothing of the environment that it does not need.
 *
 * The process, or a negative errno. The descriptors stay the caller's.
 */
pid_t spawn_child(const char *camera, int socket, int shelf, struct err *e);

/* Ends it at once if it lives, and says how it ended before that: NULL for in good order, or a
 * phrase like "crashed (SEGV)" in *buffer. */
const char *spawn_reap(pid_t pid, char *buffer, size_t size);
