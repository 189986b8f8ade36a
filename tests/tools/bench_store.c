/*
 * How long an event waits for its commit while the store tidies up: a database of so many records,
 * of which retention takes nine in ten, and a person who leaves every 20 ms.
 *
 * usage: bench_store RECORDS DIRECTORY
 *
 * A wait is from the event into the queue to its message at the bus. It measures and never judges.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/mono.h"
#include "flow/event.h"
#include "flow/message.h"
#include "flow/queue.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVERY_US  (20 * INT64_C(1000))
#define CALM      250 /* waits that are measured before and after */
#define WAITS_MAX 65536
#define HOUR      (3600 * MONO_SECOND)

struct bench {
    char path[512];
    struct store *store;
    struct queue *events, *to_bus, *acks;
    int next; /* person */
    double waits_ms[WAITS_MAX];
    int n;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, why);
    exit(1);
}

static void begin(struct bench *b)
{
    struct err e = {0};
    const struct store_options options = {
            .path = b->path, .node = "bench", .settings = {.mqtt = true}};
    b->store = store_open(&options, &e);
    if (!b->store)
        die("store", e.text);
    b->events = queue_new(4096, event_free, event_squeeze, NULL);
    b->to_bus = queue_new(256, message_free, NULL, NULL);
    b->acks = queue_new(256, message_free, NULL, NULL);
    if (store_start(b->store, b->events, b->to_bus, b->acks, NULL) < 0)
        die("store", "no thread");
}

static void end(struct bench *b)
{
    if (store_join(b->store, 10000) < 0)
        die("store", "does not end");
    store_close(b->store);
    queue_free(b->events);
    queue_free(b->to_bus);
    queue_free(b->acks);
}

/* Nine in ten left two hours ago, the others now. */
static void fill(const struct bench *b, int64_t records)
{
    sqlite3 *db = NULL;
    char text[2000];
    (void)snprintf(text, sizeof(text),
            "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld)"
            " INSERT INTO record(id, seq, node, camera, start_us, last_us, end_reason, age_years,"
            " age_range, gender, samples, score, box_x, box_y, box_w, box_h, width_px, detector,"
            " attributes) SELECT format('01900000-0000-7000-9000-%%012d', i), i, 'bench',"
            " 'camera' || (i %% 12), t, t + 4000000, 'left', 29.4, '25-32', 'female', 6, 0.93,"
            " 0.41, 0.22, 0.06, 0.11, 84, 'yunet', 'xception' FROM"
            " (SELECT i, %lld + iif(i < %lld, i, %lld) AS t FROM n);"
            "UPDATE meta SET next_seq = %lld; INSERT INTO quarters SELECT"
            " start_us - start_us %% 900000000, camera, age_range, gender, count(*),"
            " sum(last_us - start_us) FROM record GROUP BY 1, 2, 3, 4; COMMIT",
            (long long)records, (long long)(mono_wall_us() - 2 * HOUR),
            (long long)(records / 10 * 9), (long long)(2 * HOUR), (long long)records + 1);
    char *why = NULL;
    if (sqlite3_open(b->path, &db) != SQLITE_OK ||
            sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        die(b->path, why ? why : "cannot be opened");
    sqlite3_close(db);
}

/* One person leaves; how long until the world may hear of it. */
static void measure(struct bench *b)
{
    struct event *ev = event_new(EVENT_END, "door");
    struct record *r = &ev->record;
    uuid_make(r->id, ev->time_us);
    r->start_us = r->end_us = ev->time_us;
    r->answers =
            (struct answers){.age_unknown = UNKNOWN_TOO_SMALL, .gender_unknown = UNKNOWN_TOO_SMALL};
    (void)snprintf(r->detector, sizeof(r->detector), "yunet");
    (void)snprintf(r->attributes, sizeof(r->attributes), "xception");
    int64_t begin_us = mono_us();
    void *m;
    queue_put(b->events, ev);
    if (queue_take(b->to_bus, &m, 1, 60000) != 1)
        die("store", "an event did not come through in a minute");
    int64_t took_us = mono_us() - begin_us;
    queue_put(b->acks, m);
    if (b->n < WAITS_MAX)
        b->waits_ms[b->n++] = (double)took_us / 1000;
    if (took_us < EVERY_US)
        mono_sleep_us(EVERY_US - took_us);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(struct bench *b, const char *what)
{
    qsort(b->waits_ms, (size_t)b->n, sizeof(b->waits_ms[0]), compare);
    printf("%-34s %7d %9.1f %9.1f %9.1f %9.1f\n", what, b->n, b->waits_ms[b->n / 2],
            b->waits_ms[b->n * 95 / 100], b->waits_ms[b->n * 99 / 100], b->waits_ms[b->n - 1]);
    b->n = 0;
}

static double megabytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (double)st.st_size / 1e6 : 0;
}

static bool over(struct bench *b)
{
    struct store_progress p;
    store_progress(b->store, &p);
    if (!p.running && p.code < 0)
        die("prune", p.text);
    return !p.running;
}

int main(int argc, char **argv)
{
    static struct bench b;
    if (argc != 3)
        die("usage", "bench_store RECORDS DIRECTORY");
    log_open(LEVEL_ERROR);
    int64_t records = strtoll(argv[1], NULL, 10);
    (void)snprintf(b.path, sizeof(b.path), "%s/bench-store.db", argv[2]);
    begin(&b);
    end(&b);
    fill(&b, records);
    double before = megabytes(b.path);
    begin(&b);

    printf("%-34s %7s %9s %9s %9s %9s\n", "an event waits for its commit", "events", "median ms",
            "p95 ms", "p99 ms", "most ms");
    while (b.n < CALM)
        measure(&b);
    print(&b, "nothing else to do");

    const struct store_order prune = {.job = STORE_PRUNE};
    const struct store_settings kept = {.mqtt = true, .kept = {.age_us = HOUR}};
    int64_t begin_us = mono_us();
    store_set(b.store, &kept);
    if (store_order(b.store, &prune) < 0)
        die("prune", "refused");
    while (!over(&b))
        measure(&b);
    double took_s = (double)(mono_us() - begin_us) / 1e6;
    print(&b, "while nine in ten records are pruned");
    while (b.n < CALM)
        measure(&b);
    print(&b, "afterwards");
    end(&b);
    printf("\n%lld records of %.0f MB pruned to %.0f MB in %.1f s.\n", (long long)records, before,
            megabytes(b.path), took_s);
    (void)unlink(b.path);
    char lock[600];
    (void)snprintf(lock, sizeof(lock), "%s.lock", b.path);
    (void)unlink(lock);
    return 0;
}
