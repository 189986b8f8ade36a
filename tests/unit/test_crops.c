/* needs: store/crops store/schema store/sql flow/event flow/face flow/age base/err base/log base/mem base/mono base/redact base/url base/uuid base/when */
#include "kit_store.h"

#include "store/crops.h"
#include "store/schema.h"
#include "store/sql.h"

struct setup {
    char *dir, *path;
    sqlite3 *db;
    struct crops *c;
};

static struct setup begin(void)
{
    struct setup s = {.dir = kit_dir()};
    s.path = strdup(kit_path(s.dir, "faced.db"));
    assert_int_equal(sqlite3_open(s.path, &s.db), SQLITE_OK);
    assert_int_equal(schema_bring(s.db, NULL), 0);
    assert_int_equal(crops_open(&s.c, s.db, s.path), SQLITE_OK);
    char *directory = crops_directory(s.path);
    assert_int_equal(mkdir(directory, 0750), 0);
    free(directory);
    return s;
}

static void end(struct setup *s)
{
    crops_close(s->c);
    assert_int_equal(sqlite3_close(s->db), SQLITE_OK);
    free(s->path);
    kit_remove(s->dir);
}

static const char *file_of(struct setup *s, const char *name)
{
    static char path[700];
    (void)snprintf(path, sizeof(path), "%s.crops/%s", s->path, name);
    return path;
}

static bool is_there(struct setup *s, const char *name)
{
    return access(file_of(s, name), F_OK) == 0;
}

/* Person n's picture, made at this time: row and file. */
static void add(struct setup *s, int n, int64_t made_us)
{
    char id[UUID_TEXT], name[60], text[300];
    kit_id(id, n);
    (void)snprintf(name, sizeof(name), "%s.jpg", id);
    kit_write(file_of(s, name), "picture", 7);
    (void)snprintf(text, sizeof(text), "INSERT INTO crops VALUES ('%s', '%s', 7, %lld)", id, name,
            (long long)made_us);
    assert_int_equal(sql_exec(s->db, text), SQLITE_OK);
}

static bool has(struct setup *s, int n)
{
    char id[UUID_TEXT], name[60];
    kit_id(id, n);
    (void)snprintf(name, sizeof(name), "%s.jpg", id);
    return is_there(s, name);
}

static void the_file_goes_when_the_row_is_committed(void **state)
{
    (void)state;
    struct setup s = begin();
    char id[UUID_TEXT];
    int64_t n = 0;
    add(&s, 1, 100);
    add(&s, 2, 100);
    kit_id(id, 1);

    assert_int_equal(sql_exec(s.db, "BEGIN"), SQLITE_OK);
    assert_int_equal(crop_delete(s.c, id, &n), SQLITE_OK);
    assert_true(has(&s, 1));
    assert_int_equal(sql_exec(s.db, "ROLLBACK"), SQLITE_OK);
    crops_rolled_back(s.c);
    crops_committed(s.c);
    assert_true(has(&s, 1)); /* it did not happen */

    n = 0;
    assert_int_equal(crop_delete(s.c, id, &n), SQLITE_OK);
    crops_committed(s.c);
    assert_int_equal(n, 1);
    assert_false(has(&s, 1));
    assert_true(has(&s, 2));
    assert_int_equal(crop_delete(s.c, id, &n), SQLITE_OK); /* there is none any more */
    assert_int_equal(n, 1);
    end(&s);
}

static void the_oldest_expire_a_few_at_a_time(void **state)
{
    (void)state;
    struct setup s = begin();
    for (int i = 0; i < 10; i++)
        add(&s, i, 1000 - i);
    int64_t n = 0, left = 0;
    assert_int_equal(crop_expire(s.c, 1000, 3, &n), SQLITE_OK);
    crops_committed(s.c);
    assert_int_equal(n, 3);
    assert_false(has(&s, 9) || has(&s, 8) || has(&s, 7));
    assert_int_equal(crop_expire(s.c, 1000, 100, &n), SQLITE_OK);
    crops_committed(s.c);
    assert_int_equal(n, 9);
    assert_int_equal(sql_integer(s.db, "SELECT count(*) FROM crops", &left), SQLITE_OK);
    assert_int_equal(left, 1);
    assert_true(has(&s, 0)); /* made at that very time, not before */
    end(&s);
}

static void what_a_crash_left_goes_at_the_start_and_nothing_else(void **state)
{
    (void)state;
    struct setup s = begin();
    const char *orphan = "01900000-0000-7000-8000-000000000077.jpg";
    const char *part = "01900000-0000-7000-8000-000000000078.jpg.part";
    add(&s, 1, 100);
    kit_write(file_of(&s, orphan), "x", 1);
    kit_write(file_of(&s, part), "x", 1);
    kit_write(file_of(&s, "readme.txt"), "x", 1);
    kit_write(file_of(&s, "not-one-of-the-names-that-faced-gives.jpg"), "x", 1);
    assert_int_equal(crops_sweep(s.c), 2);
    assert_false(is_there(&s, orphan) || is_there(&s, part));
    assert_true(has(&s, 1));
    assert_true(is_there(&s, "readme.txt"));
    assert_true(is_there(&s, "not-one-of-the-names-that-faced-gives.jpg"));
    assert_int_equal(crops_sweep(s.c), 0);
    end(&s);
}

static void a_row_that_leads_out_of_the_directory_is_not_followed(void **state)
{
    (void)state;
    struct setup s = begin();
    char id[UUID_TEXT];
    int64_t n = 0;
    kit_write(kit_path(s.dir, "other"), "x", 1);
    kit_id(id, 1);
    char text[200];
    (void)snprintf(text, sizeof(text), "INSERT INTO crops VALUES ('%s', '../other', 1, 1)", id);
    assert_int_equal(sql_exec(s.db, text), SQLITE_OK);
    assert_int_equal(crop_delete(s.c, id, &n), SQLITE_OK);
    crops_committed(s.c);
    assert_int_equal(n, 1);
    assert_int_equal(access(kit_path(s.dir, "other"), F_OK), 0);
    end(&s);
}

static void without_a_directory_there_is_nothing_to_sweep(void **state)
{
    (void)state;
    struct setup s = begin();
    char *directory = crops_directory(s.path);
    assert_int_equal(rmdir(directory), 0);
    free(directory);
    assert_int_equal(crops_sweep(s.c), 0);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_file_goes_when_the_row_is_committed),
            cmocka_unit_test(the_oldest_expire_a_few_at_a_time),
            cmocka_unit_test(what_a_crash_left_goes_at_the_start_and_nothing_else),
            cmocka_unit_test(a_row_that_leads_out_of_the_directory_is_not_followed),
            cmocka_unit_test(without_a_directory_there_is_nothing_to_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
