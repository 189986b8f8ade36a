#pragma once

#include <stddef.h>
#include <sys/socket.h>

struct conf_camera;
struct stop;

/*
 * The ways into the network that one camera's process has: connections to its camera's host and
 * port, and, with RTP over UDP, datagrams to that host. A camera may try to lead its decoder
 * elsewhere, by a redirect or worse; the decoder has no sockets but those that are made here.
 *
 * Threads: the camera's.
 */
#define WAYS_DATAGRAMS 8 /* sockets: two for a stream, and some that found their port taken */

struct ways {
    const struct conf_camera *conf;
    struct sockaddr_storage camera; /* that was connected last */
    socklen_t camera_size;
    int sockets[WAYS_DATAGRAMS]; /* ours of those that were given away, the oldest replaced */
    unsigned n;
};

void ways_init(struct ways *w, const struct conf_camera *conf); /* borrowed */
void ways_close(struct ways *w);

/* A connected socket, the caller's; -EACCES: that is not its camera's address; or another negative
 * errno, as of reach(). */
int ways_connect(struct ways *w, const char *host, int port, const struct stop *stop);

/* A socket for datagrams, the caller's, not bound. -EACCES: it has nothing to do with them. */
int ways_datagrams(struct ways *w, int family);

/* From that socket of ours to the camera's host. What cannot be sent, as to port 0, is lost, as
 * datagrams are. */
void ways_send(struct ways *w, int from_port, int to_port, const void *data, size_t n);
