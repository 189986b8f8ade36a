#include "app/web/news.h"

#include "app/rows.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "store/reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING       256 /* texts kept for those who lag */
#define WAITING    256 /* records to be read */
#define CALM_S     15  /* so often something is said, so that proxies and dead peers are noticed */
#define PATIENCE_S 2   /* for the last listener to go */

struct waiting {
    enum event_type type;
    char id[UUID_TEXT];
};

struct listener {
    struct news *news;
    struct MHD_Connection *connection;
    const bool *closing; /* of the server that he listens at; protected by news.lock */
    bool asleep;         /* suspended until there is something to say */
    uint64_t next;       /* number of the text that comes next */
    char *text;          /* what is being sent */
    size_t sent;
};

struct news {
    /* set at birth */
    char *database;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* protected by lock */
    bool stopping;
    int n_waiting;
    struct waiting waiting[WAITING];
    uint64_t told; /* texts so far */
    char *ring[RING];
    int n_listeners;
    struct listener *listeners[NEWS_LISTENERS];
};

struct news *news_new(const char *database)
{
    struct news *n = mem_new(1, sizeof(*n));
    n->database = mem_strdup(database);
    pthread_mutex_init(&n->lock, NULL);
    thread_cond_init(&n->wake);
    return n;
}

void news_free(struct news *n)
{
    if (!n)
        return;
    for (int i = 0; i < RING; i++)
        free(n->ring[i]);
    pthread_cond_destroy(&n->wake);
    pthread_mutex_destroy(&n->lock);
    free(n->database);
    free(n);
}

void news_committed(struct news *n, const struct event *ev)
{
    pthread_mutex_lock(&n->lock);
    if (n->n_listeners > 0 && n->n_waiting < WAITING) {
        struct waiting *w = &n->waiting[n->n_waiting++];
        w->type = ev->type;
        memcpy(w->id, ev->record.id, sizeof(w->id));
        pthread_cond_signal(&n->wake);
    }
    pthread_mutex_unlock(&n->lock);
}

/* ------------------------------------------------------------- our thread --- */

/* Under the lock. Takes over the text. */
static void tell(struct news *n, char *text)
{
    char **place = &n->ring[n->told++ % RING];
    free(*place);
    *place = text;
    for (int i = 0; i < n->n_listeners; i++) {
        struct listener *l = n->listeners[i];
        if (l->asleep) {
            l->asleep = false;
            MHD_resume_connection(l->connection);
        }
    }
}

static int keep(const struct face_row *row, void *arg)
{
    *(json_t **)arg = row_json(row, NULL);
    return 1;
}

/* The row as an event; NULL: it is there no more, or cannot be read just now. */
static char *render(const struct news *n, const struct waiting *w)
{
    struct err e = {0};
    json_t *row = NULL;
    struct face_filter filter = {.id = w->id};
    struct reader *r = reader_open(n->database, &e);
    if (r)
        (void)reader_faces(r, &filter, keep, &row, &e);
    reader_close(r);
    if (!row)
        return NULL;
    char *json = mem_check(json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(15)));
    json_decref(row);
    char *text = mem_format("event: %s\ndata: %s\n\n", event_type_name(w->type), json);
    free(json);
    return text;
}

static void *body(void *arg)
{
    struct news *n = arg;
    struct waiting batch[WAITING];
    pthread_mutex_lock(&n->lock);
    while (!n->stopping) {
        struct timespec until = thread_deadline(CALM_S * 1000);
        bool calm = n->n_waiting == 0 &&
                    pthread_cond_timedwait(&n->wake, &n->lock, &until) == ETIMEDOUT;
        int count = n->n_waiting;
        memcpy(batch, n->waiting, (size_t)count * sizeof(*batch));
        n->n_waiting = 0;
        pthread_mutex_unlock(&n->lock);
        for (int i = 0; i < count; i++) {
            char *text = render(n, &batch[i]);
            pthread_mutex_lock(&n->lock);
            if (text)
                tell(n, text);
            pthread_mutex_unlock(&n->lock);
        }
        pthread_mutex_lock(&n->lock);
        if (calm && n->n_listeners > 0)
            tell(n, mem_strdup(":\n\n"));
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

int news_start(struct news *n)
{
    if (n->started)
        return 0;
    int r = thread_start(&n->thread, "web-news", body, n);
    n->started = r == 0;
    return r;
}

void news_dismiss(struct news *n, bool *closing)
{
    pthread_mutex_lock(&n->lock);
    *closing = true;
    for (int i = 0; i < n->n_listeners; i++) {
        struct listener *l = n->listeners[i];
        if (l->closing == closing && l->asleep) {
            l->asleep = false;
            MHD_resume_connection(l->connection);
        }
    }
    pthread_mutex_unlock(&n->lock);
}

void news_stop(struct news *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->stopping = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
    if (n->started)
        (void)thread_join(n->thread, PATIENCE_S * 1000);
    n->started = false;
}

/* ------------------------------------------------------------- the server's threads --- */

/* Under the lock: the next text into l. False: there is none yet. */
static bool next_text(struct news *n, struct listener *l)
{
    if (l->next == n->told)
        return false;
    free(l->text);
    l->text = mem_strdup(n->ring[l->next++ % RING]);
    l->sent = 0;
    return true;
}

static ssize_t more(void *arg, uint64_t position, char *to, size_t max)
{
    struct listener *l = arg;
    struct news *n = l->news;
    ssize_t given = 0;
    (void)position;
    pthread_mutex_lock(&n->lock);
    size_t left = l->text ? strlen(l->text) - l->sent : 0;
    if (n->stopping || *l->closing || n->told - l->next > RING) {
        given = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (left == 0 && !next_text(n, l)) {
        l->asleep = true;
        MHD_suspend_connection(l->connection);
    } else {
        left = strlen(l->text) - l->sent;
        given = (ssize_t)(left < max ? left : max);
        memcpy(to, l->text + l->sent, (size_t)given);
        l->sent += (size_t)given;
    }
    pthread_mutex_unlock(&n->lock);
    return given;
}

static void gone(void *arg)
{
    struct listener *l = arg;
    struct news *n = l->news;
    pthread_mutex_lock(&n->lock);
    for (int i = 0; i < n->n_listeners; i++) {
        if (n->listeners[i] == l)
            n->listeners[i] = n->listeners[--n->n_listeners];
    }
    pthread_mutex_unlock(&n->lock);
    free(l->text);
    free(l);
}

struct MHD_Response *news_listen(struct news *n, struct MHD_Connection *c, const bool *closing)
{
    struct listener *l = mem_new(1, sizeof(*l));
    *l = (struct listener){
            .news = n, .connection = c, .closing = closing, .text = mem_strdup("retry: 2000\n\n")};
    pthread_mutex_lock(&n->lock);
    bool room = n->n_listeners < NEWS_LISTENERS && !n->stopping;
    l->next = n->told;
    if (room)
        n->listeners[n->n_listeners++] = l;
    pthread_mutex_unlock(&n->lock);
    struct MHD_Response *r =
            room ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, more, l, gone) : NULL;
    if (!r && room)
        gone(l);
    else if (!r) {
        free(l->text);
        free(l);
    }
    return r;
}
