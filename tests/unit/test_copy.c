/* needs: store/copy store/reader store/schema store/sql flow/event flow/face flow/age base/err base/mem base/mono base/url base/redact base/log base/uuid base/when */
#include "kit_store.h"

#include <errno.h>

#include "base/err.h"
#include "store/copy.h"
#include "store/schema.h"
#include "store/sql.h"

static sqlite3 *open_copy(char **ret_dir, const char **ret_path)
{
    *ret_dir = kit_dir();
    *ret_path = kit_path(*ret_dir, "faced.db");
    kit_copy("tests/data/faced-schema-1.db", *ret_path);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(*ret_path, &db), SQLITE_OK);
    assert_int_equal(schema_bring(db, NULL), 0);
    assert_int_equal(sql_exec(db, "UPDATE meta SET copied = 1"), SQLITE_OK);
    return db;
}

static void a_copy_is_another_database_with_the_same_records(void **state)
{
    (void)state;
    char *dir;
    const char *path;
    sqlite3 *db = open_copy(&dir, &path);
    struct meta before, m;
    assert_int_equal(meta_read(db, &before), SQLITE_OK);
    assert_true(before.copied);
    assert_int_equal(copy_begin(db, &m), SQLITE_OK);
    assert_false(m.copied);
    assert_string_not_equal(m.epoch, before.epoch);
    assert_int_equal(m.next_seq, before.next_seq);
    assert_int_equal(m.next_msg, 1);
    sqlite3_close(db);
    assert_int_equal(kit_integer(path, "SELECT count(*) FROM faces"), 36);
    kit_remove(dir);
}

static void what_waited_is_told_under_the_new_name(void **state)
{
    (void)state;
    char *dir, question[200];
    const char *path;
    sqlite3 *db = open_copy(&dir, &path);
    char *json = kit_text(path, "SELECT json FROM outbox ORDER BY row");
    assert_int_equal(sql_exec(db, "INSERT INTO outbox(type, topic, json, bytes, decided_us,"
                                  " decided_boot_us, boot, from_msg, to_msg)"
                                  " VALUES ('lost', 'lost', '{}', 9, 1, 1, '', 1, 2)"),
            SQLITE_OK);
    struct meta before, m;
    assert_int_equal(meta_read(db, &before), SQLITE_OK);
    assert_int_equal(copy_begin(db, &m), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(m.outbox_rows, before.outbox_rows);
    assert_int_equal(m.outbox_bytes, before.outbox_bytes);
    assert_int_equal(kit_integer(path, "SELECT count(*) FROM outbox"), before.outbox_rows);
    assert_int_equal(kit_integer(path, "SELECT count(msg) FROM outbox"), 0);
    (void)snprintf(question, sizeof(question),
            "SELECT count(*) FROM outbox WHERE json ->> '$.epoch' = '%s'", m.epoch);
    assert_int_equal(kit_integer(path, question), before.outbox_rows);

    /* Nothing else of the text is different. */
    char *now = kit_text(path, "SELECT json FROM outbox ORDER BY row");
    char *at = strstr(json, before.epoch);
    assert_non_null(at);
    memcpy(at, m.epoch, strlen(m.epoch));
    assert_string_equal(json, now);
    free(json);
    free(now);
    kit_remove(dir);
}

/* ---- making one ---- */

static void no_news(int64_t bytes, int64_t of, void *arg)
{
    (void)bytes;
    (void)of;
    (void)arg;
}

static char *old_database(char **ret_path)
{
    char *dir = kit_dir();
    *ret_path = strdup(kit_path(dir, "faced.db"));
    kit_copy("tests/data/faced-schema-1.db", *ret_path);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(*ret_path, &db), SQLITE_OK);
    assert_int_equal(schema_bring(db, NULL), 0);
    assert_int_equal(sql_exec(db, "PRAGMA journal_mode = WAL"), SQLITE_OK);
    sqlite3_close(db);
    return dir;
}

