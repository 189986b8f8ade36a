#pragma once

#include "flow/event.h"

#include <microhttpd.h>
#include <stdbool.h>

/*
 * The people as they come and go, for browsers that listen: server-sent events (WHATWG HTML, 9.2).
 *
 * The store says which record was committed; a thread of our own reads its row, as it then stands
 * in the database, and hands it to all who listen. Nobody listens: nothing is read. A listener who
 * does not keep up is sent away; his browser comes back by itself and asks for what it missed.
 *
 * Threads: news_committed() by the store's thread, everything else by main but news_listen(), by
 * the web server's.
 */
struct news;

struct news *news_new(const char *database);
void news_free(struct news *n); /* NULL is fine; the server is stopped */

int news_start(struct news *n); /* again is fine */

/* Everybody who listens at a server is sent away, now and from now on, before it stops: sets its
 * flag. */
void news_dismiss(struct news *n, bool *closing);

/* At the end; NULL is fine. */
void news_stop(struct news *n);

void news_committed(struct news *n, const struct event *ev); /* never blocks */

/* The answer to one more who listens at the server with this flag; NULL: too many do. */
struct MHD_Response *news_listen(struct news *n, struct MHD_Connection *c, const bool *closing);
#define NEWS_LISTENERS 64
