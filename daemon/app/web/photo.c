#include "app/web/photo.h"

#include "app/viewer.h"
#include "base/mem.h"
#include "base/thread.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "picture/annotate.h"
#include "picture/canvas.h"
#include "picture/encode.h"
#include "picture/still.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VISITORS    4    /* with a picture in memory */
#define SIDE        1600 /* of the picture that is given back */
#define PATIENCE_MS 1500

struct photo {
    /* set at birth */
    const struct conf *conf;
    struct viewer *viewer; /* the thread's */
    struct scaler *scaler;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* protected by lock */
    bool stopping;
    int visitors;
    int n;
    struct photo_job *jobs[VISITORS];
};

struct photo *photo_new(const struct conf *conf, struct err *e)
{
    struct viewer *v = viewer_open(conf, e);
    if (!v)
        return NULL;
    struct photo *p = mem_new(1, sizeof(*p));
    p->conf = conf;
    p->viewer = v;
    p->scaler = scaler_new();
    pthread_mutex_init(&p->lock, NULL);
    thread_cond_init(&p->wake);
    return p;
}

void photo_free(struct photo *p)
{
    if (!p || p->started) /* a thread that hangs keeps what it uses */
        return;
    viewer_close(p->viewer);
    scaler_free(p->scaler);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ------------------------------------------------------------- looking --- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* "data:image/jpeg;base64,..." (RFC 2397, RFC 4648) */
static char *data_url(const struct jpeg *j)
{
    static const char head[] = "data:image/jpeg;base64,";
    char *url = mem_new(sizeof(head) + (j->size + 2) / 3 * 4, 1);
    char *to = stpcpy(url, head);
    for (size_t i = 0; i < j->size; i += 3) {
        size_t left = j->size - i;
        uint32_t v = (uint32_t)j->data[i] << 16 | (left > 1 ? (uint32_t)j->data[i + 1] << 8 : 0) |
                     (left > 2 ? j->data[i + 2] : 0);
        *to++ = digits[v >> 18];
        *to++ = digits[v >> 12 & 63];
        *to++ = left > 1 ? digits[v >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[v & 63] : '=';
    }
    *to = '\0';
    return url;
}

static char *draw(struct photo *p, const struct frame *f, const struct view_face *faces, int n)
{
    struct portrait portraits[FACES_MAX];
    float scale;
    struct canvas *c = canvas_of(p->scaler, f, SIDE, &scale);
    for (int i = 0; i < n; i++)
        portraits[i] = faces[i].portrait;
    if (c && p->conf->http.blur)
        blur(c, portraits, n, scale);
    if (c)
        annotate(c, portraits, n, scale);
    struct jpeg *j = c ? encode_jpeg(c) : NULL;
    char *url = j ? data_url(j) : NULL;
    free(j);
    canvas_free(c);
    return url;
}

static void fail(struct photo_job *job, unsigned status, const char *sentence)
{
    json_t *text = json_string(sentence);
    json_t *json = json_pack("{s:o}", "error", text ? text : json_string("?"));
    job->status = status;
    job->json = json_dumps(json, JSON_COMPACT);
    json_decref(json);
}

static unsigned status_of(int code)
{
    switch (code) {
    case -EFBIG: return MHD_HTTP_CONTENT_TOO_LARGE;
    case -ENOMEM: return MHD_HTTP_SERVICE_UNAVAILABLE;
    default: return MHD_HTTP_UNPROCESSABLE_CONTENT;
    }
}

static void look(struct photo *p, struct photo_job *job)
{
    struct err e = {0};
    static struct view_face faces[FACES_MAX]; /* one thread */
    struct frame *f = still_decode(job->data, job->size, "the picture", &still_limits_stranger, &e);
    int n = f ? viewer_look(p->viewer, f, faces) : -1;
    if (!f) {
        fail(job, status_of(e.code), e.text);
    } else if (n < 0) {
        fail(job, MHD_HTTP_UNPROCESSABLE_CONTENT, "the picture cannot be looked at");
    } else {
        json_t *json = viewer_json(f, faces, n);
        char *url = draw(p, f, faces, n);
        json_object_set_new(json, "picture", url ? json_string(url) : json_null());
        free(url);
        job->status = MHD_HTTP_OK;
        job->json = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));
        json_decref(json);
    }
    frame_unref(f);
}

static void *body(void *arg)
{
    struct photo *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        if (p->n == 0) {
            (void)pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        struct photo_job *job = p->jobs[0];
        pthread_mutex_unlock(&p->lock);
        look(p, job);
        pthread_mutex_lock(&p->lock);
        p->n--;
        memmove(&p->jobs[0], &p->jobs[1], (size_t)p->n * sizeof(p->jobs[0]));
        job->done = true;
        MHD_resume_connection(job->connection);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ------------------------------------------------------------- from outside --- */

int photo_start(struct photo *p)
{
    int r = thread_start(&p->thread, "web-photo", body, p);
    p->started = r == 0;
    return r;
}

void photo_stop(struct photo *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (p->started)
        p->started = thread_join(p->thread, PATIENCE_MS) < 0;
    for (int i = 0; i < p->n; i++) {
        p->jobs[i]->done = true;
        MHD_resume_connection(p->jobs[i]->connection);
    }
    p->n = 0;
}

bool photo_enter(struct photo *p)
{
    pthread_mutex_lock(&p->lock);
    bool may = p->visitors < VISITORS && !p->stopping;
    p->visitors += may;
    pthread_mutex_unlock(&p->lock);
    return may;
}

void photo_leave(struct photo *p)
{
    pthread_mutex_lock(&p->lock);
    p->visitors--;
    pthread_mutex_unlock(&p->lock);
}

void photo_look(struct photo *p, struct photo_job *job)
{
    pthread_mutex_lock(&p->lock);
    MHD_suspend_connection(job->connection);
    if (p->stopping || p->n == VISITORS) {
        job->done = true;
        MHD_resume_connection(job->connection);
    } else {
        p->jobs[p->n++] = job;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
}
