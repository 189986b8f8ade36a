/* needs: store/dbfile store/schema store/sql base/err base/log base/mem base/mono base/redact base/url base/uuid flow/event flow/face flow/age base/when */
#include "kit_store.h"

#include <errno.h>
#include <sys/wait.h>

#include "base/err.h"
#include "store/dbfile.h"
#include "store/schema.h"
#include "store/sql.h"

static void a_new_file_is_made_in_wal_and_for_its_group(void **state)
{
    (void)state;
    char *dir = kit_dir();
    const char *path = kit_path(dir, "faced.db");
    sqlite3 *db = NULL;
    struct err e = {0};
    assert_int_equal(dbfile_open(path, &db, &e), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    kit_assert_text(path, "PRAGMA journal_mode", "wal");
    assert_int_equal(kit_integer(path, "PRAGMA user_version"), SCHEMA_VERSION);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07, 0);
    kit_remove(dir);
}

static void every_commit_is_synced(void **state)
{
    (void)state;
    char *dir = kit_dir();
    sqlite3 *db = NULL;
    int64_t value = 0;
    assert_int_equal(dbfile_open(kit_path(dir, "faced.db"), &db, NULL), 0);
    assert_int_equal(sql_integer(db, "PRAGMA synchronous", &value), SQLITE_OK);
    assert_int_equal(value, 2); /* FULL */
    assert_int_equal(sql_integer(db, "PRAGMA foreign_keys", &value), SQLITE_OK);
    assert_int_equal(value, 1);
    sqlite3_close(db);
    kit_remove(dir);
}

static void what_is_deleted_is_overwritten_and_its_room_given_back(void **state)
{
    (void)state;
    char *dir = kit_dir();
    sqlite3 *db = NULL;
    int64_t value = 0;
    assert_int_equal(dbfile_open(kit_path(dir, "faced.db"), &db, NULL), 0);
    assert_int_equal(sql_integer(db, "PRAGMA secure_delete", &value), SQLITE_OK);
    assert_int_equal(value, 1);
    assert_int_equal(sql_integer(db, "PRAGMA auto_vacuum", &value), SQLITE_OK);
    assert_int_equal(value, 2); /* INCREMENTAL */
    sqlite3_close(db);
    kit_remove(dir);
}

