#include "source/origin.h"

#include "base/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define FILE_SCHEME  "file://"
#define VIDEO_PREFIX "/dev/video"

static bool is_webcam(const char *path)
{
    size_t n = strlen(VIDEO_PREFIX);
    if (strncmp(path, VIDEO_PREFIX, n) != 0 || !path[n])
        return false;
    return strspn(path + n, "0123456789") == strlen(path + n);
}

enum origin_kind origin_kind(const char *url)
{
    char scheme[16];
    if (!url[0])
        return ORIGIN_UNKNOWN;
    if (!strstr(url, "://"))
        return is_webcam(url) ? ORIGIN_WEBCAM : ORIGIN_FILE;
    if (!url_scheme(url, scheme, sizeof(scheme)))
        return url[0] == '/' || url[0] == '.' ? ORIGIN_FILE : ORIGIN_UNKNOWN;
    if (strcmp(scheme, "rtsp") == 0)
        return ORIGIN_RTSP;
    if (strcmp(scheme, "rtsps") == 0)
        return ORIGIN_RTSPS;
    if (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
        return ORIGIN_HTTP;
    if (strcmp(scheme, "file") == 0)
        return is_webcam(origin_path(url)) ? ORIGIN_WEBCAM : ORIGIN_FILE;
    return ORIGIN_UNKNOWN;
}

const char *origin_path(const char *url)
{
    size_t n = strlen(FILE_SCHEME);
    return strncasecmp(url, FILE_SCHEME, n) == 0 ? url + n : url;
}

bool origin_needs_resolver(const char *url)
{
    enum origin_kind kind = origin_kind(url);
    char host[256];
    int port;
    if (kind == ORIGIN_FILE || kind == ORIGIN_WEBCAM || !url_host(url, host, sizeof(host), &port))
        return false;
    unsigned char literal[sizeof(struct in6_addr)];
    char *zone = strchr(host, '%'); /* fe80::1%eth0 */
    if (zone)
        *zone = '\0';
    return inet_pton(AF_INET, host, literal) != 1 && inet_pton(AF_INET6, host, literal) != 1;
}

const char *origin_protocols(enum origin_kind kind, enum transport transport)
{
    switch (kind) {
    case ORIGIN_RTSP: return transport == TRANSPORT_UDP ? "tcp,rtp,udp" : "tcp";
    case ORIGIN_RTSPS: return "tls,tcp";
    case ORIGIN_HTTP: return "http,https,httpproxy,tls,tcp,crypto";
    case ORIGIN_FILE: return "file";
    default: return "";
    }
}

bool origin_text_only(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] < 0x20 && !isspace(bytes[i]) && bytes[i] != 0x1b)
            return false;
        /* No UTF-8 has these; the rest of it need not be checked. */
        if (bytes[i] == 0xc0 || bytes[i] == 0xc1 || bytes[i] >= 0xf5 || bytes[i] == 0x7f)
            return false;
    }
    return n > 0;
}
