#include "app/web/server.h"

#include "app/passwd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "conf/address.h"
#include "conf/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS     4
#define CONNECTIONS 512
#define TIMEOUT_S   30 /* for a client that says nothing */
#define BACKLOG     64
#define PEM_MAX     (1 << 20)

static void complain(void *arg, const char *fmt, va_list ap)
{
    char text[256];
    (void)arg;
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    text[strcspn(text, "\r\n")] = '\0';
    log_debug("web", "%s", text);
}

static int listen_at(const char *where, struct err *e)
{
    char host[ADDRESS_TEXT];
    int port;
    int r = address_listen(where, host, &port, e);
    if (r < 0)
        return r;
    struct sockaddr_in six_or_four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool ipv6 = strchr(host, ':') != NULL;
    (void)inet_pton(ipv6 ? AF_INET6 : AF_INET, host,
            ipv6 ? (void *)&six.sin6_addr : (void *)&six_or_four.sin_addr);
    const struct sockaddr *a =
            ipv6 ? (const struct sockaddr *)&six : (const struct sockaddr *)&six_or_four;
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, a, ipv6 ? sizeof(six) : sizeof(six_or_four)) < 0 ||
            listen(fd, BACKLOG) < 0) {
        r = -errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, r, "http.listen %s: %s%s", where, err_name(r),
                r == -EADDRINUSE ? "; is another faced running? Take another port" : "");
    }
    return fd;
}

static char *read_pem(const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    char *text = f ? mem_new(PEM_MAX, 1) : NULL;
    size_t n = f ? fread(text, 1, PEM_MAX - 1, f) : 0;
    bool bad = !f || ferror(f) || n == 0;
    int code = f ? -EINVAL : -errno;
    if (f)
        (void)fclose(f);
    if (!bad)
        return text;
    free(text);
    (void)err_set(e, code, "%s: cannot be read: %s", path,
            code == -EINVAL ? "it is empty, or no file" : err_name(code));
    return NULL;
}

/* Beyond this host nobody comes in without a password. */
static int check_password(const struct web *w, struct err *e)
{
    struct err why = {0};
    char host[ADDRESS_TEXT] = "";
    const char *file = w->conf->http.password_file;
    (void)address_listen(w->conf->http.listen, host, NULL, NULL);
    int r = passwd_check(file, "", &why);
    if (r == -ENOENT && !address_is_loopback(host))
        return err_set(e, -ENOKEY,
                "http.listen %s: others can reach it and there is no password: run facectl passwd, "
                "or listen at 127.0.0.1",
                w->conf->http.listen);
    if (r < 0 && r != -ENOENT)
        return err_set(e, r, "http.password_file %s", why.text);
    if (!address_is_loopback(host) && !w->conf->http.cert_file)
        log_warn("web",
                "%s is reached without TLS, so the password travels in the clear: set "
                "http.cert_file, or put a proxy before it",
                w->conf->http.listen);
    return 0;
}

static int open_parts(struct web *w, const struct web *old, struct err *e)
{
    const struct conf_http *http = &w->conf->http;
    int r = check_password(w, e);
    if (r < 0)
        return r;
    if (http->cert_file &&
            (!(w->cert = read_pem(http->cert_file, e)) || !(w->key = read_pem(http->key_file, e))))
        return -EINVAL;
    bool same = old && strcmp(old->conf->http.listen, http->listen) == 0;
    w->socket = same ? fcntl(old->socket, F_DUPFD_CLOEXEC, 3) : listen_at(http->listen, e);
    if (w->socket < 0)
        return same ? err_set(e, -errno, "http.listen: %s", err_name(errno)) : w->socket;
    w->photo = http->photo ? photo_new(w->conf, e) : NULL;
    if (http->photo && !w->photo)
        return -EINVAL;
    r = w->photo ? photo_start(w->photo) : 0;
    if (r == 0)
        r = news_start(w->links.news);
    return r < 0 ? err_set(e, r, "cannot start a thread: %s", err_name(r)) : 0;
}

static int serve(struct web *w, struct err *e)
{
    char host[ADDRESS_TEXT] = "";
    (void)address_listen(w->conf->http.listen, host, NULL, NULL);
    struct MHD_OptionItem tls[] = {
            {MHD_OPTION_HTTPS_MEM_CERT, 0, w->cert},
            {MHD_OPTION_HTTPS_MEM_KEY, 0, w->key},
            {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (w->cert ? MHD_USE_TLS : 0) | (strchr(host, ':') ? MHD_USE_IPv6 : 0);
    /* the logger first, so that it hears of the options after it */
    w->server = MHD_start_daemon(flags, 0, NULL, NULL, door_visit, w, MHD_OPTION_EXTERNAL_LOGGER,
            complain, NULL, MHD_OPTION_LISTEN_SOCKET, w->socket, MHD_OPTION_THREAD_POOL_SIZE,
            THREADS, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
            TIMEOUT_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, door_unescape,
            NULL, MHD_OPTION_NOTIFY_COMPLETED, door_gone, NULL, MHD_OPTION_ARRAY,
            w->cert ? tls : none, MHD_OPTION_END);
    if (w->server)
        return 0;
    return err_set(e, -EINVAL, "http.listen %s: the server does not start%s", w->conf->http.listen,
            w->cert ? "; do http.cert_file and http.key_file belong together?" : "");
}

struct web *web_open(
        struct conf *conf, const struct web_links *links, const struct web *old, struct err *e)
{
    struct web *w = mem_new(1, sizeof(*w));
    w->conf = conf_hold(conf);
    w->links = *links;
    w->socket = -1;
    w->gate = gate_new(conf);
    pthread_mutex_init(&w->lock, NULL);
    if (open_parts(w, old, e) == 0 && serve(w, e) == 0) {
        log_info("web", "the page is at http%s://%s/", w->cert ? "s" : "", conf->http.listen);
        return w;
    }
    web_close(w);
    return NULL;
}

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void web_close(struct web *w)
{
    if (!w)
        return;
    if (w->photo)
        photo_stop(w->photo);
    news_dismiss(w->links.news, &w->closing);
    if (w->server) {
        /* It would shut the socket down, which a successor may share. */
        (void)MHD_quiesce_daemon(w->server);
        MHD_stop_daemon(w->server);
    }
    if (w->socket >= 0)
        close(w->socket);
    photo_free(w->photo);
    gate_free(w->gate);
    free(w->cert);
    wipe(w->key);
    free(w->status);
    pthread_mutex_destroy(&w->lock);
    conf_free(w->conf);
    free(w);
}

void web_status(struct web *w, char *json)
{
    pthread_mutex_lock(&w->lock);
    char *old = w->status;
    w->status = json;
    w->status_us = mono_us();
    pthread_mutex_unlock(&w->lock);
    free(old);
}

json_t *web_document(struct web *w, double *ret_age_s)
{
    pthread_mutex_lock(&w->lock);
    char *text = w->status ? mem_strdup(w->status) : NULL;
    int64_t us = mono_us() - w->status_us;
    pthread_mutex_unlock(&w->lock);
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (ret_age_s)
        *ret_age_s = (double)us / MONO_SECOND;
    return j;
}
