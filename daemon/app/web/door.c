/*
 * About a request before its handler. libmicrohttpd calls door_visit() first when the headers are
 * there: then it is judged, so that a body that nobody wants is never read. It comes again with
 * parts of the body, and at last for the answer; in between none can be given. So of a body that
 * did not say how long it is what is too much is read and thrown away, up to a bound. A connection
 * that waits for something - news, a picture that is being looked at - sleeps and holds no thread.
 */
#include "app/web/server.h"

#include "base/mem.h"
#include "conf/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void address_of(struct MHD_Connection *c, char *dst, size_t size)
{
    const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info ? info->client_addr : NULL;
    dst[0] = '\0';
    if (a && a->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, dst, (socklen_t)size);
    else if (a && a->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, dst, (socklen_t)size);
}

/* Behind a proxy on this host everybody comes from it: then the last address that it names counts,
 * which is the one that it has seen itself. */
static void find_address(struct visit *v)
{
    address_of(v->connection, v->address, sizeof(v->address));
    const char *via = visit_header(v, "X-Forwarded-For");
    if (!via || !address_is_loopback(v->address))
        return;
    const char *last = strrchr(via, ',');
    last = last ? last + 1 : via;
    last += strspn(last, " ");
    size_t n = strcspn(last, " ,");
    if (n > 0 && n < sizeof(v->address))
        (void)snprintf(v->address, sizeof(v->address), "%.*s", (int)n, last);
}

const char *web_cookie(const struct visit *v)
{
    return MHD_lookup_connection_value(v->connection, MHD_COOKIE_KIND, COOKIE);
}

/* A program shows its password with each request. */
static enum gate_answer judge_password(struct visit *v, int *ret_wait_s)
{
    char *password = NULL;
    char *name = MHD_basic_auth_get_username_password(v->connection, &password);
    enum gate_answer answer = GATE_WRONG;
    if (name && password)
        answer = gate_password(v->web->gate, v->address, password, ret_wait_s);
    if (password)
        explicit_bzero(password, strlen(password));
    MHD_free(password);
    MHD_free(name);
    return answer;
}

static enum MHD_Result refuse(struct visit *v, enum gate_answer why, int wait_s)
{
    if (why == GATE_WAIT)
        return reply_wait(v, MHD_HTTP_TOO_MANY_REQUESTS, wait_s, "too many wrong passwords: wait");
    if (why == GATE_BROKEN)
        return reply_error(v, MHD_HTTP_SERVICE_UNAVAILABLE,
                "there is no password to compare with: run facectl passwd on the host");
    return reply_error(v, MHD_HTTP_UNAUTHORIZED, "log in first");
}

/* MHD_YES with v->ready: go on; else it has been answered. */
static enum MHD_Result judge(struct visit *v, const char *method)
{
    struct web *w = v->web;
    bool post = strcmp(method, "POST") == 0, other = false;
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const char *host = visit_header(v, "Host");
    if (!gate_knows_host(w->gate, host))
        return reply_error(v, MHD_HTTP_MISDIRECTED_REQUEST,
                "this page is not known by that name: use its address, or set http.names");
    v->route = route_find(v, post, &other);
    if (!v->route && !other)
        return reply_error(v, MHD_HTTP_NOT_FOUND, "there is nothing here");
    if (!v->route || !(get || post))
        return reply_empty(v, MHD_HTTP_METHOD_NOT_ALLOWED, "Allow",
                v->route && !(v->route->flags & ROUTE_POST) ? "GET, HEAD"
                : other && post                             ? "GET, HEAD"
                                                            : "POST");
    if (post && !gate_is_own_page(w->gate, visit_header(v, "Origin"),
                        visit_header(v, "Sec-Fetch-Site"), host))
        return reply_error(v, MHD_HTTP_FORBIDDEN, "another site sent this");
    find_address(v);
    v->locked = gate_is_locked(w->gate);
    v->known = !v->locked || gate_knows_session(w->gate, web_cookie(v));
    if (!v->known && !(v->route->flags & ROUTE_PUBLIC)) {
        int wait_s = 0;
        enum gate_answer answer = judge_password(v, &wait_s);
        if (answer != GATE_OPEN)
            return refuse(v, answer, wait_s);
        v->known = true;
    }
    v->ready = true;
    return MHD_YES;
}

