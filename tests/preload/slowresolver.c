/*
 * Preloaded into the daemon: a name server that never answers for names under ".invalid", or, with
 * SLOWRESOLVER_WHILE=FILE, not while that file is there; then they are this host. All other names
 * are resolved as ever, and who only asks whether it is a number asks no server.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *restrict node, const char *restrict service,
        const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    const char *file = getenv("SLOWRESOLVER_WHILE");
    size_t n = node ? strlen(node) : 0;
    bool number = hints && (hints->ai_flags & AI_NUMERICHOST);
    if (number || n <= 8 || strcmp(node + n - 8, ".invalid") != 0)
        return real(node, service, hints, res);
    while (!file || access(file, F_OK) == 0)
        (void)poll(NULL, 0, 100);
    return real("127.0.0.1", service, hints, res);
}
