#pragma once

#include "source/fault.h"

/*
 * What can be said of a local file or device before libav tries it: that it is not there, is a
 * directory, may not be read, is empty or plain text. libav would call most of these "invalid
 * data", would wait for ever on a pipe, and takes some texts for videos or play lists.
 */

struct AVIOContext;

/* Opens the file now for later: for a process that will soon be unable to. Called once; a failure
 * shows later. */
void local_keep(const char *path);

/* The file for libav to read and seek in; NULL: it cannot be opened, with a negative errno. Freed
 * by local_close(). */
struct AVIOContext *local_open(const char *path, int *ret_error);
void local_close(struct AVIOContext **io); /* *io NULL is fine */

/* SOURCE_OK, or the fault and its sentence. */
enum source_fault local_check_file(const char *path, struct err *e);

/* The same for /dev/videoN; also loads libavdevice, which nothing else needs. */
enum source_fault local_check_webcam(const char *path, struct err *e);
