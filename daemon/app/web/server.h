#pragma once

#include "app/web/gate.h"
#include "app/web/live.h"
#include "app/web/news.h"
#include "app/web/photo.h"
#include "app/web/reply.h"
#include "app/web/web.h"

#include <pthread.h>

/*
 * Inside of app/web/: what the handlers of requests see of the server, and which handler answers
 * which path.
 */
struct web {
    /* set at birth */
    struct conf *conf; /* held */
    struct web_links links;
    struct gate *gate;
    struct photo *photo; /* NULL: switched off */
    int socket;
    char *cert, *key; /* PEM; NULL: no TLS */
    struct MHD_Daemon *server;

    bool closing; /* protected by the news' lock */

    pthread_mutex_t lock; /* a leaf */
    /* protected by lock */
    char *status; /* NULL: none yet */
    int64_t status_us;
};

enum route_flag {
    ROUTE_PUBLIC = 1, /* without a password */
    ROUTE_POST = 2,   /* else GET and HEAD */
    ROUTE_CAMERA = 4, /* "*" in the path is a camera's name */
    ROUTE_PHOTO = 8,  /* has a body of a picture's size, else of BODY_MAX */
};
#define BODY_MAX  4096
#define SPILT_MAX (32 << 20) /* who sends more that nobody wants is cut off */

struct route {
    const char *path;
    unsigned flags;
    enum MHD_Result (*answer)(struct visit *v);
    const char *type; /* of a page: */
    const char *data, *end;
};

/* NULL: there is no such path. *ret_other: there is, with the other method. v->camera is set. */
const struct route *route_find(struct visit *v, bool post, bool *ret_other);

/* The status document; NULL: there is none yet. A new reference. */
json_t *web_document(struct web *w, double *ret_age_s);

/* For libmicrohttpd; see door.c. */
enum MHD_Result door_visit(void *web, struct MHD_Connection *c, const char *url, const char *method,
        const char *version, const char *data, size_t *size, void **state);
void door_gone(
        void *web, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why);
size_t door_unescape(void *web, struct MHD_Connection *c, char *text);

/* The session's token in the cookie; NULL: none. Static storage of the thread. */
const char *web_cookie(const struct visit *v);
#define COOKIE "faced_session"

/* One function for each path, in the order of the table in routes.c. */
enum MHD_Result get_page(struct visit *v);
enum MHD_Result get_session(struct visit *v);
enum MHD_Result post_login(struct visit *v);
enum MHD_Result post_logout(struct visit *v);
enum MHD_Result get_status(struct visit *v);
enum MHD_Result get_cameras(struct visit *v);
enum MHD_Result get_picture(struct visit *v);
enum MHD_Result get_view(struct visit *v);
enum MHD_Result get_faces(struct visit *v);
enum MHD_Result get_export(struct visit *v);
enum MHD_Result get_events(struct visit *v);
enum MHD_Result get_audience(struct visit *v);
enum MHD_Result post_photo(struct visit *v);
enum MHD_Result get_metrics(struct visit *v);
enum MHD_Result get_healthz(struct visit *v);
enum MHD_Result get_readyz(struct visit *v);
