#pragma once

#include "flow/view.h"

#include <stdbool.h>
#include <stdint.h>

struct json_t;

/*
 * What the cameras see, for somebody who looks just now.
 *
 * Who asks for a camera's picture makes it wanted for some seconds, and only then a worker hands
 * over what it looks at: a reference and some boxes. Drawing and encoding are the asker's own work,
 * and done once for all who look at the same picture. Nobody looks: nothing is done.
 *
 * Threads: any.
 */
struct live;

struct live *live_new(void);
void live_free(struct live *l); /* NULL is fine; no pipeline is left */

/* For the pipelines. */
struct view_links live_links(struct live *l);

#define LIVE_ETAG 48

/*
 * The camera's latest picture with boxes and labels as a JPEG of at most `width` pixels across, the
 * caller's; NULL: there is none yet, or `etag` names it (then *ret_same). hide: faces are made
 * unrecognisable; a picture that was drawn for others without is not the same, and is not given.
 */
struct jpeg *live_picture(struct live *l, const char *camera, int width, bool hide,
        const char *etag, char ret_etag[LIVE_ETAG], bool *ret_same);

/* Who is in it: {"time", "width", "height", "faces": [{"box", "age", "gender"}]}. A new one. */
struct json_t *live_view(struct live *l, const char *camera);

/* Pictures of this camera are over: none is kept of one that sees nothing. */
void live_forget(struct live *l, const char *camera);
