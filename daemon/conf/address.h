#pragma once

#include "base/err.h"
#include "flow/settings.h"

/*
 * Where a camera and the broker are: is the address one that we can use? Whether anybody is there
 * is found out by who connects. No error here quotes any part of an address but its scheme: the
 * rest may be a password in the wrong place.
 */

/* A camera's URL, a path or a webcam. 0 or -EINVAL. */
int address_source(const char *text, struct err *e);

/*
 * mqtt[s]://[user[:password]@]host[:port]: one more broker and, where they stand there, username
 * and password, decoded; what was there before of these is not freed. Brokers of a list share one
 * login, which stands beside it. 0 or -EINVAL, and nothing is set.
 */
int address_broker(const char *text, struct conf_mqtt *m, struct err *e);

/* Gives the password of a URL, as it stands there and decoded, to redact_add(). */
void address_redact(const char *url);