static void a_copy_is_whole_marked_and_for_its_owner_alone(void **state)
{
    (void)state;
    char *path, *dir = old_database(&path);
    const char *to = kit_path(dir, "copy.db");
    struct copy_made made;
    struct err e = {0};
    struct stat st;

    /* A writer in the midst of a transaction is not waited for, and not heard. */
    sqlite3 *writer = NULL;
    assert_int_equal(sqlite3_open(path, &writer), SQLITE_OK);
    assert_int_equal(sql_exec(writer, "DELETE FROM observation"), SQLITE_OK);
    assert_int_equal(sql_exec(writer, "BEGIN IMMEDIATE; DELETE FROM camera"), SQLITE_OK);
    assert_int_equal(copy_make(path, to, false, no_news, NULL, &made, &e), 0);
    assert_int_equal(sql_exec(writer, "ROLLBACK"), SQLITE_OK);
    sqlite3_close(writer);

    assert_int_equal(made.records, 36);
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_size, made.bytes);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(kit_integer(to, "SELECT copied FROM meta"), 1);
    assert_int_equal(kit_integer(path, "SELECT copied FROM meta"), 0);
    assert_int_equal(kit_integer(to, "SELECT count(*) FROM observations"), 0);
    assert_int_equal(kit_integer(to, "SELECT count(*) FROM cameras"), 4);
    assert_int_equal(kit_integer(to, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(kit_integer(to, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
    kit_assert_text(to, "PRAGMA integrity_check", "ok");
    assert_int_equal(kit_count_files(dir, "copy"), 1); /* nothing beside it */
    free(path);
    kit_remove(dir);
}

static void what_is_there_is_not_overwritten_unasked(void **state)
{
    (void)state;
    char *path, *dir = old_database(&path);
    const char *to = kit_path(dir, "letter");
    struct copy_made made;
    struct err e = {0};
    kit_write(to, "dear", 4);
    assert_int_equal(copy_make(path, to, false, no_news, NULL, &made, &e), -EEXIST);
    assert_non_null(strstr(e.text, "--force"));
    assert_int_equal(copy_make(path, path, true, no_news, NULL, &made, &e), -EINVAL);
    assert_non_null(strstr(e.text, "the database itself"));
    assert_int_equal(copy_make(path, dir, true, no_news, NULL, &made, &e), -EINVAL);
    assert_int_equal(
            copy_make(path, kit_path(dir, "no/where"), false, no_news, NULL, &made, &e), -ENOENT);
    assert_int_equal(copy_make(kit_path(dir, "missing"), kit_path(dir, "x"), false, no_news, NULL,
                             &made, &e),
            -ENOENT);
    assert_int_equal(kit_count_files(dir, "letter") + kit_count_files(dir, "x"), 1);

    assert_int_equal(copy_make(path, to, true, no_news, NULL, &made, &e), 0);
    assert_int_equal(kit_integer(to, "SELECT count(*) FROM faces"), 36);
    free(path);
    kit_remove(dir);
}

static void a_name_that_looks_like_a_uri_is_a_name(void **state)
{
    (void)state;
    char *path, *dir = old_database(&path), *here = getcwd(NULL, 0);
    struct copy_made made;
    struct err e = {0};
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(copy_make(path, "file:x?mode=memory", false, no_news, NULL, &made, &e), 0);
    assert_int_equal(access("file:x?mode=memory", F_OK), 0);
    assert_int_equal(chdir(here), 0);
    free(here);
    free(path);
    kit_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_copy_is_another_database_with_the_same_records),
            cmocka_unit_test(what_waited_is_told_under_the_new_name),
            cmocka_unit_test(a_copy_is_whole_marked_and_for_its_owner_alone),
            cmocka_unit_test(what_is_there_is_not_overwritten_unasked),
            cmocka_unit_test(a_name_that_looks_like_a_uri_is_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
