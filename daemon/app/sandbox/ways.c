#include "app/sandbox/ways.h"

#include "base/url.h"
#include "flow/settings.h"
#include "source/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define REACH_MS 10000

void ways_init(struct ways *w, const struct conf_camera *conf)
{
    memset(w, 0, sizeof(*w));
    w->conf = conf;
}

void ways_close(struct ways *w)
{
    for (unsigned i = 0; i < w->n && i < WAYS_DATAGRAMS; i++)
        close(w->sockets[i]);
}

static int usual_port(const char *url)
{
    static const struct {
        const char *scheme;
        int port;
    } ports[] = {{"rtsp", 554}, {"rtsps", 322}, {"http", 80}, {"https", 443}};
    char scheme[16];
    (void)url_scheme(url, scheme, sizeof(scheme));
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        if (strcmp(ports[i].scheme, scheme) == 0)
            return ports[i].port;
    }
    return 0;
}

static bool is_its_camera(const struct conf_camera *conf, const char *host, int port)
{
    char own[256];
    int own_port;
    if (!url_host(conf->url, own, sizeof(own), &own_port))
        return false;
    return strcasecmp(host, own) == 0 && (own_port ? own_port : usual_port(conf->url)) == port;
}

int ways_connect(struct ways *w, const char *host, int port, const struct stop *stop)
{
    if (!is_its_camera(w->conf, host, port))
        return -EACCES;
    int fd = reach(host, port, REACH_MS, stop);
    socklen_t size = sizeof(w->camera);
    w->camera_size = 0; /* no address, no datagrams: one of zeros is this host's */
    if (fd >= 0 && getpeername(fd, (struct sockaddr *)&w->camera, &size) == 0)
        w->camera_size = size;
    return fd;
}

int ways_datagrams(struct ways *w, int family)
{
    if (w->conf->transport != TRANSPORT_UDP)
        return -EACCES;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        int r = -errno;
        if (fd >= 0)
            close(fd);
        return r;
    }
    unsigned place = w->n++ % WAYS_DATAGRAMS;
    if (w->n > WAYS_DATAGRAMS)
        close(w->sockets[place]);
    w->sockets[place] = own;
    return fd;
}

void ways_send(struct ways *w, int from_port, int to_port, const void *data, size_t n)
{
    struct sockaddr_storage to = w->camera;
    if (w->camera_size == 0 || to_port == 0)
        return;
    *reach_port(&to) = htons((uint16_t)to_port);
    for (unsigned i = 0; i < w->n && i < WAYS_DATAGRAMS; i++) {
        struct sockaddr_storage own = {0};
        socklen_t size = sizeof(own);
        if (getsockname(w->sockets[i], (struct sockaddr *)&own, &size) < 0 ||
                ntohs(*reach_port(&own)) != from_port)
            continue;
        (void)sendto(w->sockets[i], data, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
                w->camera_size);
        return;
    }
}