static size_t most(const struct visit *v)
{
    return v->route->flags & ROUTE_PHOTO ? PHOTO_BYTES_MAX : BODY_MAX;
}

static enum MHD_Result too_large(struct visit *v)
{
    return reply_error(v, MHD_HTTP_CONTENT_TOO_LARGE, "at most %zu bytes are taken", most(v));
}

static void drop_job(struct visit *v)
{
    if (!v->job)
        return;
    photo_leave(v->web->photo);
    free(v->job->json);
    free(v->job);
    v->job = NULL;
}

static void drop_body(struct visit *v)
{
    if (v->body)
        explicit_bzero(v->body, v->size);
    free(v->body);
    v->body = NULL;
    v->size = 0;
}

/* Before the body is read, whatever the method. */
static enum MHD_Result judge_body(struct visit *v)
{
    const char *length = visit_header(v, "Content-Length");
    if (length && strtoull(length, NULL, 10) > most(v)) {
        v->ready = false;
        return too_large(v);
    }
    if (!(v->route->flags & ROUTE_PHOTO))
        return MHD_YES;
    v->ready = false;
    if (!v->web->photo)
        return reply_error(v, MHD_HTTP_FORBIDDEN, "pictures are switched off here (http.photo)");
    if (!photo_enter(v->web->photo))
        return reply_wait(v, MHD_HTTP_SERVICE_UNAVAILABLE, 2, "others are waiting: try again");
    v->job = mem_new(1, sizeof(*v->job));
    v->ready = true;
    return MHD_YES;
}

static enum MHD_Result take_body(struct visit *v, const char *data, size_t *size)
{
    size_t n = *size;
    *size = 0;
    uint8_t *body = NULL;
    if (!v->spilt && v->size + n <= most(v))
        body = realloc(v->body, v->size + n);
    if (!body) {
        v->short_of_memory |= !v->spilt && v->size + n <= most(v);
        v->spilt += n;
        drop_body(v);
        drop_job(v); /* somebody else may have his place */
        return v->spilt <= SPILT_MAX ? MHD_YES : MHD_NO;
    }
    v->body = body;
    memcpy(v->body + v->size, data, n);
    v->size += n;
    return MHD_YES;
}

enum MHD_Result door_visit(void *arg, struct MHD_Connection *c, const char *url, const char *method,
        const char *version, const char *data, size_t *size, void **state)
{
    struct visit *v = *state;
    (void)version;
    if (!v) {
        v = mem_new(1, sizeof(*v));
        v->web = arg;
        v->connection = c;
        v->path = mem_strdup(url);
        *state = v;
        enum MHD_Result r = judge(v, method);
        return v->ready ? judge_body(v) : r;
    }
    if (!v->ready) /* it has been answered */
        return MHD_YES;
    if (*size > 0)
        return take_body(v, data, size);
    if (v->spilt)
        return v->short_of_memory
                       ? reply_wait(v, MHD_HTTP_SERVICE_UNAVAILABLE, 2, "memory is short")
                       : too_large(v);
    return v->route->answer(v);
}

void door_gone(
        void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
    struct visit *v = *state;
    (void)arg;
    (void)c;
    (void)why;
    if (!v)
        return;
    drop_job(v);
    drop_body(v);
    free(v->path);
    free(v);
    *state = NULL;
}

/* %00 would end a path or an argument before its end: it becomes what nothing is called. */
size_t door_unescape(void *arg, struct MHD_Connection *c, char *text)
{
    (void)arg;
    (void)c;
    size_t n = MHD_http_unescape(text);
    for (size_t i = 0; i < n; i++) {
        if (!text[i])
            text[i] = '\x7f';
    }
    return n;
}
