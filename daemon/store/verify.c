#include "store/verify.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/uuid.h"
#include "store/crops.h"
#include "store/reader.h"
#include "store/schema.h"
#include "store/sql.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOST  20                 /* of one kind */
#define FRESH (60 * MONO_SECOND) /* a picture that is just being written has no row yet */

struct look {
    struct sqlite3 *db;
    const char *path;
    void (*each)(const char *finding, void *arg);
    void *arg;
    int n;
};

/* Each gives a sentence for everything that is wrong. */
static const char *const questions[] = {
        "SELECT 'the file: ' || integrity_check FROM pragma_integrity_check(20)"
        " WHERE integrity_check <> 'ok'",

        "SELECT format('the file: row %d of %s names a row of %s that is not there', rowid,"
        " \"table\", parent) FROM pragma_foreign_key_check",

        "SELECT format('record %s: %s', id, iif(seq IS NULL, 'has ended without a seq',"
        " 'has a seq and has not ended')) FROM record"
        " WHERE (seq IS NULL) <> (end_reason IS NULL)",

        "SELECT format('record %s: its seq %d was not given yet, %d is the next', id, seq,"
        " next_seq) FROM record, meta WHERE seq >= next_seq",

        "SELECT format('records: %d seqs were given, %d records have one and %d were removed',"
        " next_seq - 1, n, records_removed) FROM meta,"
        " (SELECT count(seq) AS n FROM record) WHERE n + records_removed <> next_seq - 1",

        "SELECT format('record %s: it ends before it begins', id) FROM record"
        " WHERE last_us < start_us",

        "SELECT format('outbox: %d messages are counted and %d are there', outbox_rows, n)"
        " FROM meta, (SELECT count(*) AS n FROM outbox) WHERE n <> outbox_rows",

        "SELECT format('outbox: %d bytes are counted and %d are there', outbox_bytes, n)"
        " FROM meta, (SELECT coalesce(sum(bytes), 0) AS n FROM outbox) WHERE n <> outbox_bytes",

        "SELECT format('outbox: row %d has number %d, which was not given yet: %d is the next',"
        " row, msg, next_msg) FROM outbox, meta WHERE msg >= next_msg",

        "SELECT format('outbox: row %d has number %d, behind number %d', row, msg, before) FROM"
        " (SELECT row, msg, lag(msg) OVER (ORDER BY row) AS before FROM outbox"
        " WHERE msg IS NOT NULL) WHERE msg <= before",

        "SELECT format('outbox: row %d has no number, and one behind it has', row) FROM outbox"
        " WHERE msg IS NULL AND row < (SELECT max(row) FROM outbox WHERE msg IS NOT NULL)",

        "SELECT format('outbox: row %d is no message of this database', row) FROM outbox, meta"
        " WHERE NOT json_valid(json) OR json ->> '$.epoch' IS NOT epoch",

        /* More people than records are no fault: privacy.aggregate_only keeps the sums alone. */
        "SELECT format('quarter %s of %s: sums up %d people, and %d records are there',"
        " strftime('%Y-%m-%dT%H:%MZ', r.q / 1000000, 'unixepoch'), r.camera,"
        " coalesce(people, 0), r.n) FROM"
        " (SELECT start_us - start_us % 900000000 AS q, camera, coalesce(age_range, '') AS a,"
        " coalesce(gender, '') AS g, count(*) AS n, sum(last_us - start_us) AS s FROM record"
        " WHERE end_reason IS NOT NULL GROUP BY 1, 2, 3, 4) AS r"
        " LEFT JOIN quarters k ON k.start_us = r.q AND k.camera = r.camera"
        " AND k.age_range = r.a AND k.gender = r.g"
        " WHERE (people IS NULL OR people < r.n OR stay_us < r.s)"
        " AND r.q >= (SELECT min(start_us) FROM quarters)",
};

static void find(struct look *l, const char *finding)
{
    l->each(finding, l->arg);
    l->n++;
}

