#pragma once

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One request and the answers that it may get, so that each carries the headers that keep a browser
 * from doing with it what we do not mean.
 *
 * Every function queues one answer and returns what libmicrohttpd wants to hear.
 */
struct web;
struct route;

struct visit {
    struct web *web;
    struct MHD_Connection *connection;
    const struct route *route;
    const char *camera; /* from the path, where the route has one; inside `path` */
    char *path;
    char address[64];      /* the client's */
    bool ready;            /* the headers were judged */
    bool locked;           /* the page wants a password */
    bool known;            /* and he has shown it, or need not */
    struct photo_job *job; /* the one that he waits for */
    uint8_t *body;
    size_t size;
    size_t spilt;         /* so many bytes were too many, and are gone like those before them */
    bool short_of_memory; /* that was why */
};

/* An argument of the query, or a header; NULL: none. */
const char *visit_query(const struct visit *v, const char *name);
const char *visit_header(const struct visit *v, const char *name);

/* Takes over what it is given. */
enum MHD_Result reply_json(struct visit *v, unsigned status, json_t *json);
enum MHD_Result reply_text(
        struct visit *v, unsigned status, const char *type, char *text, size_t n);

/* {"error": "one sentence"} */
enum MHD_Result reply_error(struct visit *v, unsigned status, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
enum MHD_Result reply_wait(struct visit *v, unsigned status, int wait_s, const char *sentence);

/* No body. name, value: one more header; NULL: none. */
enum MHD_Result reply_empty(struct visit *v, unsigned status, const char *name, const char *value);

/* Of the program itself: not copied. */
enum MHD_Result reply_static(struct visit *v, const char *type, const char *data, size_t n);

/* For what is sent otherwise: sets the headers, queues it and drops it. */
enum MHD_Result reply_response(
        struct visit *v, unsigned status, const char *type, struct MHD_Response *r);
