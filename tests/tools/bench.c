/*
 * What each stage costs alone, on this machine and one core: decode, scale, detect, track,
 * classify, store; and the whole daemon on the same clip.
 *
 * usage: bench MODELS CLIP FACED
 *
 * Every stage is fed with what the stage before it made of the clip. Times are of the thread's own
 * CPU clock, so that a busy machine disturbs them less; compare the rows with one another, not
 * with another machine's. It measures and never judges.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stop.h"
#include "base/thread.h"
#include "emit/votes.h"
#include "flow/event.h"
#include "flow/frame.h"
#include "flow/queue.h"
#include "flow/scale.h"
#include "source/decoder.h"
#include "source/source.h"
#include "store/store.h"
#include "track/tracker.h"
#include "vision/attrs.h"
#include "vision/card.h"
#include "vision/detector.h"
#include "vision/tiles.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FRAMES_MAX 400
#define SAMPLES    2000

static int64_t cpu_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * MONO_SECOND + ts.tv_nsec / 1000;
}

/* ------------------------------------------------------------- a row of the table --- */

struct row {
    const char *stage, *unit;
    char detail[64];
    double us[SAMPLES];
    int n;
};

static void add(struct row *r, int64_t begin_us)
{
    if (r->n < SAMPLES)
        r->us[r->n++] = (double)(cpu_us() - begin_us);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(struct row *r)
{
    if (r->n == 0)
        return;
    qsort(r->us, (size_t)r->n, sizeof(r->us[0]), compare);
    double sum = 0;
    for (int i = 0; i < r->n; i++)
        sum += r->us[i];
    printf("%-10s %-26s %9.3f %9.3f %9.3f  %s\n", r->stage, r->detail, r->us[r->n / 2] / 1000,
            r->us[r->n * 95 / 100] / 1000, sum / r->n / 1000, r->unit);
}

static void die(const char *what, const struct err *e)
{
    fprintf(stderr, "bench: %s: %s\n", what, e->text);
    exit(1);
}

/* ------------------------------------------------------------- the stages --- */

struct clip {
    struct frame *frames[FRAMES_MAX];
    int n;
    double seconds;
};

static void bench_decode(const char *path, struct clip *clip)
{
    static struct row r = {.stage = "decode", .unit = "a picture"};
    struct conf_camera camera = {.name = "bench",
            .url = (char *)path,
            .url_shown = (char *)path,
            .fps = 5,
            .pace = PACE_MAX};
    struct err e = {0};
    enum source_fault fault;
    struct stop *stop = stop_new();
    struct source *src = source_open(&camera, NULL, stop, NULL, &fault, &e);
    struct decoder *dec = src ? decoder_open(source_stream(src), NULL, &fault, &e) : NULL;
    if (!dec)
        die(path, &e);
    struct packet packet;
    while (clip->n < FRAMES_MAX && source_read(src, &packet, &e) == SOURCE_OK) {
        int64_t begin = cpu_us();
        decoder_push(dec, &packet, &e);
        struct frame *f = decoder_pull(dec);
        if (!f)
            continue;
        add(&r, begin);
        clip->frames[clip->n++] = f;
    }
    if (clip->n < 2)
        die(path, &e);
    clip->seconds =
            (double)(frame_time_us(clip->frames[clip->n - 1]) - frame_time_us(clip->frames[0])) /
            MONO_SECOND;
    (void)snprintf(r.detail, sizeof(r.detail), "%dx%d", frame_width(clip->frames[0]),
            frame_height(clip->frames[0]));
    decoder_close(dec);
    source_close(src);
    stop_free(stop);
    print(&r);
}

static void bench_scale(const struct clip *clip)
{
    static struct row r = {.stage = "scale", .unit = "a picture"};
    int w = 640, h = 640 * frame_height(clip->frames[0]) / frame_width(clip->frames[0]);
    h = (h + 31) / 32 * 32;
    (void)snprintf(r.detail, sizeof(r.detail), "YUV to %dx%d BGR", w, h);
    struct scaler *s = scaler_new();
    uint8_t *bgr = mem_new((size_t)w * (size_t)h, 3);
    float scale;
    for (int i = 0; i < clip->n; i++) {
        int64_t begin = cpu_us();
        scale_letterbox(s, clip->frames[i], w, h, bgr, &scale);
        add(&r, begin);
    }
    free(bgr);
    scaler_free(s);
    print(&r);
}

struct faces {
    int n;
    struct face face[FACES_MAX];
};

static void bench_detect(const struct clip *clip, const struct card *card, struct faces *found)
{
    static struct row r = {.stage = "detect", .unit = "a picture, scaling included"};
    struct err e = {0};
    struct detector *d = detector_open(card, &e);
    if (!d)
        die(card->name, &e);
    (void)snprintf(r.detail, sizeof(r.detail), "%s", card->name);
    for (int i = 0; i < clip->n; i++) {
        int64_t begin = cpu_us();
        detector_run(d, clip->frames[i], found[i].face, &found[i].n);
        add(&r, begin);
    }
    detector_close(d);
    print(&r);
}

/* The same with tiles, where the pictures are large enough for any. */
static void bench_tiles(const struct clip *clip, const struct card *card, int min_face)
{
    struct row r = {.stage = "tiles", .unit = "a picture"};
    struct tiles_wish wish = {frame_width(clip->frames[0]), frame_height(clip->frames[0]),
            card->input.max_side, card->min_width, (float)min_face, {0, 0, 1, 1}};
    struct tiles tiles;
    struct err e = {0};
    tiles_plan(&wish, &tiles);
    struct detector *d = tiles.n ? detector_open(card, &e) : NULL;
    if (e.code)
        die(card->name, &e);
    (void)snprintf(r.detail, sizeof(r.detail), "%d for faces from %.0f px", tiles.n,
            (double)tiles.narrowest_px);
    for (int i = 0; d && i < clip->n && i < 12; i++) {
        static struct face faces[FACES_MAX];
        int n;
        int64_t begin = cpu_us();
        detector_scan(d, clip->frames[i], &tiles, faces, &n);
        if (i > 1) /* the first ones allocate */
            add(&r, begin);
    }
    detector_close(d);
    print(&r);
}

static void bench_track(const struct clip *clip, const struct faces *found, const struct card *card)
{
    static struct row r = {.stage = "track", .unit = "a picture"};
    static struct sightings sightings;
    struct conf_track conf = {.confirm = 3, .lost_us = 3 * MONO_SECOND};
    struct tracker *t = tracker_new(&conf, card->start_score, card->start_eyes);
    int faces = 0;
    for (int i = 0; i < clip->n; i++) {
        int64_t begin = cpu_us();
        tracker_step(t, found[i].face, found[i].n, frame_time_us(clip->frames[i]), &sightings);
        add(&r, begin);
        faces += found[i].n;
    }
    (void)snprintf(r.detail, sizeof(r.detail), "%.1f faces in a picture", (double)faces / clip->n);
    tracker_free(t);
    print(&r);
}

static void bench_classify(
        const struct clip *clip, const struct faces *found, const struct card *card)
{
    static struct row r = {.stage = "classify", .unit = "a face, crop and quality included"};
    struct err e = {0};
    struct attrs *a = attrs_open(card, &e);
    if (!a)
        die(card->name, &e);
    (void)snprintf(r.detail, sizeof(r.detail), "%s", card->name);
    for (int i = 0; i < clip->n && r.n < 200; i++) {
        for (int k = 0; k < found[i].n; k++) {
            struct quality q;
            struct estimate estimate;
            int64_t begin = cpu_us();
            attrs_look(a, clip->frames[i], &found[i].face[k], &q, &estimate);
            add(&r, begin);
        }
    }
    attrs_close(a);
    print(&r);
}

static struct event *person(enum event_type type, const char *id)
{
    struct event *ev = event_new(type, "bench");
    memcpy(ev->record.id, id, UUID_TEXT);
    ev->record.start_us = ev->record.end_us = ev->time_us;
    ev->record.answers = answers_none();
    return ev;
}

/* From the queue to the disk and on to the bus, by the clock on the wall: it is the disk's time. */
static void bench_store(const char *directory)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/bench.db", directory);
    struct err e = {0};
    struct store_options options = {.path = path, .node = "bench", .settings.mqtt = true};
    struct store *store = store_open(&options, &e);
    if (!store)
        die(path, &e);
    struct queue *events = queue_new(4096, event_free, event_squeeze, NULL);
    struct queue *out = queue_new(256, free, NULL, NULL), *acks = queue_new(276, free, NULL, NULL);
    struct beat beat = {0};
    store_start(store, events, out, acks, &beat);
    static struct row r = {.stage = "store", .unit = "an event, from the queue to the bus"};
    (void)snprintf(r.detail, sizeof(r.detail), "one by one, synced");
    char id[UUID_TEXT];
    for (int i = 0; i < 200; i++) {
        if (i % 2 == 0)
            uuid_make(id, mono_wall_us());
        int64_t begin = mono_us();
        queue_put(events, person(i % 2 ? EVENT_END : EVENT_NEW, id));
        void *message;
        while (queue_take(out, &message, 1, 1000) == 0)
            ;
        r.us[r.n++] = (double)(mono_us() - begin);
        queue_put(acks, message);
    }
    store_stop(store);
    store_drained(store, 5000);
    store_join(store, 5000);
    store_close(store);
    queue_free(events);
    queue_free(out);
    queue_free(acks);
    print(&r);
}

