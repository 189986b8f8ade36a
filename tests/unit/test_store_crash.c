/* needs: store/store store/writer store/dbfile store/record store/outbox store/quarters store/copy store/reader store/crops store/upkeep store/keeper store/desk store/schema store/sql flow/event flow/message flow/queue flow/face flow/age base/backoff base/err base/log base/mem base/mono base/redact base/thread base/url base/uuid base/when */
#include "kit_store.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/mono.h"
#include "flow/message.h"
#include "flow/queue.h"
#include "store/store.h"

/*
 * kill -9 at any moment: a child keeps people in the store as the daemon does, and tells of each
 * message that reached its bus; the parent kills it when it has heard enough, and looks.
 */
#define RUNS     12
#define DEADLINE 20000
#define MESSAGES 100000

struct report {
    uint64_t msg;
    int64_t seq; /* of an end, else 0 */
    char type;   /* first letter of new, update, end */
    char id[UUID_TEXT];
};

struct child {
    struct store *store;
    struct queue *events, *to_bus, *acks;
    int pipe;
    unsigned seed;
};

static struct report report_of(const struct message *m)
{
    struct report r = {.msg = m->msg};
    const char *type = strstr(m->json, "\"type\":\"");
    const char *id = strstr(m->json, "\"id\":\"");
    const char *seq = strstr(m->json, "\"seq\":");
    assert_true(type && id && seq);
    r.type = type[8];
    (void)snprintf(r.id, sizeof(r.id), "%.36s", id + 6);
    r.seq = r.type == 'e' ? strtoll(seq + 6, NULL, 10) : 0;
    return r;
}

/* The bus: reports, then acknowledges most. Ends when nothing more comes. */
static void *deliver(void *arg)
{
    struct child *c = arg;
    void *m;
    while (queue_take(c->to_bus, &m, 1, DEADLINE) == 1) {
        struct report r = report_of(m);
        if (write(c->pipe, &r, sizeof(r)) != sizeof(r)) /* whole: shorter than PIPE_BUF */
            break;
        queue_put(c->acks, m);
    }
    return NULL;
}

static void begin(struct child *c, const char *path)
{
    const struct store_options options = {.path = path, .node = "lobby", .settings.mqtt = true};
    struct err e = {0};
    c->store = store_open(&options, &e);
    if (!c->store)
        fail_msg("%s", e.text);
    c->events = queue_new(4096, event_free, event_squeeze, NULL);
    c->to_bus = queue_new(256, message_free, NULL, NULL);
    c->acks = queue_new(256, message_free, NULL, NULL);
    assert_int_equal(store_start(c->store, c->events, c->to_bus, c->acks, NULL), 0);
}

/* Never returns: somebody kills us. */
static void live(const char *path, int pipe_fd, unsigned seed, int first)
{
    struct child c = {.pipe = pipe_fd, .seed = seed};
    begin(&c, path);
    pthread_t bus;
    pthread_create(&bus, NULL, deliver, &c);
    int open[8], n = 0;
    for (;;) {
        enum event_type type = EVENT_NEW;
        int at = n ? (int)(rand_r(&c.seed) % (unsigned)n) : 0;
        if (n == 8 || (n && rand_r(&c.seed) % 3)) {
            const enum event_type types[] = {EVENT_SEEN, EVENT_UPDATE, EVENT_END};
            type = types[rand_r(&c.seed) % 3];
        } else {
            open[at = n++] = first++;
        }
        queue_put(c.events, kit_event(type, open[at]));
        if (type == EVENT_END)
            open[at] = open[--n];
        if (queue_length(c.events) > 300)
            mono_sleep_us(2000); /* cameras are no faster */
    }
}

static struct report *seen; /* by msg */
static uint64_t highest;

static void hear(const struct report *r)
{
    assert_true(r->msg > 0 && r->msg < MESSAGES);
    if (seen[r->msg].msg) /* sent again: the same thing */
        assert_memory_equal(&seen[r->msg], r, sizeof(*r));
    seen[r->msg] = *r;
    if (r->msg > highest)
        highest = r->msg;
}

