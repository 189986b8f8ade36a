/*
 * How long questions take: of a database of so many people who came in a year, to eight cameras, by
 * day, of all ages.
 *
 * usage: bench_ask RECORDS DIRECTORY
 *
 * Each question is asked seven times, through a connection of its own as facectl and the web page
 * do it; the median is told. It measures and never judges.
 */
#include "app/audience.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mono.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMES 7
#define DAY   (86400 * MONO_SECOND)
#define YEAR  (365 * DAY)

static const char *path;
static int64_t now_us, records;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_ask: %s: %s\n", what, why);
    exit(1);
}

/* What an earlier run left behind when it was interrupted goes as well. */
static void clear(void)
{
    static const char *const ends[] = {"", ".lock", "-wal", "-shm"};
    char file[600];
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void)snprintf(file, sizeof(file), "%s%s", path, ends[i]);
        (void)unlink(file);
    }
}

static void make(void)
{
    struct err e = {0};
    const struct store_options options = {.path = path, .node = "bench"};
    struct store *s = store_open(&options, &e);
    if (!s)
        die("store", e.text);
    store_close(s);
}

/* Ten hours a day; one in six of an unknown gender, one in seven of an unknown age. */
static void fill(void)
{
    sqlite3 *db = NULL;
    char text[3000];
    (void)snprintf(text, sizeof(text),
            "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld)"
            " INSERT INTO record(id, seq, node, camera, start_us, last_us, end_reason, age_years,"
            " age_range, age_unknown, gender, gender_unknown, samples, score, box_x, box_y, box_w,"
            " box_h, width_px, detector, attributes)"
            " SELECT format('01900000-0000-7000-9000-%%012d', i), i, 'bench', 'camera' || (h %% 8),"
            " t, t + 4000000 + h %% 90000000, 'left', iif(h / 8 %% 7, 29.4, NULL),"
            " iif(h / 8 %% 7, substr('0-2   4-6   8-12  15-20 25-32 38-43 48-53 60-100',"
            "  1 + 6 * (h / 64 %% 8), 6), NULL), iif(h / 8 %% 7, NULL, 'too_small'),"
            " iif(h / 1024 %% 6, iif(h %% 3, 'female', 'male'), NULL),"
            " iif(h / 1024 %% 6, NULL, 'blurred'),"
            " 6, 0.93, 0.41, 0.22, 0.06, 0.11, 84, 'yunet', 'xception' FROM"
            " (SELECT i, i * 2654435761 %% 4294967296 AS h, %lld + i / (%lld / 365 + 1) * %lld"
            "  + 28800000000 + i %% (%lld / 365 + 1) * 36000000000 / (%lld / 365 + 1) AS t FROM n);"
            "UPDATE record SET age_range = trim(age_range);"
            "UPDATE meta SET next_seq = %lld; INSERT INTO quarters SELECT"
            " start_us - start_us %% 900000000, camera, coalesce(age_range, ''),"
            " coalesce(gender, ''), count(*), sum(last_us - start_us) FROM record"
            " GROUP BY 1, 2, 3, 4; COMMIT",
            (long long)records, (long long)((now_us - YEAR) / DAY * DAY), (long long)records,
            (long long)DAY, (long long)records, (long long)records, (long long)records + 1);
    char *why = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
            sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        die(path, why ? why : "cannot be opened");
    sqlite3_close(db);
}

static struct reader *reader(void)
{
    struct err e = {0};
    struct reader *r = reader_open(path, &e);
    if (!r)
        die("reader", e.text);
    return r;
}

static int64_t audience(const void *arg)
{
    struct err e = {0};
    struct reader *r = reader();
    struct audience *a = audience_ask(r, arg, now_us, &e);
    if (!a)
        die("audience", e.text);
    int64_t n = a->total.people;
    audience_free(a);
    reader_close(r);
    return n;
}

static int count(const struct face_row *row, void *arg)
{
    (void)row;
    ++*(int64_t *)arg;
    return 0;
}

static int64_t faces(const void *arg)
{
    struct err e = {0};
    int64_t n = 0;
    struct reader *r = reader();
    if (reader_faces(r, arg, count, &n, &e) < 0)
        die("events", e.text);
    reader_close(r);
    return n;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void ask(const char *what, int64_t (*question)(const void *arg), const void *arg)
{
    double ms[TIMES];
    int64_t n = 0;
    for (int i = 0; i < TIMES; i++) {
        int64_t begin_us = mono_us();
        n = question(arg);
        ms[i] = (double)(mono_us() - begin_us) / 1000;
    }
    qsort(ms, TIMES, sizeof(ms[0]), compare);
    printf("%-44s %10lld %9.1f\n", what, (long long)n, ms[TIMES / 2]);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage", "bench_ask RECORDS DIRECTORY");
    log_open(LEVEL_ERROR);
    char file[512];
    (void)snprintf(file, sizeof(file), "%s/bench-ask.db", argv[2]);
    path = file;
    records = strtoll(argv[1], NULL, 10);
    now_us = mono_wall_us();
    clear();
    make();
    fill();
    struct stat st = {0};
    (void)stat(path, &st);
    printf("%lld people in a year, %.0f MB\n", (long long)records, (double)st.st_size / 1e6);
    printf("%-44s %10s %9s\n", "question", "people", "median ms");

    const struct audience_query week = {.by = AUDIENCE_DAY};
    const struct audience_query month = {.by = AUDIENCE_HOUR, .since_us = now_us - 28 * DAY};
    const struct audience_query year = {.by = AUDIENCE_DAY, .since_us = now_us - YEAR - DAY};
    const struct audience_query weekday = {.by = AUDIENCE_WEEKDAY, .since_us = now_us - YEAR - DAY};
    const struct audience_query cameras = {.by = AUDIENCE_CAMERA, .since_us = now_us - YEAR - DAY};
    ask("audience of the last seven days, by day", audience, &week);
    ask("audience of 28 days, by hour", audience, &month);
    ask("audience of the whole year, by day", audience, &year);
    ask("audience of the whole year, by weekday", audience, &weekday);
    ask("audience of the whole year, by camera", audience, &cameras);

    const struct face_filter latest = {.limit = 100, .newest_first = true};
    const struct face_filter some = {.limit = 100,
            .newest_first = true,
            .camera = "camera3",
            .gender = "male",
            .age = "8-12"};
    const struct face_filter nobody = {.limit = 100, .newest_first = true, .camera = "nowhere"};
    const struct face_filter today = {.since_us = now_us - 2 * DAY};
    const struct face_filter after = {.by_seq = true, .after_seq = records - 1000};
    ask("events, the latest 100", faces, &latest);
    ask("events, 100 of one camera, age and gender", faces, &some);
    ask("events of a camera that saw nobody", faces, &nobody);
    ask("events of two days", faces, &today);
    ask("export, the last 1000", faces, &after);
    clear();
    return 0;
}