static int ask(struct look *l, const char *question)
{
    sqlite3_stmt *st = NULL;
    int n = 0;
    int rc = sql_prepare(l->db, &st, question);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW && n++ < MOST)
            find(l, (const char *)sqlite3_column_text(st, 0));
    }
    if (n > MOST) {
        char more[60];
        (void)snprintf(more, sizeof(more), "... and %d more of this kind", n - MOST);
        l->each(more, l->arg);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- pictures ---- */

static int check_rows(struct look *l, const char *directory)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(l->db, &st, "SELECT id, file, bytes FROM crops");
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        if (rc != SQLITE_ROW)
            break;
        struct stat file;
        const char *name = (const char *)sqlite3_column_text(st, 1);
        char *path = mem_format("%s/%s", directory, name);
        char *finding = NULL;
        bool sized = sqlite3_column_type(st, 2) != SQLITE_NULL;
        if (stat(path, &file) < 0)
            finding = mem_format("picture %s: it is not there (%s)", path, err_name(errno));
        else if (sized && file.st_size != sqlite3_column_int64(st, 2))
            finding = mem_format("picture %s: it has %lld bytes and not %lld", path,
                    (long long)file.st_size, (long long)sqlite3_column_int64(st, 2));
        if (finding)
            find(l, finding);
        free(finding);
        free(path);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A name that we give, of a file that is not so new that its row may still come. */
static bool is_settled(const char *directory, const char *name)
{
    struct stat st;
    const char *dot = strstr(name, ".jpg");
    char *path = mem_format("%s/%s", directory, name);
    bool there = stat(path, &st) == 0;
    free(path);
    return there && dot && dot - name == UUID_TEXT - 1 &&
           mono_wall_us() - (int64_t)st.st_mtime * MONO_SECOND > FRESH;
}

static int check_files(struct look *l, const char *directory)
{
    DIR *d = opendir(directory);
    if (!d)
        return SQLITE_OK; /* no picture was ever kept, or the rows have said what is missing */
    sqlite3_stmt *st = NULL;
    struct dirent *entry;
    int rc = sql_prepare(l->db, &st, "SELECT 1 FROM crops WHERE id = ?");
    while (rc == SQLITE_OK && (entry = readdir(d))) {
        char id[UUID_TEXT];
        (void)snprintf(id, sizeof(id), "%.36s", entry->d_name);
        if (!is_settled(directory, entry->d_name))
            continue;
        rc = sql_bind(st, "s", id);
        int found = rc == SQLITE_OK ? sql_next(st) : SQLITE_ROW;
        if (found == SQLITE_DONE) {
            char *finding = mem_format("picture %s/%s: no row knows it", directory, entry->d_name);
            find(l, finding);
            free(finding);
        }
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    closedir(d);
    return rc;
}

int verify(const char *path, void (*each)(const char *finding, void *arg), void *arg, struct err *e)
{
    struct reader *r = reader_open(path, e);
    if (!r)
        return e && e->code < 0 ? e->code : -EIO;
    struct look l = {.db = reader_handle(r), .path = path, .each = each, .arg = arg};
    char *directory = crops_directory(path);
    int rc = sql_exec(l.db, "BEGIN"); /* all questions are about the same moment */
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]) && rc == SQLITE_OK; i++)
        rc = ask(&l, questions[i]);
    if (rc == SQLITE_OK)
        rc = check_rows(&l, directory);
    if (rc == SQLITE_OK)
        rc = check_files(&l, directory);
    int result = l.n;
    if (sql_is_damage(rc)) {
        find(&l, "the file: it is damaged, and cannot be read to its end");
        result = l.n;
    } else if (rc != SQLITE_OK) {
        char reason[128];
        sql_reason(l.db, rc, reason, sizeof(reason));
        result = err_set(e, schema_errno(rc), "database '%s': it cannot be read: %s", path, reason);
    }
    free(directory);
    reader_close(r);
    return result;
}
