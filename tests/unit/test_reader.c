/* needs: store/reader store/record store/dbfile store/schema store/sql flow/event flow/face flow/age base/err base/log base/mem base/mono base/redact base/url base/uuid base/when */
#include "kit_store.h"

#include <errno.h>
#include <sys/wait.h>

#include "store/dbfile.h"
#include "store/reader.h"
#include "store/record.h"

struct people {
    char *dir;
    const char *path;
    sqlite3 *db;
    struct records *r;
};

/* Ten people: even ones at the door, odd ones in the yard; 3 and 6 say no gender, 4 no age, 8 and
 * 9 are still there; they ended in the reverse order. */
static struct people begin(void)
{
    struct people p = {.dir = kit_dir()};
    p.path = kit_path(p.dir, "faced.db");
    assert_int_equal(dbfile_open(p.path, &p.db, NULL), 0);
    assert_int_equal(records_open(&p.r, p.db, "lobby"), 0);
    for (int i = 0; i < 10; i++) {
        struct event *ev = kit_event(i < 8 ? EVENT_END : EVENT_NEW, i);
        struct answers *a = &ev->record.answers;
        (void)snprintf(ev->camera, sizeof(ev->camera), i % 2 ? "yard" : "door");
        a->female = i < 5;
        a->gender_unknown = i == 3 || i == 6 ? UNKNOWN_BLURRED : UNKNOWN_NOT;
        a->age_unknown = i == 4 ? UNKNOWN_PROFILE : UNKNOWN_NOT;
        a->age_range = i < 5 ? 4 : 7;
        bool changed;
        assert_int_equal(records_write(p.r, ev, 8 - i, &changed), 0);
        event_free(ev);
    }
    return p;
}

static void end(struct people *p)
{
    records_close(p->r);
    sqlite3_close(p->db);
    kit_remove(p->dir);
}

static int collect(const struct face_row *row, void *arg)
{
    char *text = arg;
    size_t n = strlen(text);
    (void)snprintf(text + n, 100 - n, "%c", row->id[UUID_TEXT - 2]);
    return 0;
}

static void assert_found(struct people *p, struct face_filter f, const char *expected)
{
    char text[100] = "";
    struct err e = {0};
    struct reader *r = reader_open(p->path, &e);
    assert_non_null(r);
    assert_int_equal(reader_faces(r, &f, collect, text, &e), 0);
    assert_string_equal(text, expected);
    reader_close(r);
}

static void every_filter_takes_its_part(void **state)
{
    (void)state;
    struct people p = begin();
    const int64_t s = 1000000;
    assert_found(&p, (struct face_filter){0}, "0123456789");
    assert_found(&p, (struct face_filter){.camera = "door"}, "02468");
    assert_found(&p, (struct face_filter){.camera = "nowhere"}, "");
    assert_found(&p, (struct face_filter){.since_us = KIT_START + 4 * s}, "456789");
    assert_found(&p, (struct face_filter){.until_us = KIT_START + 4 * s}, "0123");
    assert_found(&p, (struct face_filter){.gender = "female"}, "0124");
    assert_found(&p, (struct face_filter){.gender = "male"}, "5789");
    assert_found(&p, (struct face_filter){.gender = "unknown"}, "36");
    assert_found(&p, (struct face_filter){.age = "25-32"}, "0123");
    assert_found(&p, (struct face_filter){.age = "unknown"}, "4");
    assert_found(&p,
            (struct face_filter){.camera = "door",
                    .gender = "male",
                    .age = "60-100",
                    .since_us = KIT_START + s,
                    .limit = 9},
            "8");
    assert_found(&p, (struct face_filter){.camera = "' OR 1 --"}, "");
    end(&p);
}

static void a_limit_keeps_the_latest_in_the_order_of_time(void **state)
{
    (void)state;
    struct people p = begin();
    assert_found(&p, (struct face_filter){.limit = 3}, "789");
    assert_found(&p, (struct face_filter){.limit = 2, .camera = "door"}, "68");
    end(&p);
}

static void by_seq_it_is_a_cursor(void **state)
{
    (void)state;
    struct people p = begin();
    assert_found(&p, (struct face_filter){.by_seq = true}, "76543210");
    assert_found(&p, (struct face_filter){.by_seq = true, .after_seq = 2, .limit = 3}, "543");
    assert_found(&p, (struct face_filter){.by_seq = true, .after_seq = 8}, "");
    end(&p);
}

static int first_only(const struct face_row *row, void *arg)
{
    (void)arg;
    assert_string_equal(row->id, "01900000-0000-7000-8000-000000000000");
    assert_int_equal(row->seq, 8);
    assert_string_equal(row->start_time, "2026-11-23T16:40:08.120Z");
    assert_int_equal(row->end_us - row->start_us, 4225000);
    assert_string_equal(row->age_range, "25-32");
    assert_null(row->age_unknown);
    assert_true(row->age_years == 29.4 && row->box_h == 0.11);
    assert_int_equal(row->width_px, 84);
    assert_string_equal(row->attributes, "xception");
    return 5;
}

