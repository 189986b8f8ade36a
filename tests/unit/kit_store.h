/* What the tests of the store share: a directory of their own, events, a look into the file. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "flow/event.h"
#include "kit_record.h"

#define KIT __attribute__((unused)) static

KIT char *kit_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = NULL;
    assert_true(asprintf(&dir, "%s/faced-store-XXXXXX", tmp ? tmp : P_tmpdir) > 0);
    assert_non_null(mkdtemp(dir));
    return dir;
}

static int kit_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

KIT void kit_remove(char *dir)
{
    nftw(dir, kit_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

/* Valid until 8 calls later. */
KIT const char *kit_path(const char *dir, const char *name)
{
    static char names[8][512];
    static int at;
    char *p = names[at++ % 8];
    (void)snprintf(p, sizeof(names[0]), "%s/%s", dir, name);
    return p;
}

KIT void kit_write(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

KIT void kit_copy(const char *from, const char *to)
{
    int fd = open(from, O_RDONLY);
    assert_true(fd >= 0);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    char *bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    kit_write(to, bytes, (size_t)st.st_size);
    free(bytes);
}

/* Files in the directory whose names contain this. */
KIT int kit_count_files(const char *dir, const char *part)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    int n = 0;
    assert_non_null(d);
    while ((entry = readdir(d)))
        n += strstr(entry->d_name, part) != NULL;
    closedir(d);
    return n;
}

KIT void kit_id(char id[UUID_TEXT], int n)
{
    (void)snprintf(id, UUID_TEXT, "01900000-0000-7000-8000-%012d", n);
}

#define KIT_START INT64_C(1795452008120000) /* 2026-11-23T16:40:08.120Z */

/* All that is known of person n. */
KIT struct event *kit_event(enum event_type type, int n)
{
    struct event *ev = event_new(type, "door");
    struct record *r = &ev->record;
    kit_id(r->id, n);
    r->start_us = KIT_START + n * INT64_C(1000000);
    r->end_us = r->start_us + 4225000;
    kit_describe(r);
    return ev;
}

/* The one value that a question to the file gives; to be freed. */
KIT char *kit_text(const char *path, const char *question)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_prepare_v2(db, question, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", question, sqlite3_errmsg(db));
    char *s = NULL;
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0))
        s = strdup((const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
    return s;
}

KIT int64_t kit_integer(const char *path, const char *question)
{
    char *s = kit_text(path, question);
    int64_t n = s ? strtoll(s, NULL, 10) : INT64_MIN;
    free(s);
    return n;
}

KIT void kit_assert_text(const char *path, const char *question, const char *expected)
{
    char *s = kit_text(path, question);
    assert_non_null(s);
    assert_string_equal(s, expected);
    free(s);
}

/*
 * No statement that this connection keeps prepared may read a whole table that grows: what SQLite
 * says it would do is looked at. But the outbox in the order of its rows, which is asked for its
 * first ones only.
 */
KIT void kit_assert_plans(sqlite3 *db)
{
    int looked = 0;
    for (sqlite3_stmt *st = sqlite3_next_stmt(db, NULL); st; st = sqlite3_next_stmt(db, st)) {
        char *question = NULL;
        sqlite3_stmt *plan = NULL;
        assert_true(asprintf(&question, "EXPLAIN QUERY PLAN %s", sqlite3_sql(st)) > 0);
        assert_int_equal(sqlite3_prepare_v2(db, question, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            bool scan = strncmp(step, "SCAN ", 5) == 0 && !strstr(step, "USING") &&
                        strcmp(step, "SCAN CONSTANT ROW") != 0 && strcmp(step, "SCAN outbox") != 0;
            if (scan || strstr(step, "TEMP B-TREE"))
                fail_msg("%s: %s", sqlite3_sql(st), step);
        }
        looked++;
        sqlite3_finalize(plan);
        free(question);
    }
    assert_true(looked > 0);
}

KIT unsigned kit_seed(void)
{
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
    print_message("SEED=%u\n", seed);
    return seed;
}
