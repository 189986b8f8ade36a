#pragma once

#include "base/err.h"
#include "flow/settings.h"

/*
 * TLS to a broker: whose certificates we believe, and in which words we say why we do not.
 *
 * The chain, the dates and the host's name are always checked, by OpenSSL, against the name that
 * the configuration gives - not against the address that we connect to, which the library would
 * take. There is no way to turn that off. TLS 1.2 or newer.
 *
 * Made anew for each connection, so that renewed files are found without a restart. One thread.
 */
struct tls;
struct mosquitto;

/* NULL with the reason in e: a file that cannot be used, by its name. */
struct tls *tls_new(const struct conf_mqtt *conf, const char *host, struct err *e);
void tls_free(struct tls *t); /* after the client that uses it; NULL is fine */

/* Before it connects. 0, or a code of the library's. */
int tls_attach(struct tls *t, struct mosquitto *client);

/* Why the handshake failed, as a phrase with the way out; "" for no reason that is known here. */
const char *tls_complaint(const struct tls *t);
