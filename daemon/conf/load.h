#pragma once

#include "base/err.h"
#include "flow/settings.h"

/*
 * From the file to struct conf: read, checked against the table in schema.c, defaults filled in,
 * secrets resolved. The home of libconfig, which is not safe in threads: main only.
 *
 * An error is one sentence that begins with the file and, where there is one, the line:
 * "/etc/faced/faced.conf:12: cameras[2].fps: 50 is out of range, 0.5 to 30". It never contains a
 * secret or any part of a URL.
 */
enum conf_flag {
    CONF_NO_SECRETS = 1, /* they stay "***": for facectl, which may not be able to read them */
    CONF_NO_CAMERAS = 2, /* an empty list of cameras is fine */
    CONF_NO_FILE = 4,    /* a file that is not there is as good as an empty one */
};

/*
 * Returns 0 and a configuration that is freed by conf_free(), or a negative errno: -ENOENT,
 * -EACCES ... when the file cannot be read, -EINVAL for what stands in it.
 *
 * Reads the environment: RUNTIME_DIRECTORY, CREDENTIALS_DIRECTORY, FACED_MODELS, and what
 * ${env:NAME} names. All secrets that are found go to redact_add().
 */
int conf_load(const char *file, unsigned flags, struct conf **ret, struct err *e);

/*
 * One more who uses it and calls conf_free() when done; main only. What was made from an earlier
 * configuration and goes on unchanged after a reload keeps that one alive.
 */
struct conf *conf_hold(struct conf *c);

/* The last holder's wipes all strings; NULL is fine. */
void conf_free(struct conf *c);
