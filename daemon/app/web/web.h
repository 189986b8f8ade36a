#pragma once

#include "base/err.h"
#include "flow/settings.h"

struct live;
struct news;

/*
 * The web server: pages, the JSON API under /api/v1/, metrics.
 *
 * It asks nobody: it reads the database through connections of its own, main leaves it the status
 * document every second, and the cameras' pictures come through app/web/live.h. So whatever
 * somebody does to it, cameras and records go on.
 *
 * Threads: libmicrohttpd's few, which never wait for a slow client; one for what browsers listen to
 * (news.h) and one that looks at visitors' pictures (photo.h). All functions are main's.
 */
struct web;

/* Borrowed; they outlive it. */
struct web_links {
    struct live *live;
    struct news *news;
};

/*
 * Opens the port of http.listen and serves. conf is held. old: the one that this one replaces; its
 * port is taken over if it is the same, and both serve until the old one is closed. NULL: the port,
 * the certificate or the models cannot be had, or there is no password and there must be one; see
 * e.
 */
struct web *web_open(
        struct conf *conf, const struct web_links *links, const struct web *old, struct err *e);
void web_close(struct web *w); /* NULL is fine */

/* What the daemon is doing now, as health_status() says it; takes the text over. */
void web_status(struct web *w, char *json);
