#pragma once

#include "flow/settings.h"

#include <stdbool.h>

/*
 * What kind of source a camera's url names, and what follows from that before anything is opened.
 *
 * A camera is a stranger: the addresses that it may lead libav to (redirects, playlists, session
 * descriptions) are limited to the protocols of its own kind, so that none makes us open a file or
 * connect elsewhere by another protocol. Pure.
 */
enum origin_kind {
    ORIGIN_RTSP,
    ORIGIN_RTSPS,
    ORIGIN_HTTP, /* and https */
    ORIGIN_FILE,
    ORIGIN_WEBCAM,
    ORIGIN_UNKNOWN,
};

/* "rtsp://", "rtsps://", "http(s)://", "file://", a path, or /dev/videoN. */
enum origin_kind origin_kind(const char *url);

/* For files and webcams: the path; else the url itself. Points into url. */
const char *origin_path(const char *url);

/* Must a name be resolved to reach it? False for literal IPv4 and IPv6 addresses and for what
 * has no host. */
bool origin_needs_resolver(const char *url);

/* libav's protocol_whitelist for this kind. */
const char *origin_protocols(enum origin_kind kind, enum transport transport);

/* Does a file that begins so hold nothing but text? Video files have control bytes early on. */
bool origin_text_only(const unsigned char *bytes, size_t n);
