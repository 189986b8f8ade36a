#include "app/web/server.h"

#include <string.h>

/* A file of app/web/page/ as part of the program: name_data to name_end. */
#define PAGE(name, file)                                                                           \
    __asm__(".section .rodata\n"                                                                   \
            ".global page_" #name "\npage_" #name ":\n.incbin \"daemon/app/web/page/" file "\"\n"  \
            ".global page_" #name "_end\npage_" #name "_end:\n.byte 0\n.previous\n");              \
    extern const char page_##name[], page_##name##_end[]

PAGE(index, "index.html");
PAGE(style, "faced.css");
PAGE(icon, "favicon.svg");
PAGE(openapi, "openapi.json");
PAGE(faced_js, "faced.js");
PAGE(api_js, "api.js");
PAGE(audience_js, "audience.js");
PAGE(chart_js, "chart.js");
PAGE(device_js, "device.js");
PAGE(dom_js, "dom.js");
PAGE(now_js, "now.js");
PAGE(people_js, "people.js");
PAGE(photo_js, "photo.js");
PAGE(pictures_js, "pictures.js");
PAGE(repeat_js, "repeat.js");
PAGE(time_js, "time.js");
PAGE(words_js, "words.js");

#define HTML "text/html; charset=utf-8"
#define CSS  "text/css; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"
#define SVG  "image/svg+xml"
#define JSON "application/json"
/* clang-format off */
#define SCRIPT(name)                                                                               \
    {"/" #name ".js", ROUTE_PUBLIC, get_page, JS, page_##name##_js, page_##name##_js_end}

static const struct route routes[] = {
    {"/",                          ROUTE_PUBLIC, get_page, HTML, page_index, page_index_end},
    {"/faced.css",                 ROUTE_PUBLIC, get_page, CSS, page_style, page_style_end},
    SCRIPT(faced),
    SCRIPT(api),
    SCRIPT(audience),
    SCRIPT(chart),
    SCRIPT(device),
    SCRIPT(dom),
    SCRIPT(now),
    SCRIPT(people),
    SCRIPT(photo),
    SCRIPT(pictures),
    SCRIPT(repeat),
    SCRIPT(time),
    SCRIPT(words),
    {"/favicon.svg",               ROUTE_PUBLIC, get_page, SVG, page_icon, page_icon_end},
    {"/api/v1/openapi.json",       ROUTE_PUBLIC, get_page, JSON, page_openapi, page_openapi_end},
    {"/api/v1/session",            ROUTE_PUBLIC, get_session, NULL, NULL, NULL},
    {"/api/v1/login",              ROUTE_PUBLIC | ROUTE_POST, post_login, NULL, NULL, NULL},
    {"/api/v1/logout",             ROUTE_PUBLIC | ROUTE_POST, post_logout, NULL, NULL, NULL},
    {"/api/v1/status",             0, get_status, NULL, NULL, NULL},
    {"/api/v1/cameras",            0, get_cameras, NULL, NULL, NULL},
    {"/api/v1/cameras/*/picture",  ROUTE_CAMERA, get_picture, NULL, NULL, NULL},
    {"/api/v1/cameras/*/view",     ROUTE_CAMERA, get_view, NULL, NULL, NULL},
    {"/api/v1/faces",              0, get_faces, NULL, NULL, NULL},
    {"/api/v1/export",             0, get_export, NULL, NULL, NULL},
    {"/api/v1/events",             0, get_events, NULL, NULL, NULL},
    {"/api/v1/audience",           0, get_audience, NULL, NULL, NULL},
    {"/api/v1/photo",              ROUTE_POST | ROUTE_PHOTO, post_photo, NULL, NULL, NULL},
    {"/metrics",                   0, get_metrics, NULL, NULL, NULL},
    {"/healthz",                   ROUTE_PUBLIC, get_healthz, NULL, NULL, NULL},
    {"/readyz",                    ROUTE_PUBLIC, get_readyz, NULL, NULL, NULL},
};
/* clang-format on */

/* Cuts the name out of v->path where "*" stands in the pattern. */
static bool match_camera(struct visit *v, const char *pattern)
{
    size_t before = strcspn(pattern, "*");
    const char *after = pattern + before + 1;
    size_t n = strlen(v->path), end = strlen(after);
    if (n <= before + end || strncmp(v->path, pattern, before) != 0 ||
            strcmp(v->path + n - end, after) != 0)
        return false;
    size_t length = n - before - end;
    if (length >= NAME_SIZE || memchr(v->path + before, '/', length))
        return false;
    v->path[n - end] = '\0';
    v->camera = v->path + before;
    return true;
}

const struct route *route_find(struct visit *v, bool post, bool *ret_other)
{
    *ret_other = false;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *r = &routes[i];
        bool is = r->flags & ROUTE_CAMERA ? match_camera(v, r->path) : !strcmp(v->path, r->path);
        if (!is)
            continue;
        if (!(r->flags & ROUTE_POST) == !post)
            return r;
        *ret_other = true;
    }
    return NULL;
}
