#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * The way from libav to the outside, for a process that may not go there itself
 * (base/confine.h): names are looked up and connections made by somebody else, who decides
 * whether they may be.
 *
 * libav's protocols open their sockets themselves and take none that is open. So the calls of the C
 * library that they do it with are ours in this program: as long as no outlet is set they are the C
 * library's; with one, getaddrinfo() asks it for a connection, socket() hands that out, and
 * connect() finds it connected. With RTP over UDP socket() asks for one for datagrams, and
 * sendto() has them sent to the host that was connected last. One connection at a time is opened,
 * by one thread; what else calls these gets the C library's answer, which the confinement makes a
 * refusal.
 *
 * Threads: set before the one that decodes begins.
 */
struct outlet {
    void *arg;
    /* A connected stream socket, the caller's; or a negative errno, -ENOENT for a name that is not
     * known. */
    int (*reach)(void *arg, const char *host, int port);
    /* A socket for datagrams that is not bound yet, the caller's; or a negative errno. */
    int (*datagrams)(void *arg, int family);
    /* Sends one from the socket that is bound to the port `from` to that port of the host. Negative
     * errno: it is not known there. */
    ssize_t (*send)(void *arg, int from, int to, const void *data, size_t n);
};

void outlet_set(const struct outlet *outlet); /* kept; NULL: none any more */
