#pragma once

#include "base/err.h"

/*
 * Why a source gives no more packets, as reasons that somebody acts on or counts.
 *
 * libav answers with error codes of many layers, and with the same one for quite different
 * things; here they become few, and each gets a sentence that names the thing, the reason and
 * the way out. Pure; only source/ calls the functions below the first.
 */
enum source_fault {
    SOURCE_OK,
    SOURCE_STOPPED,     /* stop was asked; nothing is wrong */
    SOURCE_EOF,         /* a file has ended */
    SOURCE_REFUSED,     /* somebody is there, but does not take the connection or the request */
    SOURCE_UNREACHABLE, /* no such name, no way there, no such device or file */
    SOURCE_TIMEOUT,     /* nothing came before the deadline */
    SOURCE_AUTH,        /* wrong or missing user name or password */
    SOURCE_NOT_FOUND,   /* the host is there, the stream or file is not */
    SOURCE_NO_VIDEO,    /* it can be read, but there is no video in it */
    SOURCE_TOO_LARGE,   /* a picture beyond FRAME_MAX_SIDE or FRAME_MAX_PIXELS */
    SOURCE_BROKEN,      /* damaged data, a lost connection, another codec: worth another try */
    SOURCE_UNUSABLE,    /* not a source that this program can ever read */
    SOURCE_FAULT_COUNT,
};

/* "refused", "unreachable" ...: for counters and the status. */
const char *source_fault_name(enum source_fault fault);

/* What libav's error code means for somebody who acts. */
enum source_fault fault_of(int averror);

/* What a sentence needs to know besides the fault. */
struct fault_at {
    const char *shown;  /* the source's URL or path, redacted */
    int averror;        /* libav's code, 0: none */
    int timeout_ms;     /* the deadline that passed, with SOURCE_TIMEOUT */
    const char *detail; /* libav's own last complaint, or "" */
    int network;        /* 1: a camera or server, 0: a file or device */
    int opening;        /* 1: while opening, 0: while reading */
};

/* Fills e with the sentence; returns the fault. e may be NULL. */
enum source_fault fault_explain(enum source_fault fault, const struct fault_at *at, struct err *e);