/* ------------------------------------------------------------- the whole --- */

struct whole {
    double cpu_s, wall_s;
    long max_mb;
    int code;
};

/* Before anything else: a child's peak memory begins with what its parent has at that moment. */
static void run_whole(const char *directory, const char *models, const char *clip,
        const char *faced, struct whole *ret)
{
    char conf[300];
    (void)snprintf(conf, sizeof(conf), "%s/faced.conf", directory);
    FILE *f = fopen(conf, "we");
    if (!f)
        return;
    fprintf(f,
            "control = \"%s/control.sock\";\ndatabase: { path = \"%s/whole.db\"; };\n"
            "models: { dir = \"%s\"; };\npipeline: { workers = 1; };\n"
            "cameras: ( { name = \"bench\"; url = \"%s\"; pace = \"max\"; } );\n",
            directory, directory, models, clip);
    (void)fclose(f);
    const char *argv[] = {faced, "-c", conf, "--once", "0", NULL};
    const char *env[] = {"FACED_LOG=error", NULL};
    pid_t pid;
    int status;
    struct rusage usage;
    int64_t begin = mono_us();
    if (posix_spawn(&pid, faced, NULL, NULL, (char **)argv, (char **)env) != 0 ||
            wait4(pid, &status, 0, &usage) < 0)
        return;
    ret->wall_s = (double)(mono_us() - begin) / MONO_SECOND;
    ret->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / MONO_SECOND;
    ret->max_mb = usage.ru_maxrss / 1024;
    ret->code = WEXITSTATUS(status);
}

