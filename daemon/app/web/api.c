/*
 * The answers of the JSON API that come from main's status document and from the gate. Those that
 * come from the database are in questions.c.
 */
#include "app/audience.h"
#include "app/web/metrics.h"
#include "app/web/server.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH     960 /* of a picture, unless asked for otherwise */
#define WIDTH_MIN 160
#define WIDTH_MAX 1920
#define FRESH_S   10 /* main says what it does every second */
#define SESSION_S (7 * 24 * 3600)

enum MHD_Result get_page(struct visit *v)
{
    const struct route *r = v->route;
    return reply_static(v, r->type, r->data, (size_t)(r->end - r->data));
}

/* ------------------------------------------------------------- who are you --- */

static json_t *names_of(json_t *cameras)
{
    json_t *list = json_array(), *of;
    const char *name;
    json_object_foreach(cameras, name, of) json_array_append_new(list, json_string(name));
    return list;
}

static json_t *age_names(void)
{
    json_t *list = json_array();
    for (int i = 0; i < AGE_RANGES; i++)
        json_array_append_new(list, json_string(age_range_name(i)));
    return list;
}

enum MHD_Result get_session(struct visit *v)
{
    const struct conf *conf = v->web->conf;
    json_t *j = json_pack("{s:s, s:b, s:b}", "version", FACED_VERSION, "authenticated", v->known,
            "password", v->locked);
    if (!v->known)
        return reply_json(v, MHD_HTTP_OK, j);
    char zone[64];
    audience_zone(zone);
    json_t *status = web_document(v->web, NULL);
    json_object_set_new(j, "node", json_string(conf->node));
    json_object_set_new(j, "live", json_boolean(conf->http.live));
    json_object_set_new(j, "photo", json_boolean(conf->http.photo));
    json_object_set_new(j, "blur", json_boolean(conf->http.blur));
    json_object_set_new(j, "aggregate_only", json_boolean(conf->privacy.aggregate_only));
    json_object_set_new(j, "time_zone", json_string(zone));
    json_object_set_new(j, "cameras", names_of(json_object_get(status, "cameras")));
    json_object_set_new(j, "age_ranges", age_names());
    json_decref(status);
    return reply_json(v, MHD_HTTP_OK, j);
}

static enum MHD_Result with_cookie(struct visit *v, const char *token, int age_s)
{
    char cookie[256];
    /* a proxy says how the browser came; whoever says so himself binds but himself */
    const char *via = visit_header(v, "X-Forwarded-Proto");
    bool secure = v->web->cert || (via && strcmp(via, "https") == 0);
    (void)snprintf(cookie, sizeof(cookie),
            COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s", token, age_s,
            secure ? "; Secure" : "");
    return reply_empty(v, MHD_HTTP_NO_CONTENT, "Set-Cookie", cookie);
}

enum MHD_Result post_login(struct visit *v)
{
    const char *type = visit_header(v, "Content-Type");
    if (!type || strncmp(type, "application/json", 16) != 0) /* a form of another page is not */
        return reply_error(v, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                "send {\"password\": \"...\"} as "
                "application/json");
    json_t *j = json_loadb((const char *)v->body, v->size, 0, NULL);
    const char *password = json_string_value(json_object_get(j, "password"));
    char token[GATE_TOKEN] = "";
    int wait_s = 0;
    enum gate_answer answer =
            password ? gate_login(v->web->gate, v->address, password, token, &wait_s) : GATE_WRONG;
    bool asked = password != NULL;
    if (password)
        explicit_bzero((char *)password, strlen(password));
    json_decref(j);
    if (!asked)
        return reply_error(v, MHD_HTTP_BAD_REQUEST, "send {\"password\": \"...\"}");
    switch (answer) {
    case GATE_OPEN: return with_cookie(v, token, SESSION_S);
    case GATE_WAIT:
        return reply_wait(v, MHD_HTTP_TOO_MANY_REQUESTS, wait_s, "too many wrong passwords: wait");
    case GATE_BROKEN:
        return reply_error(v, MHD_HTTP_SERVICE_UNAVAILABLE,
                "there is no password to compare with: run facectl passwd on the host");
    default: return reply_error(v, MHD_HTTP_UNAUTHORIZED, "that is not the password");
    }
}

enum MHD_Result post_logout(struct visit *v)
{
    gate_logout(v->web->gate, web_cookie(v));
    return with_cookie(v, "", 0);
}

/* ------------------------------------------------------------- what is going on --- */

static enum MHD_Result not_yet(struct visit *v)
{
    return reply_wait(v, MHD_HTTP_SERVICE_UNAVAILABLE, 1, "faced is just starting");
}

enum MHD_Result get_status(struct visit *v)
{
    json_t *status = web_document(v->web, NULL);
    return status ? reply_json(v, MHD_HTTP_OK, status) : not_yet(v);
}

/* These of its keys are told; what else there is is for operators, in the status. */
static json_t *camera_json(const char *name, json_t *of)
{
    static const char *const keys[] = {"state", "enabled", "people", "for_s", "trouble", "format",
            "camera_fps", "process_fps", "frames_lost", "url"};
    json_t *j = json_object();
    json_object_set_new(j, "name", json_string(name));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        json_t *value = json_object_get(of, keys[i]);
        json_object_set(j, keys[i], value ? value : json_null());
    }
    return j;
}

