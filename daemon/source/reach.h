#pragma once

#include <stdint.h>

struct sockaddr_storage;
struct stop;

/*
 * A connection to a host by name, within a time and with an ear for a stop - but while the name
 * server is asked, which nobody can interrupt.
 *
 * The addresses of a name are tried in turn, each for its share of the time that is left.
 *
 * A connected TCP socket in blocking mode, the caller's; or a negative errno: -ENOENT for a name
 * that is not known, -ECANCELED when stop was asked, -ETIMEDOUT.
 */
int reach(const char *host, int port, int timeout_ms, const struct stop *stop);

/* Where the port stands in an IPv4 or IPv6 address, in network order. */
uint16_t *reach_port(struct sockaddr_storage *address);