static void print_whole(const struct whole *w, double seconds)
{
    printf("\nThe whole daemon on these %.1f s of video at 5 pictures a second: %.2f s of CPU, "
           "start "
           "included\n(%.0f %% of a core for each camera), %.2f s by the clock, %ld MB at most, "
           "exit "
           "code %d.\n",
            seconds, w->cpu_s, w->cpu_s / seconds * 100, w->wall_s, w->max_mb, w->code);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: bench MODELS CLIP FACED\n", stderr);
        return 2;
    }
    struct err e = {0};
    struct card *detector = card_load(argv[1], "yunet", &e);
    struct card *attributes = detector ? card_load(argv[1], "combined", &e) : NULL;
    if (!attributes)
        die(argv[1], &e);
    source_log_init();
    static struct clip clip;
    struct faces *found = mem_new(FRAMES_MAX, sizeof(*found));

    log_open(LEVEL_WARN);
    char directory[] = "/tmp/faced-bench-XXXXXX";
    if (!mkdtemp(directory))
        return 1;
    struct whole whole = {.code = -1};
    run_whole(directory, argv[1], argv[2], argv[3], &whole);

    printf("%-10s %-26s %9s %9s %9s\n", "stage", "", "median ms", "p95 ms", "mean ms");
    bench_decode(argv[2], &clip);
    bench_scale(&clip);
    bench_detect(&clip, detector, found);
    static const int min_faces[] = {60, 40, 30, 20, 12};
    for (size_t i = 0; i < sizeof(min_faces) / sizeof(min_faces[0]); i++)
        bench_tiles(&clip, detector, min_faces[i]);
    bench_track(&clip, found, detector);
    bench_classify(&clip, found, attributes);
    bench_store(directory);
    print_whole(&whole, clip.seconds);

    for (int i = 0; i < clip.n; i++)
        frame_unref(clip.frames[i]);
    free(found);
    card_free(detector);
    card_free(attributes);
    return 0;
}
