#include "store/reader.h"

#include "base/mem.h"
#include "base/url.h"
#include "store/schema.h"
#include "store/sql.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 2000

struct reader {
    char *path;
    struct sqlite3 *db;
};

static int fail(struct sqlite3 *db, int rc, struct err *e)
{
    char reason[128];
    sql_reason(db, rc, reason, sizeof(reason));
    return err_set(e, schema_errno(rc), "it cannot be read: %s", reason);
}

/* ---- opening ---- */

static bool has_wal(const char *path)
{
    char *wal = mem_format("%s-wal", path);
    bool has = access(wal, F_OK) == 0;
    free(wal);
    return has;
}

static int open_as(struct reader *r, const char *path, const char *query)
{
    char *encoded = url_encode(path);
    char *uri = mem_format("file:%s%s", encoded, query);
    int rc = sqlite3_open_v2(uri, &r->db,
            SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
            NULL);
    free(uri);
    free(encoded);
    int64_t version;
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(r->db, BUSY_MS);
        rc = sql_integer(r->db, "PRAGMA user_version", &version);
    }
    return rc;
}

static int open_db(struct reader *r, const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_set(e, -errno,
                errno == ENOENT ? "it is not there (%s): start faced once, or name the right file"
                                : "it cannot be read (%s)",
                err_name(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, -EINVAL, "it is not a file: name the file of faced's database");
    if (access(path, R_OK) < 0)
        return err_set(
                e, -errno, "it cannot be read (%s): ask as a member of its group", err_name(errno));
    int rc = open_as(r, path, "?mode=ro");
    if (rc != SQLITE_OK && !sql_is_damage(rc) && !has_wal(path)) {
        /* WAL wants a file beside the database, which a mere reader may not be allowed to make.
         * Without a -wal no daemon is writing, and the file alone says all. */
        sqlite3_close(r->db);
        r->db = NULL;
        rc = open_as(r, path, "?immutable=1");
    }
    if (sql_is_damage(rc))
        return err_set(e, -EUCLEAN, "it is not a database, or it is damaged: name another file");
    if (rc != SQLITE_OK)
        return fail(r->db, rc, e);
    return schema_check(r->db, e);
}

struct reader *reader_open(const char *path, struct err *e)
{
    struct reader *r = mem_new(1, sizeof(*r));
    r->path = mem_strdup(path);
    if (open_db(r, path, e) == 0)
        return r;
    (void)err_wrap(e, "database '%s'", path);
    reader_close(r);
    return NULL;
}

void reader_close(struct reader *r)
{
    if (!r)
        return;
    sqlite3_close(r->db);
    free(r->path);
    free(r);
}

struct sqlite3 *reader_handle(struct reader *r)
{
    return r->db;
}

/* ---- faces ---- */

#define COLUMNS                                                                                    \
    "id, seq, node, camera, start_time, end_time, start_us, end_us, duration_s, end_reason,"       \
    " age_years, age_range, age_probability, age_unknown, gender, gender_probability,"             \
    " gender_unknown, samples, score, box_x, box_y, box_w, box_h, width_px, detector, attributes"

/* Conditions that are not asked for are left out, so that the others find their index. */
static char *question(const struct face_filter *f)
{
    bool no_gender = f->gender && strcmp(f->gender, "unknown") == 0;
    bool no_age = f->age && strcmp(f->age, "unknown") == 0;
    bool backwards = f->limit || f->newest_first;
    const char *order = f->by_seq ? "seq" : backwards ? "start_us DESC, id DESC" : "start_us, id";
    char *text = mem_format("SELECT " COLUMNS " FROM faces WHERE 1%s%s%s%s%s%s%s ORDER BY %s%s",
            f->id ? " AND id = :id" : "", f->camera ? " AND camera = :camera" : "",
            f->since_us ? " AND start_us >= :since" : "",
            f->until_us ? " AND start_us < :until" : "",
            !f->gender  ? ""
            : no_gender ? " AND gender IS NULL"
                        : " AND gender = :gender",
            !f->age  ? ""
            : no_age ? " AND age_range IS NULL"
                     : " AND age_range = :age",
            f->by_seq ? " AND seq > :after" : "", order, f->limit ? " LIMIT :limit" : "");
    if (f->by_seq || f->newest_first || !f->limit)
        return text;
    /* The latest were found backwards; they are told in the order in which they happened. */
    char *whole = mem_format("SELECT * FROM (%s) ORDER BY start_us, id", text);
    free(text);
    return whole;
}

static int bind_text(sqlite3_stmt *st, const char *name, const char *value)
{
    int at = sqlite3_bind_parameter_index(st, name);
    return at ? sqlite3_bind_text(st, at, value, -1, SQLITE_STATIC) : SQLITE_OK;
}

static int bind_integer(sqlite3_stmt *st, const char *name, int64_t value)
{
    int at = sqlite3_bind_parameter_index(st, name);
    return at ? sqlite3_bind_int64(st, at, value) : SQLITE_OK;
}

static int ask(struct reader *r, const struct face_filter *f, sqlite3_stmt **ret_st)
{
    char *text = question(f);
    int rc = sqlite3_prepare_v2(r->db, text, -1, ret_st, NULL);
    free(text);
    if (rc == SQLITE_OK)
        rc = bind_text(*ret_st, ":id", f->id);
    if (rc == SQLITE_OK)
        rc = bind_text(*ret_st, ":camera", f->camera);
    if (rc == SQLITE_OK)
        rc = bind_text(*ret_st, ":gender", f->gender);
    if (rc == SQLITE_OK)
        rc = bind_text(*ret_st, ":age", f->age);
    if (rc == SQLITE_OK)
        rc = bind_integer(*ret_st, ":since", f->since_us);
    if (rc == SQLITE_OK)
        rc = bind_integer(*ret_st, ":until", f->until_us);
    if (rc == SQLITE_OK)
        rc = bind_integer(*ret_st, ":after", f->after_seq);
    if (rc == SQLITE_OK)
        rc = bind_integer(*ret_st, ":limit", f->limit);
    return rc;
}

static int read_one(struct reader *r, sqlite3_stmt *st, int rc, int64_t *ret_n, struct err *e)
{
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    int result = 0;
    if (rc == SQLITE_ROW) {
        *ret_n = sqlite3_column_int64(st, 0);
    } else {
        result = fail(r->db, rc, e);
        (void)err_wrap(e, "database '%s'", r->path);
    }
    sqlite3_finalize(st);
    return result;
}

void reader_epoch(struct reader *r, char ret_epoch[UUID_TEXT])
{
    sqlite3_stmt *st = NULL;
    ret_epoch[0] = '\0';
    if (sql_prepare(r->db, &st, "SELECT epoch FROM meta") == SQLITE_OK &&
            sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_TEXT)
        (void)snprintf(ret_epoch, UUID_TEXT, "%s", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
}

void reader_hold(struct reader *r)
{
    (void)sql_exec(r->db, "BEGIN");
}

void reader_release(struct reader *r)
{
    (void)sql_exec(r->db, "COMMIT");
}

int reader_last_seq(struct reader *r, int64_t *ret_seq, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(r->db, &st, "SELECT next_seq - 1 FROM meta");
    return read_one(r, st, rc, ret_seq, e);
}

int reader_count_before(struct reader *r, int64_t before_us, int64_t *ret_n, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(
            r->db, &st, "SELECT count(*) FROM record WHERE end_reason IS NOT NULL AND last_us < ?");
    if (rc == SQLITE_OK)
        rc = sql_bind(st, "i", before_us);
    return read_one(r, st, rc, ret_n, e);
}

int reader_count(struct reader *r, const struct face_filter *f, int64_t *ret_n, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(r->db, &st,
            "SELECT count(*) FROM record WHERE end_reason IS NOT NULL AND start_us >= ?1"
            " AND start_us < ?2 AND (?3 IS NULL OR camera = ?3)");
    if (rc == SQLITE_OK)
        rc = sql_bind(st, "iis", f->since_us, f->until_us ? f->until_us : INT64_MAX, f->camera);
    return read_one(r, st, rc, ret_n, e);
}

static const char *text_at(sqlite3_stmt *st, int column)
{
    return (const char *)sqlite3_column_text(st, column);
}

static double real_at(sqlite3_stmt *st, int column)
{
    bool null = sqlite3_column_type(st, column) == SQLITE_NULL;
    return null ? NAN : sqlite3_column_double(st, column);
}

static struct face_row row_of(sqlite3_stmt *st)
{
    return (struct face_row){
            .id = text_at(st, 0),
            .seq = sqlite3_column_int64(st, 1),
            .node = text_at(st, 2),
            .camera = text_at(st, 3),
            .start_time = text_at(st, 4),
            .end_time = text_at(st, 5),
            .start_us = sqlite3_column_int64(st, 6),
            .end_us = sqlite3_column_int64(st, 7),
            .duration_s = sqlite3_column_double(st, 8),
            .end_reason = text_at(st, 9),
            .age_years = real_at(st, 10),
            .age_range = text_at(st, 11),
            .age_probability = real_at(st, 12),
            .age_unknown = text_at(st, 13),
            .gender = text_at(st, 14),
            .gender_probability = real_at(st, 15),
            .gender_unknown = text_at(st, 16),
            .samples = sqlite3_column_int64(st, 17),
            .score = real_at(st, 18),
            .box_x = real_at(st, 19),
            .box_y = real_at(st, 20),
            .box_w = real_at(st, 21),
            .box_h = real_at(st, 22),
            .width_px = sqlite3_column_int64(st, 23),
            .detector = text_at(st, 24),
            .attributes = text_at(st, 25),
    };
}

int reader_cameras(
        struct reader *r, int (*each)(const char *name, void *arg), void *arg, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int result = 0;
    int rc = sql_prepare(r->db, &st, "SELECT name FROM cameras ORDER BY name");
    if (rc == SQLITE_OK)
        rc = SQLITE_ROW;
    while (rc == SQLITE_ROW && result == 0) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_TEXT)
            result = each((const char *)sqlite3_column_text(st, 0), arg);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        result = fail(r->db, rc, e);
        (void)err_wrap(e, "database '%s'", r->path);
    }
    sqlite3_finalize(st);
    return result;
}

int reader_camera_enabled(struct reader *r, const char *camera, bool *enabled, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(r->db, &st, "SELECT enabled FROM camera WHERE name = ?");
    if (rc == SQLITE_OK)
        rc = sql_bind(st, "s", camera);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL)
        *enabled = sqlite3_column_int(st, 0) != 0;
    int result = 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        result = fail(r->db, rc, e);
        (void)err_wrap(e, "database '%s'", r->path);
    }
    sqlite3_finalize(st);
    return result;
}

int reader_faces(struct reader *r, const struct face_filter *f,
        int (*each)(const struct face_row *row, void *arg), void *arg, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int result = 0;
    int rc = ask(r, f, &st);
    if (rc == SQLITE_OK)
        rc = SQLITE_ROW;
    while (rc == SQLITE_ROW && result == 0) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW) {
            struct face_row row = row_of(st);
            result = each(&row, arg);
        }
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        result = fail(r->db, rc, e);
    if (result < 0 && rc != SQLITE_ROW && rc != SQLITE_DONE)
        (void)err_wrap(e, "database '%s'", r->path);
    sqlite3_finalize(st);
    return result;
}
