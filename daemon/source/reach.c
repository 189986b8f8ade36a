#include "source/reach.h"

#include "base/mono.h"
#include "base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or a negative errno. */
static int wait_connected(int fd, int64_t until_us, const struct stop *stop)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLOUT}, {.fd = stop_fd(stop), .events = POLLIN}};
    int64_t left_ms;
    while ((left_ms = (until_us - mono_us()) / 1000) > 0) {
        int n = poll(fds, 2, (int)left_ms);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && fds[1].revents)
            return -ECANCELED;
        if (n > 0 && fds[0].revents)
            break;
    }
    if (left_ms <= 0)
        return -ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

static int try_address(const struct addrinfo *a, int64_t until_us, const struct stop *stop)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return -errno;
    int r = connect(fd, a->ai_addr, a->ai_addrlen) < 0 ? -errno : 0;
    if (r == -EINPROGRESS)
        r = wait_connected(fd, until_us, stop);
    if (r == 0)
        r = fcntl(fd, F_SETFL, 0) < 0 ? -errno : 0;
    if (r < 0)
        close(fd);
    return r < 0 ? r : fd;
}

int reach(const char *host, int port, int timeout_ms, const struct stop *stop)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char service[16];
    (void)snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return -ENOENT;
    int left = 0;
    for (struct addrinfo *a = list; a; a = a->ai_next)
        left++;
    int64_t end_us = mono_us() + (int64_t)timeout_ms * 1000;
    int r = -ENOENT;
    for (struct addrinfo *a = list; a && r < 0 && r != -ECANCELED; a = a->ai_next) {
        int64_t now = mono_us();
        r = try_address(a, now + (end_us - now) / left--, stop);
    }
    freeaddrinfo(list);
    return r;
}

uint16_t *reach_port(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
                                          : &((struct sockaddr_in *)address)->sin_port;
}
