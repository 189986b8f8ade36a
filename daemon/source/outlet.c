#include "source/outlet.h"

#include "source/reach.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* set before the thread that decodes begins */
static const struct outlet *outlet;
/* owned by that thread: what became of a name that was asked for, until connect() is told */
static _Thread_local struct {
    enum {
        NOTHING,
        ANSWERED,
        HANDED_OUT
    } step;
    int fd;    /* connected, or in the place of one */
    int error; /* why it is not */
} way;
static _Thread_local struct sockaddr_storage camera; /* that was connected last */

void outlet_set(const struct outlet *o)
{
    outlet = o;
}

/* The C library's own, as the dynamic linker would have found it. */
static void *libc_call(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* The camera's address, as the C library hands it out: freeaddrinfo() frees it with one free(). */
static struct addrinfo *answer(int port, int type)
{
    struct {
        struct addrinfo info;
        struct sockaddr_storage address;
    } *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->address = camera;
    *reach_port(&a->address) = htons((uint16_t)port);
    a->info.ai_family = camera.ss_family;
    a->info.ai_socktype = type;
    a->info.ai_addr = (struct sockaddr *)&a->address;
    a->info.ai_addrlen =
            camera.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    return &a->info;
}

/* Asks for a connection, for socket() and connect() to find; or an error as of getaddrinfo(). */
static int open_way(const struct outlet *o, const char *host, int port)
{
    if (way.step == ANSWERED)
        close(way.fd); /* nobody came for it */
    way.step = NOTHING;
    int fd = o->reach(o->arg, host, port);
    if (fd == -ENOENT)
        return EAI_NONAME;
    /* The name is known; connect() is where the rest is expected to fail. */
    way.error = fd < 0 ? -fd : 0;
    way.fd = fd < 0 ? dup(STDIN_FILENO) : fd;
    if (way.fd < 0)
        return EAI_MEMORY;
    way.step = ANSWERED;
    socklen_t n = sizeof(camera);
    if (fd < 0 || getpeername(fd, (struct sockaddr *)&camera, &n) < 0)
        camera = (struct sockaddr_storage){.ss_family = AF_INET};
    return 0;
}

/* In place of an address that was given by its number: libav may want to know its family only. */
static bool is_question(const struct addrinfo *hints)
{
    return hints && (hints->ai_flags & AI_NUMERICHOST);
}

int getaddrinfo(
        const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    const struct outlet *o = outlet;
    if (!o || !host || is_question(hints)) {
        int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        *(void **)&next = libc_call("getaddrinfo");
        return next(host, service, hints, ret);
    }
    if (!service)
        return EAI_NONAME; /* libav would like to know whether it is a multicast address */
    bool datagrams = hints && hints->ai_socktype == SOCK_DGRAM;
    int port = atoi(service);
    int r = datagrams ? 0 : open_way(o, host, port);
    if (r != 0)
        return r;
    *ret = answer(port, datagrams ? SOCK_DGRAM : SOCK_STREAM);
    return *ret ? 0 : EAI_MEMORY;
}

int socket(int domain, int type, int protocol)
{
    if (way.step == ANSWERED) {
        way.step = HANDED_OUT;
        return way.fd;
    }
    const struct outlet *o = outlet;
    if (o && (type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) == SOCK_DGRAM && domain != AF_NETLINK) {
        int fd = o->datagrams(o->arg, domain);
        errno = fd < 0 ? -fd : 0;
        return fd < 0 ? -1 : fd;
    }
    int (*next)(int, int, int);
    *(void **)&next = libc_call("socket");
    return next(domain, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    if (way.step == HANDED_OUT && fd == way.fd) {
        way.step = NOTHING;
        errno = way.error;
        return way.error ? -1 : 0;
    }
    int (*next)(int, const struct sockaddr *, socklen_t);
    *(void **)&next = libc_call("connect");
    return next(fd, address, size);
}

ssize_t sendto(
        int fd, const void *data, size_t n, int flags, const struct sockaddr *to, socklen_t size)
{
    const struct outlet *o = outlet;
    struct sockaddr_storage own, other = {0};
    socklen_t own_size = sizeof(own);
    if (o && to && size <= sizeof(other) &&
            getsockname(fd, (struct sockaddr *)&own, &own_size) == 0) {
        memcpy(&other, to, size);
        int from = ntohs(*reach_port(&own));
        ssize_t r = o->send(o->arg, from, ntohs(*reach_port(&other)), data, n);
        errno = r < 0 ? (int)-r : 0;
        return r < 0 ? -1 : r;
    }
    ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    *(void **)&next = libc_call("sendto");
    return next(fd, data, n, flags, to, size);
}
