/* needs: store/copy store/schema store/sql flow/event flow/face flow/age base/err base/mem base/mono base/uuid base/when */
#include "kit_store.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_copy_is_another_database_with_the_same_records),
            cmocka_unit_test(what_waited_is_told_under_the_new_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
