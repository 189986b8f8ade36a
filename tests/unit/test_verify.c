/* needs: store/verify store/reader store/crops store/schema store/sql flow/event flow/face flow/age base/err base/log base/mem base/mono base/redact base/url base/uuid base/when */
#include "kit_store.h"

#include <errno.h>

#include "base/err.h"
#include "store/schema.h"
#include "store/sql.h"
#include "store/verify.h"

struct setup {
    char *dir, *path;
    int found;
    char last[600];
};

static struct setup begin(void)
{
    struct setup s = {.dir = kit_dir()};
    s.path = strdup(kit_path(s.dir, "faced.db"));
    kit_copy("tests/data/faced-schema-1.db", s.path);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(s.path, &db), SQLITE_OK);
    assert_int_equal(schema_bring(db, NULL), 0);
    sqlite3_close(db);
    return s;
}

static void end(struct setup *s)
{
    free(s->path);
    kit_remove(s->dir);
}

static void keep(const char *finding, void *arg)
{
    struct setup *s = arg;
    s->found++;
    (void)snprintf(s->last, sizeof(s->last), "%s", finding);
}

static int look(struct setup *s)
{
    struct err e = {0};
    s->found = 0;
    int n = verify(s->path, keep, s, &e);
    if (n < 0)
        print_message("%s\n", e.text);
    return n;
}

static void the_database_of_an_old_version_is_sound_once_upgraded(void **state)
{
    (void)state;
    struct setup s = begin();
    if (look(&s))
        fail_msg("%s", s.last);
    end(&s);
}

static void whatever_is_wrong_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *damage, *finding;
    } cases[] = {
            {"UPDATE record SET seq = NULL WHERE seq = 5", "has ended without a seq"},
            {"UPDATE record SET seq = 900 WHERE end_reason IS NULL AND row ="
             " (SELECT min(row) FROM record WHERE end_reason IS NULL)",
                    "was not given yet"},
            {"DELETE FROM observation; DELETE FROM record WHERE seq = 7", "34 is"},
            {"UPDATE record SET last_us = start_us - 1 WHERE seq = 3", "ends before it begins"},
            {"DELETE FROM outbox WHERE row = (SELECT max(row) FROM outbox)", "are counted and"},
            {"UPDATE meta SET outbox_bytes = outbox_bytes + 1", "bytes are counted"},
            {"UPDATE meta SET next_msg = 3", "not given yet: 3 is the next"},
            {"UPDATE outbox SET msg = -msg WHERE msg = 9", "behind number 8"},
            {"UPDATE outbox SET msg = NULL WHERE msg = 9", "has no number, and one behind it"},
            {"UPDATE outbox SET json = '{' WHERE msg = 9", "no message of this database"},
            {"UPDATE meta SET epoch = 'x'", "no message of this database"},
            {"UPDATE quarters SET people = people - 1", "records are there"},
            {"DELETE FROM quarters WHERE camera = 'room'", "sums up 0 people"},
            {"INSERT INTO observation(record, time_us) VALUES (999, 1)",
                    "record that is not there"},
            {"INSERT INTO crops VALUES ('01900000-0000-7000-8000-000000000001', 'x.jpg', 1, 1)",
                    "x.jpg: it is not there"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct setup s = begin();
        sqlite3 *db = NULL;
        assert_int_equal(sqlite3_open(s.path, &db), SQLITE_OK);
        assert_int_equal(sql_exec(db, cases[i].damage), SQLITE_OK);
        sqlite3_close(db);
        if (look(&s) <= 0)
            fail_msg("nothing is found after: %s", cases[i].damage);
        if (i != 2 && !strstr(s.last, cases[i].finding) && s.found == 1)
            fail_msg("%s: %s", cases[i].damage, s.last);
        end(&s);
    }
}

/* As privacy.aggregate_only keeps them, in a database that had records before. */
static void sums_without_records_are_sound(void **state)
{
    (void)state;
    struct setup s = begin();
    free(kit_text(s.path, "INSERT INTO quarters VALUES (1795451400000000, 'room', '', '', 4, 9)"
                          " ON CONFLICT DO UPDATE SET people = people + 4"));
    if (look(&s))
        fail_msg("%s", s.last);
    end(&s);
}

static void of_many_alike_twenty_are_told(void **state)
{
    (void)state;
    struct setup s = begin();
    free(kit_text(s.path, "UPDATE record SET last_us = start_us - 1 WHERE seq IS NOT NULL"));
    assert_true(look(&s) >= 20);
    assert_true(s.found <= 20 + 1 + 20 + 1); /* and the sums of the quarters */
    end(&s);
}

static void pictures_and_rows_must_agree(void **state)
{
    (void)state;
    struct setup s = begin();
    char dir[600], file[700];
    const char *id = "01900000-0000-7000-8000-000000000001";
    (void)snprintf(dir, sizeof(dir), "%s.crops", s.path);
    assert_int_equal(mkdir(dir, 0750), 0);
    (void)snprintf(file, sizeof(file), "%s/%s.jpg", dir, id);
    kit_write(file, "picture", 7);
    assert_int_equal(look(&s), 0); /* it is just being written */
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, file, old, 0), 0);
    assert_int_equal(look(&s), 1);
    assert_non_null(strstr(s.last, "no row knows it"));

    char text[200];
    (void)snprintf(text, sizeof(text), "INSERT INTO crops VALUES ('%s', '%s.jpg', 7, 1)", id, id);
    free(kit_text(s.path, text));
    assert_int_equal(look(&s), 0);
    kit_write(file, "pic", 3);
    assert_int_equal(look(&s), 1);
    assert_non_null(strstr(s.last, "3 bytes and not 7"));
    assert_int_equal(unlink(file), 0);
    assert_int_equal(look(&s), 1);
    assert_non_null(strstr(s.last, "is not there"));
    end(&s);
}

static void a_torn_file_is_a_finding_and_another_file_a_failure(void **state)
{
    (void)state;
    struct setup s = begin();
    struct err e = {0};
    static const char zeros[4096];
    int64_t page =
            kit_integer(s.path, "SELECT rootpage FROM sqlite_master WHERE name = 'record_start'");
    int fd = open(s.path, O_WRONLY);
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), (page - 1) * 4096), sizeof(zeros));
    close(fd);
    assert_true(look(&s) > 0);

    kit_write(s.path, "a letter to somebody, longer than a header", 42);
    assert_true(verify(s.path, keep, &s, &e) < 0);
    assert_non_null(strstr(e.text, "not a database"));
    assert_int_equal(verify(kit_path(s.dir, "missing"), keep, &s, &e), -ENOENT);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_database_of_an_old_version_is_sound_once_upgraded),
            cmocka_unit_test(whatever_is_wrong_is_found),
            cmocka_unit_test(sums_without_records_are_sound),
            cmocka_unit_test(of_many_alike_twenty_are_told),
            cmocka_unit_test(pictures_and_rows_must_agree),
            cmocka_unit_test(a_torn_file_is_a_finding_and_another_file_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
