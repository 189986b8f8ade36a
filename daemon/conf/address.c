#include "conf/address.h"

#include "base/mem.h"
#include "base/redact.h"
#include "base/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BROKER_PORT     1883
#define BROKER_PORT_TLS 8883

static const char *const schemes[] = {"rtsp", "rtsps", "http", "https"};

static bool known(const char *scheme, size_t n)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strlen(schemes[i]) == n && strncmp(schemes[i], scheme, n) == 0)
            return true;
    }
    return false;
}

/* What comes after the scheme: only what a URL may contain, and a host. */
static int check_url(const char *text, char *ret_host, size_t size, int *ret_port, struct err *e)
{
    if (strpbrk(text, " \"<>"))
        return err_set(e, -EINVAL,
                "a URL contains no space, '\"', '<' or '>': write them %%20, %%22, %%3C, %%3E");
    /* '%' in a host: a zone only makes sense in an IPv6 address, which has a colon */
    if (!url_host(text, ret_host, size, ret_port) ||
            (strchr(ret_host, '%') && !strchr(ret_host, ':')))
        return err_set(e, -EINVAL,
                "there is no HOST[:PORT] after '://' (in a password write '/' as %%2F, "
                "'?' as %%3F, '#' as %%23, '@' as %%40)");
    return 0;
}

int address_source(const char *text, struct err *e)
{
    char scheme[32], host[256];
    int port;
    if (url_scheme(text, scheme, sizeof(scheme))) {
        if (known(scheme, strlen(scheme)))
            return check_url(text, host, sizeof(host), &port, e);
        return err_set(e, -EINVAL,
                "%s:// is not supported: rtsp://, rtsps://, http://, https://, a file's path "
                "or /dev/videoN",
                scheme);
    }
    size_t n = strcspn(text, ":");
    if (text[n] && known(text, n))
        return err_set(e, -EINVAL, "a URL begins with '%.*s://'", (int)n, text);
    return 0;
}

/* What stands before '@', decoded; both NULL when nothing does. */
static int broker_login(const char *text, char **ret_user, char **ret_password, struct err *e)
{
    const char *login;
    size_t n;
    *ret_user = *ret_password = NULL;
    if (!url_login(text, &login, &n))
        return 0;
    const char *colon = memchr(login, ':', n);
    size_t user_n = colon ? (size_t)(colon - login) : n;
    char *user = url_decode(login, user_n);
    char *password = colon ? url_decode(colon + 1, n - user_n - 1) : NULL;
    if (!user || !*user || (colon && !password)) {
        free(user);
        free(password);
        return err_set(e, -EINVAL,
                "before '@' stands USER or USER:PASSWORD, percent-encoded ('%%' is %%25)");
    }
    *ret_user = user;
    *ret_password = password;
    return 0;
}

int address_broker(const char *text, struct conf_mqtt *m, struct err *e)
{
    char scheme[32], host[256];
    int port = 0;
    if (!url_scheme(text, scheme, sizeof(scheme)))
        return err_set(e, -EINVAL, "a broker is written mqtt://HOST[:PORT] or mqtts://HOST[:PORT]");
    bool tls = strcmp(scheme, "mqtts") == 0;
    if (!tls && strcmp(scheme, "mqtt") != 0)
        return err_set(e, -EINVAL,
                "%s:// is not supported: a broker is written mqtt://HOST[:PORT] or "
                "mqtts://HOST[:PORT]",
                scheme);
    int r = check_url(text, host, sizeof(host), &port, e);
    if (r < 0)
        return r;
    const char *rest = strstr(text, "://") + 3;
    rest += strcspn(rest, "/?#");
    if (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0)
        return err_set(e, -EINVAL, "nothing comes after %s://HOST[:PORT]", scheme);

    char *user, *password;
    r = broker_login(text, &user, &password, e);
    if (r < 0)
        return r;
    if (user && m->listed) {
        free(user);
        free(password);
        return err_set(e, -EINVAL,
                "brokers of a list share one login: give it as mqtt.username and mqtt.password");
    }
    m->brokers = mem_grow(m->brokers, (size_t)m->n_brokers + 1, sizeof(*m->brokers));
    m->brokers[m->n_brokers++] = (struct conf_broker){
            .host = mem_strdup(host),
            .port = port  ? port
                    : tls ? BROKER_PORT_TLS
                          : BROKER_PORT,
            .tls = tls,
    };
    if (user) {
        m->username = user;
        m->password = password;
    }
    return 0;
}

int address_listen(const char *text, char ret_host[ADDRESS_TEXT], int *ret_port, struct err *e)
{
    char host[ADDRESS_TEXT];
    unsigned char bytes[sizeof(struct in6_addr)];
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool ipv6 = n > 2 && text[0] == '[' && text[n - 1] == ']';
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    long port = digits > 0 && digits < 6 && !colon[1 + digits] ? strtol(colon + 1, NULL, 10) : 0;
    if (port < 1 || port > 65535 || n >= sizeof(host))
        return err_set(e, -EINVAL, "an address and a port are expected, as 127.0.0.1:8080");
    memcpy(host, text + ipv6, n - 2 * (size_t)ipv6);
    host[n - 2 * (size_t)ipv6] = '\0';
    if (n == 0)
        (void)strncpy(host, "0.0.0.0", sizeof(host));
    if (strcmp(host, "localhost") == 0)
        (void)strncpy(host, "127.0.0.1", sizeof(host));
    if (inet_pton(ipv6 ? AF_INET6 : AF_INET, host, bytes) != 1)
        return err_set(e, -EINVAL,
                "before the port an IP address of this host is expected, as 127.0.0.1, [::1], or "
                "0.0.0.0 for all of them");
    if (ret_host)
        memcpy(ret_host, host, sizeof(host));
    if (ret_port)
        *ret_port = (int)port;
    return 0;
}

bool address_is_loopback(const char *host)
{
    struct in6_addr six;
    struct in_addr four;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

void address_redact(const char *url)
{
    const char *login, *colon;
    size_t n;
    if (!url_login(url, &login, &n) || !(colon = memchr(login, ':', n)))
        return;
    size_t raw_n = n - (size_t)(colon + 1 - login);
    char *raw = mem_format("%.*s", (int)raw_n, colon + 1);
    char *plain = url_decode(raw, raw_n);
    redact_add(raw);
    if (plain) {
        redact_add(plain);
        explicit_bzero(plain, strlen(plain));
    }
    explicit_bzero(raw, raw_n);
    free(raw);
    free(plain);
}
