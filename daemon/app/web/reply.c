#include "app/web/reply.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* Nothing from elsewhere, nothing inline, in nobody's frame; and no cache keeps what people did. */
static const struct {
    const char *name, *value;
} headers[] = {
        {"Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: "
                "blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
                "'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(self), microphone=(), geolocation=()"},
        {"Cache-Control", "no-store"},
};

const char *visit_query(const struct visit *v, const char *name)
{
    return MHD_lookup_connection_value(v->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *visit_header(const struct visit *v, const char *name)
{
    return MHD_lookup_connection_value(v->connection, MHD_HEADER_KIND, name);
}

enum MHD_Result reply_response(
        struct visit *v, unsigned status, const char *type, struct MHD_Response *r)
{
    if (!r)
        return MHD_NO;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        (void)MHD_add_response_header(r, headers[i].name, headers[i].value);
    if (type)
        (void)MHD_add_response_header(r, "Content-Type", type);
    enum MHD_Result done = MHD_queue_response(v->connection, status, r);
    MHD_destroy_response(r);
    return done;
}

enum MHD_Result reply_text(struct visit *v, unsigned status, const char *type, char *text, size_t n)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
    if (!r)
        free(text);
    return reply_response(v, status, type, r);
}

enum MHD_Result reply_json(struct visit *v, unsigned status, json_t *json)
{
    char *text = mem_check(json_dumps(json, DOCUMENT));
    json_decref(json);
    return reply_text(v, status, "application/json", text, strlen(text));
}

static json_t *error_json(const char *sentence)
{
    json_t *text = json_string(sentence);
    return json_pack("{s:o}", "error", text ? text : json_string("?"));
}

enum MHD_Result reply_error(struct visit *v, unsigned status, const char *fmt, ...)
{
    char sentence[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(sentence, sizeof(sentence), fmt, ap);
    va_end(ap);
    return reply_json(v, status, error_json(sentence));
}

static struct MHD_Response *with(struct MHD_Response *r, const char *name, const char *value)
{
    if (r && name)
        (void)MHD_add_response_header(r, name, value);
    return r;
}

enum MHD_Result reply_wait(struct visit *v, unsigned status, int wait_s, const char *sentence)
{
    char seconds[16];
    (void)snprintf(seconds, sizeof(seconds), "%d", wait_s);
    json_t *json = error_json(sentence);
    char *text = mem_check(json_dumps(json, DOCUMENT));
    json_decref(json);
    struct MHD_Response *r =
            MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!r)
        free(text);
    return reply_response(v, status, "application/json", with(r, "Retry-After", seconds));
}

enum MHD_Result reply_empty(struct visit *v, unsigned status, const char *name, const char *value)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    return reply_response(v, status, NULL, with(r, name, value));
}

enum MHD_Result reply_static(struct visit *v, const char *type, const char *data, size_t n)
{
    return reply_response(v, MHD_HTTP_OK, type,
            MHD_create_response_from_buffer(n, (void *)data, MHD_RESPMEM_PERSISTENT));
}
