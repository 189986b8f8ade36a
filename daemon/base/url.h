#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The little that we must know of a URL ourselves (RFC 3986): its scheme, whether it names a
 * file, encoding what is put into it. Everything else is the library's business that opens it.
 */

/* Percent-encodes everything but unreserved characters; to be freed. */
char *url_encode(const char *text);

/* The reverse, of the first n characters; to be freed. NULL for a '%' without two digits, and for
 * an encoded 0, which no string could hold. */
char *url_decode(const char *text, size_t n);

/* Where the user information of scheme://[user[:password]@]host begins, and its length; as it
 * stands there. false when there is none. The last '@' before the path counts. */
bool url_login(const char *url, const char **ret_login, size_t *ret_n);

/* Copies the lower-cased scheme before "://"; false (and "") where there is none or it does
 * not fit. */
bool url_scheme(const char *url, char *ret_scheme, size_t size);

/* The host and port of scheme://[user[:password]@]host[:port][/...]; an IPv6 address without its
 * brackets; port 0 when none is given. false when there is no host or the port is no port. */
bool url_host(const char *url, char *ret_host, size_t size, int *ret_port);