static void whoever_listens_may_say_enough(void **state)
{
    (void)state;
    struct people p = begin();
    struct reader *r = reader_open(p.path, NULL);
    assert_int_equal(reader_faces(r, &(struct face_filter){0}, first_only, NULL, NULL), 5);
    reader_close(r);
    end(&p);
}

static int still_there(const struct face_row *row, void *arg)
{
    (void)arg;
    assert_null(row->end_time);
    assert_null(row->end_reason);
    assert_int_equal(row->seq, 0);
    assert_int_equal(row->end_us, 0);
    return 0;
}

static void who_is_still_there_has_no_end(void **state)
{
    (void)state;
    struct people p = begin();
    struct reader *r = reader_open(p.path, NULL);
    const struct face_filter f = {.since_us = KIT_START + 8000000};
    assert_int_equal(reader_faces(r, &f, still_there, NULL, NULL), 0);
    reader_close(r);
    end(&p);
}

static void what_a_command_said_of_a_camera(void **state)
{
    (void)state;
    struct people p = begin();
    struct err e = {0};
    struct reader *r = reader_open(p.path, &e);
    assert_non_null(r);
    bool enabled = true;
    assert_int_equal(reader_camera_enabled(r, "door", &enabled, &e), 0);
    assert_true(enabled); /* none did: it stays as it is */
    for (int commanded = 0; commanded < 2; commanded++) {
        struct event *ev = event_new(EVENT_CAMERA, "door");
        ev->status.state = CAMERA_DISABLED;
        ev->status.commanded = commanded;
        assert_int_equal(records_camera(p.r, ev), 0);
        event_free(ev);
        assert_int_equal(reader_camera_enabled(r, "door", &enabled, &e), 0);
        assert_int_equal(enabled, !commanded); /* what is only configured is not kept */
    }
    reader_close(r);
    end(&p);
}

static void questions_find_their_index(void **state)
{
    (void)state;
    struct people p = begin();
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_prepare_v2(p.db,
                             "EXPLAIN QUERY PLAN SELECT * FROM faces WHERE 1 AND camera = 'a'"
                             " AND start_us >= 5 ORDER BY start_us",
                             -1, &st, NULL),
            SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_non_null(strstr((const char *)sqlite3_column_text(st, 3), "INDEX record_camera"));
    sqlite3_finalize(st);
    end(&p);
}

static void assert_refused(const char *path, int code, const char *part)
{
    struct err e = {0};
    assert_null(reader_open(path, &e));
    assert_int_equal(e.code, code);
    assert_non_null(strstr(e.text, path));
    if (!strstr(e.text, part))
        fail_msg("\"%s\" in \"%s\"", part, e.text);
}

static void what_is_no_database_of_ours_is_said_so(void **state)
{
    (void)state;
    struct people p = begin();
    const char *other = kit_path(p.dir, "other");
    assert_refused(kit_path(p.dir, "missing.db"), -ENOENT, "start faced once");
    assert_refused(p.dir, -EINVAL, "not a file");
    kit_write(other, "this is a text of some length and certainly no database, not at all", 60);
    assert_refused(other, -EUCLEAN, "not a database");
    kit_write(other, "", 0);
    assert_refused(other, -EINVAL, "schema version 0");
    free(kit_text(other, "CREATE TABLE bookmarks(url)"));
    assert_refused(other, -EINVAL, "another program");
    free(kit_text(p.path, "PRAGMA user_version = 9"));
    assert_refused(p.path, -EINVAL, "newer faced");
    end(&p);
}

/* A member of the group may read the file and write nothing, neither it nor its directory. */
static void it_reads_where_it_may_not_write(void **state)
{
    (void)state;
    struct people p = begin();
    for (int alive = 1; alive >= 0; alive--) {
        if (!alive) {
            records_close(p.r);
            sqlite3_close(p.db);
            assert_int_equal(kit_count_files(p.dir, "-wal"), 0);
        }
        assert_int_equal(chmod(p.path, 0444), 0);
        if (alive) {
            assert_int_equal(chmod(kit_path(p.dir, "faced.db-wal"), 0444), 0);
            assert_int_equal(chmod(kit_path(p.dir, "faced.db-shm"), 0444), 0);
        }
        assert_int_equal(chmod(p.dir, 0555), 0);
        pid_t child = fork();
        if (child == 0) {
            char text[100] = "";
            struct err e = {0};
            if (geteuid() == 0 && setuid(65534) < 0)
                _exit(99);
            struct reader *r = reader_open(p.path, &e);
            const struct face_filter all = {0};
            if (!r || reader_faces(r, &all, collect, text, &e) < 0)
                print_message("%s\n", e.text);
            _exit(strcmp(text, "0123456789") != 0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(chmod(p.dir, 0755), 0);
    }
    kit_remove(p.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_filter_takes_its_part),
            cmocka_unit_test(a_limit_keeps_the_latest_in_the_order_of_time),
            cmocka_unit_test(by_seq_it_is_a_cursor),
            cmocka_unit_test(whoever_listens_may_say_enough),
            cmocka_unit_test(who_is_still_there_has_no_end),
            cmocka_unit_test(what_a_command_said_of_a_camera),
            cmocka_unit_test(questions_find_their_index),
            cmocka_unit_test(what_is_no_database_of_ours_is_said_so),
            cmocka_unit_test(it_reads_where_it_may_not_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