static void check(const char *path)
{
    kit_assert_text(path, "PRAGMA integrity_check", "ok");
    assert_int_equal(kit_integer(path, "SELECT count(*) FROM faces WHERE end_us IS NULL"), 0);
    assert_int_equal(kit_integer(path, "SELECT max(seq) - count(*) FROM faces"), 0);
    assert_int_equal(kit_integer(path, "SELECT min(seq) FROM faces"), 1);

    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
            sqlite3_prepare_v2(db, "SELECT seq FROM faces WHERE id = ?", -1, &st, NULL), SQLITE_OK);
    for (uint64_t i = 1; i <= highest; i++) {
        if (!seen[i].msg)
            continue;
        sqlite3_reset(st);
        sqlite3_bind_text(st, 1, seen[i].id, -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(st), SQLITE_ROW); /* heard of, so it is there */
        if (seen[i].type == 'e')
            assert_int_equal(sqlite3_column_int64(st, 0), seen[i].seq);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void a_kill_at_any_moment_loses_nothing_that_was_told(void **state)
{
    (void)state;
    unsigned seed = kit_seed();
    char *dir = kit_dir();
    const char *path = kit_path(dir, "faced.db");
    char keep[512];
    (void)snprintf(keep, sizeof(keep), "%s", path);
    seen = calloc(MESSAGES, sizeof(*seen));
    highest = 0;

    for (int run = 0; run < RUNS; run++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        unsigned child_seed = (unsigned)rand_r(&seed), enough = 1 + rand_r(&seed) % 300;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            live(keep, ends[1], child_seed, run * 10000);
        }
        close(ends[1]);
        struct report r;
        for (unsigned n = 0; read(ends[0], &r, sizeof(r)) == sizeof(r); n++) {
            hear(&r);
            if (n == enough)
                kill(child, SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(ends[0]);

        struct store *store = NULL;
        const struct store_options options = {.path = keep, .node = "lobby", .settings.mqtt = true};
        struct err e = {0};
        store = store_open(&options, &e);
        if (!store)
            fail_msg("%s", e.text);
        store_close(store);
        check(keep);
    }
    assert_true(kit_integer(keep, "SELECT count(*) FROM faces WHERE end_reason = 'restart'") > 0);

    /* All that still waits comes now, and then no number is missing. */
    struct child c = {0};
    begin(&c, keep);
    void *m;
    struct store_stats st = {.outbox_waiting = 1};
    while (store_stats(c.store, &st), st.outbox_waiting > 0) {
        if (queue_take(c.to_bus, &m, 1, 10) == 1) {
            struct report r = report_of(m);
            hear(&r);
            queue_put(c.acks, m);
        }
    }
    assert_int_equal(store_join(c.store, DEADLINE), 0);
    store_close(c.store);
    queue_free(c.events);
    queue_free(c.to_bus);
    queue_free(c.acks);
    check(keep);
    for (uint64_t i = 1; i <= highest; i++)
        assert_int_equal(seen[i].msg, i);
    assert_int_equal(kit_integer(keep, "SELECT next_msg FROM meta"), highest + 1);
    assert_int_equal(kit_integer(keep, "SELECT count(*) FROM outbox"), 0);

    /* And every record was told from its beginning to its end. */
    int64_t people = kit_integer(keep, "SELECT count(*) FROM faces"), begun = 0, ended = 0;
    for (uint64_t i = 1; i <= highest; i++) {
        begun += seen[i].type == 'n';
        ended += seen[i].type == 'e';
    }
    assert_int_equal(begun, people);
    assert_int_equal(ended, people);
    print_message("%d kills, %llu messages, %lld people\n", RUNS, (unsigned long long)highest,
            (long long)people);
    free(seen);
    kit_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_kill_at_any_moment_loses_nothing_that_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
