/*
 * Preloaded into the daemon: a name server that never answers for names under ".invalid". All
 * other names are resolved as ever, and who only asks whether it is a number asks no server.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
 * Preloaded into the daemon: a name server that does not answer for names under ".invalid", never,
 * or while the file exists that SLOWRESOLVER_WHILE names; then they are this host's. All other
 * names are resolved as ever.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
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
    while (!number && n > 8 && strcmp(node + n - 8, ".invalid") == 0)
        pause();
    return real(node, service, hints, res);
    if (n <= 8 || strcmp(node + n - 8, ".invalid") != 0)
        return real(node, service, hints, res);
    while (!file || access(file, F_OK) == 0)
        (void)poll(NULL, 0, 100);
    return real("127.0.0.1", service, hints, res);
}
