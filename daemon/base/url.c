#include "base/url.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *url_encode(const char *text)
{
    char *s = mem_new(strlen(text) * 3 + 1, 1), *out = s;
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 128 && (isalnum(c) || strchr("-._~", c)))
            *out++ = (char)c;
        else
            out += snprintf(out, 4, "%%%02X", c);
    }
    return s;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *url_decode(const char *text, size_t n)
{
    char *s = mem_new(n + 1, 1), *out = s;
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '%') {
            *out++ = text[i];
            continue;
        }
        int high = i + 2 < n ? digit(text[i + 1]) : -1;
        int low = i + 2 < n ? digit(text[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0) {
            free(s);
            return NULL;
        }
        *out++ = (char)(high * 16 + low);
        i += 2;
    }
    *out = '\0';
    return s;
}

bool url_login(const char *url, const char **ret_login, size_t *ret_n)
{
    const char *login = strstr(url, "://");
    if (!login)
        return false;
    login += 3;
    size_t n = strcspn(login, "/?#");
    while (n > 0 && login[n] != '@')
        n--;
    *ret_login = login;
    *ret_n = n;
    return login[n] == '@';
}

bool url_scheme(const char *url, char *ret_scheme, size_t size)
{
    const char *sep = strstr(url, "://");
    size_t n = sep ? (size_t)(sep - url) : 0;
    ret_scheme[0] = '\0';
    if (n == 0 || n >= size)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)url[i];
        if (!isalnum(c) && !strchr("+-.", c))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        ret_scheme[i] = (char)tolower((unsigned char)url[i]);
    ret_scheme[n] = '\0';
    return true;
}

static bool parse_port(const char *text, const char *end, int *ret_port)
{
    int port = 0;
    for (; text < end; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        port = port * 10 + (*text - '0');
        if (port > 65535)
            return false;
    }
    *ret_port = port;
    return true;
}

bool url_host(const char *url, char *ret_host, size_t size, int *ret_port)
{
    const char *host = strstr(url, "://");
    if (!host)
        return false;
    host += 3;
    const char *end = host + strcspn(host, "/?#");
    for (const char *p = host; p < end; p++) {
        if (*p == '@')
            host = p + 1;
    }
    const char *host_end = end, *port = NULL;
    if (*host == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end || (host_end + 1 < end && host_end[1] != ':'))
            return false;
        port = host_end + 1 < end ? host_end + 2 : NULL;
    } else {
        const char *colon = memchr(host, ':', (size_t)(end - host));
        if (colon) {
            host_end = colon;
            port = colon + 1;
        }
    }
    *ret_port = 0;
    if (port && !parse_port(port, end, ret_port))
        return false;
    size_t n = (size_t)(host_end - host);
    if (n == 0 || n >= size)
        return false;
    memcpy(ret_host, host, n);
    ret_host[n] = '\0';
    return true;
}