static void a_small_old_database_learns_to_shrink(void **state)
{
    (void)state;
    char *dir = kit_dir();
    const char *path = kit_path(dir, "faced.db");
    kit_copy("tests/data/faced-schema-1.db", path);
    assert_int_equal(kit_integer(path, "PRAGMA auto_vacuum"), 0);
    sqlite3 *db = NULL;
    struct err e = {0};
    assert_int_equal(dbfile_open(path, &db, &e), 0);
    sqlite3_close(db);
    assert_int_equal(kit_integer(path, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(kit_integer(path, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(kit_integer(path, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
    kit_assert_text(path, "PRAGMA journal_mode", "wal");
    kit_assert_text(path, "PRAGMA integrity_check", "ok");
    assert_int_equal(kit_integer(path, "SELECT count(*) FROM faces"), 36);
    assert_int_equal(kit_count_files(dir, "damaged"), 0);
    kit_remove(dir);
}

static void a_second_daemon_is_refused_by_name(void **state)
{
    (void)state;
    char *dir = kit_dir();
    const char *path = kit_path(dir, "faced.db");
    struct err e = {0};
    int fd = dbfile_lock(path, &e);
    assert_true(fd >= 0);
    assert_int_equal(dbfile_lock(path, &e), -EBUSY);
    char process[40];
    (void)snprintf(process, sizeof(process), "process %d:", (int)getpid());
    assert_non_null(strstr(e.text, process));
    assert_non_null(strstr(e.text, path));
    close(fd);
    fd = dbfile_lock(path, &e);
    assert_true(fd >= 0);
    close(fd);
    kit_remove(dir);
}

static void a_path_that_cannot_be_is_refused_with_the_way_out(void **state)
{
    (void)state;
    char *dir = kit_dir();
    struct err e = {0};
    assert_int_equal(dbfile_lock(dir, &e), -EISDIR);
    assert_non_null(strstr(e.text, "is a directory: name a file in database.path"));
    assert_int_equal(dbfile_lock(kit_path(dir, "missing/faced.db"), &e), -ENOENT);
    assert_non_null(strstr(e.text, "there is no directory"));
    assert_non_null(strstr(e.text, "/missing'"));
    kit_write(kit_path(dir, "file"), "x", 1);
    assert_int_equal(dbfile_lock(kit_path(dir, "file/faced.db"), &e), -ENOTDIR);
    kit_remove(dir);
}

/* `facectl` as root must leave nothing that the daemon cannot open. */
static void what_root_makes_belongs_to_the_owner_of_the_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"faced.db", "faced.db.lock"};
    char *dir = kit_dir();
    const char *path = kit_path(dir, "faced.db");
    uid_t owner = geteuid() == 0 ? 65534 : geteuid();
    assert_int_equal(chown(dir, owner, (gid_t)-1), 0);
    sqlite3 *db = NULL;
    int fd = dbfile_lock(path, NULL);
    assert_true(fd >= 0);
    assert_int_equal(dbfile_open(path, &db, NULL), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct stat st;
        assert_int_equal(stat(kit_path(dir, names[i]), &st), 0);
        assert_int_equal(st.st_uid, owner);
    }
    sqlite3_close(db);
    close(fd);
    kit_remove(dir);
}

/* As a user who may read and not write, whoever runs the test. */
static void in_child(const char *path, int expected)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct err e = {0};
        sqlite3 *db = NULL;
        if (geteuid() == 0 && setuid(65534) < 0)
            _exit(99);
        int r = expected == -EACCES ? dbfile_lock(path, &e) : dbfile_open(path, &db, &e);
        _exit(r < 0 && strstr(e.text, "cannot be written") && strstr(e.text, path) &&
                                strstr(e.text, "write permission")
                        ? 0
                        : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void without_permission_there_is_a_sentence(void **state)
{
    (void)state;
    char *dir = kit_dir();
    const char *path = kit_path(dir, "faced.db");
    sqlite3 *db = NULL;
    assert_int_equal(dbfile_open(path, &db, NULL), 0);
    sqlite3_close(db);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    in_child(path, -EACCES); /* the lock beside it */
    in_child(path, -EROFS);  /* the file itself */
    assert_int_equal(chmod(dir, 0755), 0);
    kit_remove(dir);
}

/* A file that never was a database is somebody's; the rest of one that was in use is ours. */
static void random_bytes_are_refused_and_kept(void **state)
{
    (void)state;
    unsigned seed = kit_seed();
    for (int round = 0; round < 10; round++) {
        char *dir = kit_dir();
        const char *path = kit_path(dir, "faced.db");
        unsigned char bytes[9000];
        size_t n = 1 + rand_r(&seed) % sizeof(bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (unsigned char)rand_r(&seed);
        kit_write(path, bytes, n);
        struct err e = {0};
        sqlite3 *db = NULL;
        assert_int_equal(dbfile_open(path, &db, &e), -EINVAL);
        assert_non_null(strstr(e.text, "is not a database"));
        assert_int_equal(kit_count_files(dir, "faced.db"), 1);

        kit_write(kit_path(dir, "faced.db-wal"), bytes, n);
        assert_int_equal(dbfile_open(path, &db, &e), 0);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        assert_int_equal(kit_count_files(dir, "faced.db.damaged-") > 0, 1);
        assert_int_equal(kit_integer(path, "SELECT count(*) FROM meta"), 1);
        kit_remove(dir);
    }
}

static void a_torn_database_is_moved_aside_after_an_unclean_stop(void **state)
{
    (void)state;
    char *dir = kit_dir();
    const char *path = kit_path(dir, "faced.db");
    sqlite3 *db = NULL;
    assert_int_equal(dbfile_open(path, &db, NULL), 0);
    sqlite3_close(db);
    char *epoch = kit_text(path, "SELECT epoch FROM meta");

    /* Zeros from the second page on, and a -wal as a killed process leaves it. */
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    int fd = open(path, O_WRONLY);
    static const char zeros[4096];
    for (off_t at = 4096; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
    close(fd);
    kit_write(kit_path(dir, "faced.db-wal"), "no wal", 6);

    assert_int_equal(dbfile_open(path, &db, NULL), 0);
    sqlite3_close(db);
    assert_int_equal(kit_count_files(dir, "damaged-"), 1);
    char *now = kit_text(path, "SELECT epoch FROM meta");
    assert_string_not_equal(epoch, now);
    free(epoch);
    free(now);
    kit_remove(dir);
}

static void other_databases_are_refused_and_not_touched(void **state)
{
    (void)state;
    char *dir = kit_dir();
    const char *path = kit_path(dir, "other.db");
    free(kit_text(path, "CREATE TABLE bookmarks(url)"));
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    sqlite3 *db = NULL;
    struct err e = {0};
    assert_int_equal(dbfile_open(path, &db, &e), -EINVAL);
    assert_null(db);
    assert_non_null(strstr(e.text, "another program"));
    assert_int_equal(stat(path, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
    assert_int_equal(kit_count_files(dir, "damaged"), 0);

    free(kit_text(path, "PRAGMA application_id = 0x66616365"));
    free(kit_text(path, "PRAGMA user_version = 1000"));
    assert_int_equal(dbfile_open(path, &db, &e), -EINVAL);
    assert_non_null(strstr(e.text, "newer faced"));
    assert_int_equal(kit_count_files(dir, "damaged"), 0);
    kit_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_new_file_is_made_in_wal_and_for_its_group),
            cmocka_unit_test(every_commit_is_synced),
            cmocka_unit_test(what_is_deleted_is_overwritten_and_its_room_given_back),
            cmocka_unit_test(a_small_old_database_learns_to_shrink),
            cmocka_unit_test(a_second_daemon_is_refused_by_name),
            cmocka_unit_test(a_path_that_cannot_be_is_refused_with_the_way_out),
            cmocka_unit_test(what_root_makes_belongs_to_the_owner_of_the_directory),
            cmocka_unit_test(without_permission_there_is_a_sentence),
            cmocka_unit_test(random_bytes_are_refused_and_kept),
            cmocka_unit_test(a_torn_database_is_moved_aside_after_an_unclean_stop),
            cmocka_unit_test(other_databases_are_refused_and_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
