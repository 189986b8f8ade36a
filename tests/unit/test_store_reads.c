/* needs: store/store store/writer store/dbfile store/record store/outbox store/quarters store/copy store/reader store/crops store/upkeep store/keeper store/desk store/schema store/sql flow/event flow/message flow/queue flow/face flow/age base/backoff base/err base/log base/mem base/mono base/redact base/thread base/url base/uuid base/when */
#include "kit_store.h"

#include <errno.h>
#include <unistd.h>

#include "flow/queue.h"
#include "store/store.h"

/*
 * A disk that fails to read: SQLite calls a page that did not come damaged, and a sound database
 * must not be moved aside for it.
 */
#define DEADLINE 20000

static int reads, fails_from, fails_until;

static ssize_t read_maybe(int fd, void *bytes, size_t n, off64_t at)
{
    reads++;
    if (reads >= fails_from && reads < fails_until) {
        errno = EIO;
        return -1;
    }
    return pread64(fd, bytes, n, at);
}

/* One person more comes and goes. False: the database could not be opened. */
static bool one_more(const char *path, int n)
{
    const struct store_options options = {.path = path, .node = "lobby"};
    struct err e = {0};
    struct store *s = store_open(&options, &e);
    if (!s) {
        print_message("%s\n", e.text);
        return false;
    }
    struct queue *events = queue_new(64, event_free, event_squeeze, NULL);
    assert_int_equal(store_start(s, events, NULL, NULL, NULL), 0);
    queue_put(events, kit_event(EVENT_NEW, n));
    queue_put(events, kit_event(EVENT_END, n));
    assert_int_equal(store_join(s, DEADLINE), 0);
    store_close(s);
    queue_free(events);
    return true;
}

static void any_read_that_fails_once_costs_nothing(void **state)
{
    (void)state;
    char *dir = kit_dir();
    const char *path = kit_path(dir, "faced.db");
    int n = 0;
    fails_from = fails_until = INT32_MAX;
    assert_true(one_more(path, n++));
    for (int at = 1;; at++) {
        reads = 0;
        fails_from = at;
        fails_until = at + 1;
        assert_true(one_more(path, n++));
        assert_int_equal(kit_count_files(dir, "damaged"), 0);
        if (reads < at)
            break;
    }
    fails_from = fails_until = INT32_MAX;
    assert_int_equal(kit_integer(path, "SELECT count(*) FROM faces WHERE end_us"), n);
    kit_assert_text(path, "PRAGMA integrity_check", "ok");
    kit_remove(dir);
}

int main(void)
{
    sqlite3_initialize();
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)read_maybe);
    vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)read_maybe);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(any_read_that_fails_once_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
