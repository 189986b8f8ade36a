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

/*
 * Where we listen: 127.0.0.1:8080, [::1]:8080, localhost:8080, or :8080 and 0.0.0.0:8080 for every
 * address. The host comes out as an address. 0 or -EINVAL. NULL outputs are not wanted.
 */
#define ADDRESS_TEXT 48
int address_listen(const char *text, char ret_host[ADDRESS_TEXT], int *ret_port, struct err *e);

/* Does only this host itself reach that address? */
bool address_is_loopback(const char *host);

/* Gives the password of a URL, as it stands there and decoded, to redact_add(). */
void address_redact(const char *url);