enum MHD_Result get_cameras(struct visit *v)
{
    json_t *status = web_document(v->web, NULL), *list = json_array(), *of;
    const char *name;
    if (!status) {
        json_decref(list);
        return not_yet(v);
    }
    json_object_foreach(json_object_get(status, "cameras"), name, of)
            json_array_append_new(list, camera_json(name, of));
    json_t *j = json_object();
    json_object_set_new(j, "cameras", list);
    json_object_set(j, "troubles", json_object_get(status, "troubles"));
    json_object_set(j, "uptime_s", json_object_get(status, "uptime_s"));
    json_decref(status);
    return reply_json(v, MHD_HTTP_OK, j);
}

enum MHD_Result get_metrics(struct visit *v)
{
    json_t *status = web_document(v->web, NULL);
    if (!status)
        return not_yet(v);
    char *text = metrics_text(status);
    json_decref(status);
    return reply_text(
            v, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, strlen(text));
}

/* Alive: main looks after its threads. */
enum MHD_Result get_healthz(struct visit *v)
{
    double age_s = 0;
    json_t *status = web_document(v->web, &age_s);
    bool well = status && age_s < FRESH_S;
    json_decref(status);
    return well ? reply_json(v, MHD_HTTP_OK, json_pack("{s:s}", "status", "ok"))
                : reply_error(v, MHD_HTTP_SERVICE_UNAVAILABLE, "main does not answer");
}

/* Ready: what cameras see is kept. */
enum MHD_Result get_readyz(struct visit *v)
{
    json_t *status = web_document(v->web, NULL);
    json_t *trouble = json_object_get(json_object_get(status, "database"), "trouble");
    bool well = status && !json_is_string(trouble);
    json_decref(status);
    return well ? reply_json(v, MHD_HTTP_OK, json_pack("{s:s}", "status", "ready"))
                : reply_error(v, MHD_HTTP_SERVICE_UNAVAILABLE, "the database cannot be written");
}

/* ------------------------------------------------------------- pictures --- */

/* 0: go on; else what was answered, in *ret. */
static bool turned_away(struct visit *v, enum MHD_Result *ret)
{
    if (!v->web->conf->http.live) {
        *ret = reply_error(v, MHD_HTTP_FORBIDDEN, "the live view is switched off (http.live)");
        return true;
    }
    json_t *status = web_document(v->web, NULL);
    json_t *of = json_object_get(json_object_get(status, "cameras"), v->camera);
    bool there = of != NULL;
    const char *state = json_string_value(json_object_get(of, "state"));
    if (there && state && strcmp(state, "online") != 0)
        live_forget(v->web->links.live, v->camera);
    json_decref(status);
    if (!there)
        *ret = reply_error(v, MHD_HTTP_NOT_FOUND, "there is no such camera");
    return !there;
}

static bool width_of(const struct visit *v, int *ret)
{
    const char *text = visit_query(v, "width");
    char *end;
    long n = text ? strtol(text, &end, 10) : WIDTH;
    if (text && (end == text || *end || n < WIDTH_MIN || n > WIDTH_MAX))
        return false;
    *ret = (int)n;
    return true;
}

enum MHD_Result get_picture(struct visit *v)
{
    enum MHD_Result away;
    int width;
    if (turned_away(v, &away))
        return away;
    if (!width_of(v, &width))
        return reply_error(
                v, MHD_HTTP_BAD_REQUEST, "width: a number from %d to %d", WIDTH_MIN, WIDTH_MAX);
    char etag[LIVE_ETAG];
    bool same;
    struct jpeg *j = live_picture(v->web->links.live, v->camera, width, v->web->conf->http.blur,
            visit_header(v, "If-None-Match"), etag, &same);
    if (!j)
        return reply_empty(
                v, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_NO_CONTENT, same ? "ETag" : NULL, etag);
    struct MHD_Response *r =
            MHD_create_response_from_buffer(j->size, j->data, MHD_RESPMEM_MUST_COPY);
    free(j);
    if (r)
        (void)MHD_add_response_header(r, "ETag", etag);
    return reply_response(v, MHD_HTTP_OK, "image/jpeg", r);
}

enum MHD_Result get_view(struct visit *v)
{
    enum MHD_Result away;
    if (turned_away(v, &away))
        return away;
    return reply_json(v, MHD_HTTP_OK, live_view(v->web->links.live, v->camera));
}

enum MHD_Result post_photo(struct visit *v)
{
    struct photo_job *job = v->job;
    if (!job->connection) {
        *job = (struct photo_job){.connection = v->connection, .data = v->body, .size = v->size};
        photo_look(v->web->photo, job);
        return MHD_YES;
    }
    if (!job->done) /* it is woken only when it is */
        return MHD_YES;
    if (!job->json)
        return reply_wait(v, MHD_HTTP_SERVICE_UNAVAILABLE, 2, "faced is just ending: try again");
    char *json = job->json;
    job->json = NULL;
    return reply_text(v, job->status, "application/json", json, strlen(json));
}
