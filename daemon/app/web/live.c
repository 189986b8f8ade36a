#include "app/web/live.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/when.h"
#include "flow/box.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "picture/annotate.h"
#include "picture/canvas.h"
#include "picture/encode.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WANTED_US (3 * MONO_SECOND)
#define STALE_US  (10 * MONO_SECOND) /* an older picture is none */

/* One camera that somebody has asked for. */
struct seat {
    char camera[NAME_SIZE];
    int64_t wanted_us; /* until then */
    uint64_t number;   /* of the picture; 0: none */
    int64_t seen_us;
    struct frame *frame;
    int n;
    struct portrait faces[VIEW_MAX];

    /* the latest that was encoded */
    char etag[LIVE_ETAG];
    struct jpeg *jpeg;
};

struct live {
    pthread_mutex_t lock; /* a leaf: nothing is drawn under it */
    /* protected by lock */
    uint64_t pictures;
    int n;
    struct seat **seats;
};

struct live *live_new(void)
{
    struct live *l = mem_new(1, sizeof(*l));
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void empty(struct seat *s)
{
    frame_unref(s->frame);
    free(s->jpeg);
    s->frame = NULL;
    s->jpeg = NULL;
    s->number = 0;
    s->etag[0] = '\0';
}

void live_free(struct live *l)
{
    if (!l)
        return;
    for (int i = 0; i < l->n; i++) {
        empty(l->seats[i]);
        free(l->seats[i]);
    }
    free(l->seats);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Under the lock. */
static struct seat *find(const struct live *l, const char *camera)
{
    for (int i = 0; i < l->n; i++) {
        if (strcmp(l->seats[i]->camera, camera) == 0)
            return l->seats[i];
    }
    return NULL;
}

/* Under the lock: of the camera, which is wanted from now on. What was seen when nobody looked is
 * not what is there now. */
static struct seat *take_seat(struct live *l, const char *camera)
{
    struct seat *s = find(l, camera);
    if (!s) {
        s = mem_new(1, sizeof(*s));
        (void)snprintf(s->camera, sizeof(s->camera), "%s", camera);
        l->seats = mem_grow(l->seats, (size_t)l->n + 1, sizeof(struct seat *));
        l->seats[l->n++] = s;
    }
    int64_t now = mono_us();
    if (s->number && now - s->seen_us > STALE_US)
        empty(s);
    s->wanted_us = now + WANTED_US;
    return s;
}

void live_forget(struct live *l, const char *camera)
{
    pthread_mutex_lock(&l->lock);
    struct seat *s = find(l, camera);
    if (s)
        empty(s);
    pthread_mutex_unlock(&l->lock);
}

/* ------------------------------------------------------------- the workers' side --- */

static bool wanted(void *arg, const char *camera)
{
    struct live *l = arg;
    int64_t now = mono_us();
    pthread_mutex_lock(&l->lock);
    struct seat *s = find(l, camera);
    bool is = s && s->wanted_us > now;
    if (s && !is)
        empty(s); /* nobody looks any more: the memory of a picture is worth more elsewhere */
    pthread_mutex_unlock(&l->lock);
    return is;
}

static void seen(
        void *arg, const char *camera, struct frame *f, const struct portrait *faces, int n)
{
    struct live *l = arg;
    struct frame *old = NULL;
    pthread_mutex_lock(&l->lock);
    struct seat *s = find(l, camera);
    if (s) {
        old = s->frame;
        s->frame = frame_ref(f);
        s->n = n;
        memcpy(s->faces, faces, (size_t)n * sizeof(*faces));
        s->number = ++l->pictures;
        s->seen_us = mono_us();
    }
    pthread_mutex_unlock(&l->lock);
    frame_unref(old);
}

struct view_links live_links(struct live *l)
{
    return (struct view_links){wanted, seen, l, false};
}

/* ------------------------------------------------------------- the asker's side --- */

/* A picture and who is in it, taken out of its seat. */
struct shot {
    struct frame *frame; /* a reference; NULL: none */
    int n;
    struct portrait faces[VIEW_MAX];
};

static struct jpeg *draw(const struct shot *shot, int width, bool hide)
{
    float scale;
    struct scaler *scaler = scaler_new();
    int w = frame_width(shot->frame), h = frame_height(shot->frame);
    int side = h > w ? (int)((int64_t)width * h / w) : width;
    struct canvas *c = canvas_of(scaler, shot->frame, side, &scale);
    struct jpeg *j = NULL;
    if (c) {
        if (hide)
            blur(c, shot->faces, shot->n, scale);
        annotate(c, shot->faces, shot->n, scale);
        j = encode_jpeg(c);
    }
    canvas_free(c);
    scaler_free(scaler);
    return j;
}

static struct jpeg *copy(const struct jpeg *from)
{
    struct jpeg *j = from ? malloc(sizeof(*j) + from->size) : NULL;
    if (j)
        memcpy(j, from, sizeof(*j) + from->size);
    return j;
}

static void take_shot(const struct seat *s, struct shot *ret)
{
    ret->frame = s->frame ? frame_ref(s->frame) : NULL;
    ret->n = s->n;
    memcpy(ret->faces, s->faces, (size_t)s->n * sizeof(*s->faces));
}

struct jpeg *live_picture(struct live *l, const char *camera, int width, bool hide,
        const char *etag, char ret_etag[LIVE_ETAG], bool *ret_same)
{
    struct shot *shot = mem_new(1, sizeof(*shot));
    struct jpeg *j = NULL;
    pthread_mutex_lock(&l->lock);
    struct seat *s = take_seat(l, camera);
    (void)snprintf(ret_etag, LIVE_ETAG, "\"%llu-%d%s\"", (unsigned long long)s->number, width,
            hide ? "-blurred" : "");
    *ret_same = s->number && etag && strcmp(etag, ret_etag) == 0;
    if (s->number && !*ret_same && strcmp(s->etag, ret_etag) == 0)
        j = copy(s->jpeg);
    else if (s->number && !*ret_same)
        take_shot(s, shot);
    pthread_mutex_unlock(&l->lock);
    if (!shot->frame) {
        free(shot);
        return j;
    }
    j = draw(shot, width, hide);
    frame_unref(shot->frame);
    free(shot);

    struct jpeg *kept = copy(j);
    pthread_mutex_lock(&l->lock);
    s = find(l, camera);
    if (s && s->number) {
        struct jpeg *old = s->jpeg;
        s->jpeg = kept;
        kept = old;
        memcpy(s->etag, ret_etag, LIVE_ETAG);
    }
    pthread_mutex_unlock(&l->lock);
    free(kept);
    return j;
}

static json_t *faces_json(const struct shot *shot)
{
    json_t *list = json_array();
    for (int i = 0; i < shot->n; i++) {
        const struct portrait *p = &shot->faces[i];
        if (!p->person)
            continue;
        struct box box = box_relative(&p->box, frame_width(shot->frame), frame_height(shot->frame));
        json_array_append_new(list,
                json_pack("{s:o, s:o, s:o}", "box", box_json(&box), "age",
                        answers_age_json(&p->answers), "gender", answers_gender_json(&p->answers)));
    }
    return list;
}

json_t *live_view(struct live *l, const char *camera)
{
    struct shot *shot = mem_new(1, sizeof(*shot));
    char time[WHEN_TEXT];
    pthread_mutex_lock(&l->lock);
    take_shot(take_seat(l, camera), shot);
    pthread_mutex_unlock(&l->lock);
    json_t *j;
    if (shot->frame) {
        when_format(time, frame_wall_us(shot->frame));
        j = json_pack("{s:s, s:i, s:i, s:o}", "time", time, "width", frame_width(shot->frame),
                "height", frame_height(shot->frame), "faces", faces_json(shot));
    } else {
        j = json_pack("{s:n, s:n, s:n, s:[]}", "time", "width", "height", "faces");
    }
    frame_unref(shot->frame);
    free(shot);
    return j;
}
