#include "app/solo.h"

#include "app/camera.h"
#include "app/pipeline.h"
#include "base/log.h"
#include "flow/event.h"
#include "flow/queue.h"
#include "source/source.h"

#include <stdio.h>

#define JOIN_MS 5000
#define EVENTS  4096

static bool wanted(void *arg, const char *camera)
{
    (void)arg;
    (void)camera;
    return true;
}

static void nothing(void *arg)
{
    (void)arg;
}

void solo_init(
        struct solo *s, struct conf *conf, const char *name, const char *url, const char *shown)
{
    *s = (struct solo){.conf = conf,
            .want = {.url = (char *)url,
                    .url_shown = (char *)shown,
                    .pace = PACE_MAX,
                    .enabled = true,
                    .min_face = 12}};
    (void)snprintf(s->want.name, sizeof(s->want.name), "%s", name);
    conf->workers = 1;
    conf->database.observations = conf->privacy.store_crops = false;
    sigemptyset(&s->signals);
    sigaddset(&s->signals, SIGINT);
    sigaddset(&s->signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
    log_open(LEVEL_NONE);
    source_log_init();
    s->events = queue_new(EVENTS, event_free, event_squeeze, NULL);
}

int solo_begin(struct solo *s,
        void (*seen)(void *, const char *, struct frame *, const struct portrait *, int), void *arg,
        struct err *e)
{
    struct pipeline_links links = {s->events, nothing, NULL, {wanted, seen, arg, true}};
    s->pipeline = pipeline_new(s->conf, &links, e);
    if (!s->pipeline)
        return -1;
    s->lane = pipeline_add(s->pipeline, &s->want);
    struct camera_links news = {.run = session_run,
            .slot = lane_slot(s->lane),
            .to_store = s->events,
            .changed = nothing};
    s->camera = camera_new(&s->want, &news, true, 0);
    lane_attach(s->lane, s->camera);
    int r = pipeline_start(s->pipeline);
    if (r == 0)
        r = camera_start(s->camera);
    return r < 0 ? err_set(e, r, "no thread to be had: %s", err_name(r)) : 0;
}

bool solo_wait(struct solo *s, int ms)
{
    const struct timespec turn = {0, ms * INT64_C(1000000)};
    return sigtimedwait(&s->signals, NULL, &turn) > 0;
}

bool solo_finish(struct solo *s)
{
    (void)pthread_sigmask(SIG_UNBLOCK, &s->signals, NULL);
    camera_stop(s->camera);
    bool done = camera_join(s->camera, JOIN_MS) == 0;
    pipeline_stop(s->pipeline);
    return pipeline_join(s->pipeline, JOIN_MS) == 0 && done;
}

void solo_done(struct solo *s)
{
    pipeline_free(s->pipeline);
    camera_free(s->camera);
    queue_free(s->events);
}
