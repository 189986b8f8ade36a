#pragma once

#include <stdbool.h>

/*
 * "Please come to an end", and a way to wait that hears it.
 *
 * One asks, any number look or wait. Once asked it stays asked until it is cleared. stop_asked()
 * is a single atomic read, so that FFmpeg's interrupt callback may call it as often as it likes.
 */
struct stop;

struct stop *stop_new(void);
void stop_free(struct stop *s); /* NULL is fine; nobody may be waiting */

void stop_ask(struct stop *s);
bool stop_asked(const struct stop *s);

/* Back to the beginning; only for the one who waits, who then looks at what it was woken for. */
void stop_clear(struct stop *s);

/* A descriptor that can be read from while it is asked, for whoever waits for others as well; not
 * to be read from. */
int stop_fd(const struct stop *s);

/* Waits at most timeout_ms (-1: for good); true as soon as somebody has asked. */
bool stop_wait(struct stop *s, int timeout_ms);
