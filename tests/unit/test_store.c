/* needs: store/store store/writer store/dbfile store/record store/outbox store/quarters store/copy store/reader store/crops store/upkeep store/keeper store/desk store/offline store/schema store/sql flow/event flow/message flow/queue flow/face flow/age base/backoff base/err base/log base/mem base/mono base/redact base/thread base/url base/uuid base/when */
#include "kit_store.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/mono.h"
#include "flow/message.h"
#include "flow/queue.h"
#include "store/store.h"

#define WINDOW   64
#define DEADLINE 20000 /* ms; only a broken build meets it */

struct house {
    char *dir;
    const char *path;
    struct store_options options;
    struct event_loss loss;
    struct store *store;
    struct queue *events, *to_bus, *acks;
};

static void open_again(struct house *h)
{
    struct err e = {0};
    h->store = store_open(&h->options, &e);
    if (!h->store)
        fail_msg("%s", e.text);
    h->events = queue_new(4096, event_free, event_squeeze, &h->loss);
    h->to_bus = queue_new(256, message_free, NULL, NULL);
    h->acks = queue_new(256, message_free, NULL, NULL);
}

static void start(struct house *h)
{
    assert_int_equal(store_start(h->store, h->events, h->to_bus, h->acks, NULL), 0);
}

static struct house *begin(void)
{
    struct house *h = calloc(1, sizeof(*h));
    h->dir = kit_dir();
    h->path = strdup(kit_path(h->dir, "faced.db"));
    h->options = (struct store_options){
            .path = h->path, .node = "lobby", .settings.mqtt = true, .loss = &h->loss};
    open_again(h);
    return h;
}

static void close_store(struct house *h)
{
    store_stop(h->store);
    assert_int_equal(store_drained(h->store, DEADLINE), 0);
    assert_int_equal(store_join(h->store, DEADLINE), 0);
    store_close(h->store);
    queue_free(h->events);
    queue_free(h->to_bus);
    queue_free(h->acks);
}

static void close_unstarted(struct house *h)
{
    store_close(h->store);
    queue_free(h->events);
    queue_free(h->to_bus);
    queue_free(h->acks);
}

static void end(struct house *h)
{
    char *verdict = kit_text(h->path, "PRAGMA integrity_check");
    assert_string_equal(verdict, "ok");
    free(verdict);
    kit_remove(h->dir);
    free((char *)h->path);
    free(h);
}

static void put(struct house *h, enum event_type type, int person)
{
    assert_true(queue_put(h->events, kit_event(type, person)));
}

static struct message *receive(struct house *h)
{
    void *m = NULL;
    assert_int_equal(queue_take(h->to_bus, &m, 1, DEADLINE), 1);
    return m;
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Until a state of the store is reached. */
static struct store_stats wait_for(struct house *h, bool (*reached)(const struct store_stats *st))
{
    struct store_stats st;
    int64_t until = mono_us() + DEADLINE * INT64_C(1000);
    for (;;) {
        store_stats(h->store, &st);
        if (reached(&st))
            return st;
        if (mono_us() > until)
            limit_files(RLIM_INFINITY); /* or nobody could say so */
        if (mono_us() > until)
            fail_msg("the store did not get there: failing %d (%s), %llu events", st.failing,
                    st.error, (unsigned long long)st.events);
        mono_sleep_us(1000);
    }
}

/* Until the file gives this answer. */
static void wait_integer(struct house *h, const char *question, int64_t expected)
{
    int64_t until = mono_us() + DEADLINE * INT64_C(1000), n;
    while ((n = kit_integer(h->path, question)) != expected) {
        if (mono_us() > until)
            fail_msg("%s: %lld", question, (long long)n);
        mono_sleep_us(1000);
    }
}

static bool is_failing(const struct store_stats *st)
{
    return st->failing;
}

static bool is_over(const struct store_stats *st)
{
    return !st->failing && st->events > 0;
}

static bool is_delivered(const struct store_stats *st)
{
    return st->outbox_waiting == 0 && st->events > 0;
}

static bool is_outbox_empty(const struct store_stats *st)
{
    return st->outbox_waiting == 0;
}

static void the_bus_hears_only_what_is_committed(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    for (int i = 0; i < 5; i++) {
        put(h, EVENT_NEW, i);
        struct message *m = receive(h);
        assert_int_equal(m->msg, i + 1);
        assert_string_equal(m->topic, "door/faces");
        assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), i + 1);
        assert_int_equal(kit_integer(h->path, "SELECT max(msg) FROM outbox"), i + 1);
        assert_int_equal(kit_integer(h->path, "SELECT next_msg FROM meta"), i + 2);
        message_free(m);
    }
    close_store(h);
    end(h);
}

static void the_rest_waits_for_company(void **state)
{
    (void)state;
    struct house *h = begin();
    for (int i = 0; i < 1000; i++)
        put(h, EVENT_SEEN, i);
    start(h);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 1000);

    open_again(h);
    for (int i = 0; i < 1000; i++)
        put(h, EVENT_SEEN, 1000 + i);
    start(h);
    store_stop(h->store);
    assert_int_equal(store_drained(h->store, DEADLINE), 0);
    struct store_stats st;
    store_stats(h->store, &st);
    assert_int_equal(st.events, 1000);
    assert_true(st.commits >= 10 && st.commits <= 40); /* 100 each, and what is handed out */
    close_store(h);
    end(h);
}

static void seq_follows_the_ends_without_gaps(void **state)
{
    (void)state;
    struct house *h = begin();
    unsigned seed = kit_seed();
    start(h);
    int open[20], n_open = 0, next = 0, ended = 0;
    while (ended < 300) {
        if (n_open == 0 || (n_open < 20 && rand_r(&seed) % 2)) {
            put(h, EVENT_NEW, next);
            open[n_open++] = next++;
        } else {
            int at = (int)(rand_r(&seed) % (unsigned)n_open);
            const enum event_type types[] = {EVENT_SEEN, EVENT_UPDATE, EVENT_END};
            enum event_type type = types[rand_r(&seed) % 3];
            put(h, type, open[at]);
            if (type == EVENT_END) {
                open[at] = open[--n_open];
                ended++;
            }
        }
    }
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), next);
    assert_int_equal(kit_integer(h->path, "SELECT count(seq) FROM faces"), ended);
    assert_int_equal(kit_integer(h->path, "SELECT max(seq) FROM faces"), ended);
    assert_int_equal(kit_integer(h->path,
                             "SELECT count(*) FROM faces WHERE (seq IS NULL) <> (end_us IS NULL)"),
            0);
    end(h);
}

static void the_window_moves_as_acknowledgements_come(void **state)
{
    (void)state;
    struct house *h = begin();
    for (int i = 0; i < 300; i++)
        put(h, EVENT_NEW, i);
    start(h);
    struct message *held[WINDOW];
    for (int i = 0; i < WINDOW; i++) {
        held[i] = receive(h);
        assert_int_equal(held[i]->msg, i + 1);
    }
    /* All is written, and no more is out than may be. */
    store_stop(h->store);
    assert_int_equal(store_drained(h->store, DEADLINE), 0);
    assert_int_equal(queue_length(h->to_bus), 0);
    assert_int_equal(kit_integer(h->path, "SELECT count(msg) FROM outbox"), WINDOW);

    for (int i = 0; i < WINDOW; i++)
        assert_true(queue_put(h->acks, held[i]));
    for (int i = WINDOW; i < 300; i++) {
        struct message *m = receive(h);
        assert_int_equal(m->msg, i + 1);
        assert_true(queue_put(h->acks, m));
    }
    wait_for(h, is_delivered);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 0);
    assert_int_equal(kit_integer(h->path, "SELECT outbox_rows + outbox_bytes FROM meta"), 0);
    end(h);
}

static void what_was_not_acknowledged_comes_again_in_order(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    char id[UUID_TEXT];
    for (int i = 0; i < 10; i++) {
        put(h, EVENT_NEW, i);
        struct message *m = receive(h);
        if (i % 2)
            assert_true(queue_put(h->acks, m));
        else
            message_free(m);
    }
    close_store(h);
    for (int run = 0; run < 3; run++) {
        open_again(h);
        queue_put(h->events, kit_event(EVENT_SEEN, 0));
        start(h);
        for (int i = 0; i < 10; i += 2) {
            struct message *m = receive(h);
            kit_id(id, i);
            assert_int_equal(m->msg, i + 1);
            assert_non_null(strstr(m->json, id));
            message_free(m);
        }
        /* Then what came at the start of this run: the records that were left open. */
        for (int i = 0; run == 0 && i < 10; i++) {
            struct message *m = receive(h);
            assert_non_null(strstr(m->json, "\"end_reason\":\"restart\""));
            assert_int_equal(m->msg, 11 + i);
            assert_true(queue_put(h->acks, m));
        }
        close_store(h);
    }
    end(h);
}

static void open_records_of_a_crash_end_where_they_were_seen_last(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    put(h, EVENT_NEW, 1);
    put(h, EVENT_END, 1);
    put(h, EVENT_NEW, 2);
    struct event *seen = kit_event(EVENT_SEEN, 2);
    seen->record.end_us = seen->record.start_us + 60000000;
    assert_true(queue_put(h->events, seen));
    close_store(h); /* nobody said END: as after a kill */

    h->options.node = "hall";
    open_again(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces WHERE end_us IS NULL"), 0);
    kit_assert_text(h->path, "SELECT end_reason || ' ' || duration_s FROM faces WHERE seq = 2",
            "restart 60.0");
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox WHERE type = 'end'"), 2);
    kit_assert_text(h->path, "SELECT json ->> '$.seq' FROM outbox ORDER BY row DESC LIMIT 1", "2");
    close_store(h);
    end(h);
}

/* It may be that nobody ever says anything of it again: it was taken out of the configuration. */
static void cameras_of_a_crash_are_not_online_any_more(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    close_store(h);
    free(kit_text(h->path, "INSERT INTO camera(name, state) VALUES ('gone', 'online'),"
                           " ('new', 'connecting'), ('off', 'disabled'), ('film', 'ended')"));
    open_again(h);
    start(h);
    struct event *ev = event_new(EVENT_CAMERA, "new");
    ev->status.state = CAMERA_ONLINE;
    assert_true(queue_put(h->events, ev));
    close_store(h);
    kit_assert_text(h->path, "SELECT group_concat(name || ' ' || state, ', ') FROM cameras",
            "film ended, gone offline, new online, off disabled");
    end(h);
}

static void without_mqtt_nothing_enters_the_outbox(void **state)
{
    (void)state;
    struct house *h = begin();
    close_store(h);
    h->options.settings.mqtt = false;
    open_again(h);
    assert_int_equal(store_start(h->store, h->events, NULL, NULL, NULL), 0);
    put(h, EVENT_NEW, 1);
    put(h, EVENT_OBSERVATION, 1);
    put(h, EVENT_UPDATE, 1);
    put(h, EVENT_END, 1);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 0);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM observations"), 0);
    assert_int_equal(kit_integer(h->path, "SELECT seq FROM faces"), 1);
    end(h);
}

static void observations_are_kept_where_they_are_wanted(void **state)
{
    (void)state;
    struct house *h = begin();
    close_store(h);
    h->options.settings.observations = true;
    open_again(h);
    start(h);
    put(h, EVENT_NEW, 1);
    for (int i = 0; i < 5; i++)
        put(h, EVENT_OBSERVATION, 1);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM observations"), 5);
    end(h);
}

static void a_second_one_is_refused(void **state)
{
    (void)state;
    struct house *h = begin();
    struct err e = {0};
    assert_null(store_open(&h->options, &e));
    assert_int_equal(e.code, -EBUSY);
    assert_non_null(strstr(e.text, "in use by another faced"));
    start(h);
    put(h, EVENT_NEW, 1);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 1);
    end(h);
}

static void cameras_and_commands_survive(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    struct event *ev = event_new(EVENT_CAMERA, "door");
    ev->status.state = CAMERA_DISABLED;
    ev->status.commanded = true;
    assert_true(queue_put(h->events, ev));
    close_store(h);
    open_again(h);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT enabled FROM camera WHERE name = 'door'"), 0);
    end(h);
}

static void an_overflow_is_told_and_counted(void **state)
{
    (void)state;
    struct house *h = begin();
    close_store(h);
    h->options.settings.outbox_size = 100000;
    open_again(h);
    for (int i = 0; i < 2000; i++)
        put(h, EVENT_NEW, i);
    start(h);
    store_stop(h->store);
    assert_int_equal(store_drained(h->store, DEADLINE), 0);
    struct store_stats st;
    store_stats(h->store, &st);
    assert_true(st.messages_dropped > 1000);

    uint64_t expected = 1;
    bool told = false;
    while (st.outbox_waiting > 0) {
        struct message *m = receive(h);
        if (strcmp(m->topic, "lost") == 0) {
            told = true;
            expected += (uint64_t)st.messages_dropped;
        }
        assert_int_equal(m->msg, expected);
        expected++;
        st.outbox_waiting--;
        assert_true(queue_put(h->acks, m));
    }
    assert_true(told);
    assert_int_equal(expected, 2000 + 1 + 1); /* all of them and the one that says lost */
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 2000);
    end(h);
}

/* ---- states that are not ends ---- */

static void a_full_disk_costs_nothing_but_delay(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    struct house *h = begin();
    start(h);
    put(h, EVENT_NEW, 0);
    message_free(receive(h));
    limit_files(16384);
    for (int i = 1; i <= 300; i++)
        put(h, EVENT_NEW, i);
    struct store_stats st = wait_for(h, is_failing);
    assert_true(st.error[0]);
    limit_files(RLIM_INFINITY);
    wait_for(h, is_over);
    for (int i = 1; i < WINDOW; i++) {
        struct message *m = receive(h);
        assert_int_equal(m->msg, i + 1);
        message_free(m);
    }
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 301);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 301);
    end(h);
}

static void at_the_end_a_full_disk_does_not_keep_us(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    struct house *h = begin();
    start(h);
    put(h, EVENT_NEW, 0);
    message_free(receive(h));
    limit_files(4096);
    for (int i = 1; i <= 250; i++)
        put(h, EVENT_END, i);
    store_stop(h->store);
    assert_int_equal(store_drained(h->store, DEADLINE), 0);
    struct store_stats st;
    store_stats(h->store, &st);
    assert_int_equal(st.records_lost, 250);
    limit_files(RLIM_INFINITY);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 1);
    end(h);
}

static void somebody_elses_lock_is_waited_for(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(h->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    put(h, EVENT_NEW, 1);
    wait_for(h, is_failing);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    wait_for(h, is_over);
    message_free(receive(h));
    close_store(h);
    end(h);
}

/* Not even its schema can be looked at: it is an old one, and locked. */
static void one_that_cannot_be_opened_yet_is_opened_later(void **state)
{
    (void)state;
    struct house *h = begin();
    close_unstarted(h);
    kit_copy("tests/data/faced-schema-1.db", h->path);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(h->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    int64_t before = 36;
    open_again(h);
    struct store_stats st;
    store_stats(h->store, &st);
    assert_true(st.failing);
    assert_non_null(strstr(st.error, "locked: end the program that keeps it locked"));
    start(h);
    put(h, EVENT_END, 1000);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    wait_for(h, is_over);
    char epoch[UUID_TEXT];
    store_epoch(h->store, epoch);
    kit_assert_text(h->path, "SELECT epoch FROM meta", epoch);
    message_free(receive(h));
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), before + 1);
    assert_int_equal(kit_count_files(h->dir, "damaged-"), 0);
    end(h);
}

/* No room for the first page of a new one, and no end of the daemon. */
static void a_disk_that_is_full_at_the_start_is_waited_for(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    struct house *h = begin();
    close_unstarted(h);
    assert_int_equal(unlink(h->path), 0);
    limit_files(1024);
    open_again(h);
    struct store_stats st;
    store_stats(h->store, &st);
    start(h);
    put(h, EVENT_NEW, 1);
    wait_for(h, is_failing);
    limit_files(RLIM_INFINITY);
    assert_true(st.failing);
    wait_for(h, is_over);
    message_free(receive(h));
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 1);
    end(h);
}

static void damage_that_shows_later_costs_the_file_and_not_the_event(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    put(h, EVENT_NEW, 1);
    put(h, EVENT_END, 1);
    close_store(h);
    int64_t page =
            kit_integer(h->path, "SELECT rootpage FROM sqlite_master WHERE name = 'record_start'");
    int fd = open(h->path, O_WRONLY);
    static const char zeros[4096];
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), (page - 1) * 4096), sizeof(zeros));
    close(fd);

    open_again(h);
    char before[UUID_TEXT], after[UUID_TEXT];
    store_epoch(h->store, before);
    start(h);
    struct message *old[2] = {receive(h), receive(h)};
    put(h, EVENT_NEW, 7);
    struct message *m = receive(h);
    store_epoch(h->store, after);
    assert_string_not_equal(before, after);
    assert_non_null(strstr(m->json, after));
    assert_int_equal(m->msg, 1); /* a sequence of its own */
    assert_true(m->row > old[1]->row);
    /* What the old file's outbox held is acknowledged late, and hits nothing of the new one. */
    assert_true(queue_put(h->acks, old[0]));
    assert_true(queue_put(h->acks, old[1]));
    message_free(m);
    close_store(h);
    assert_int_equal(kit_count_files(h->dir, "damaged-"), 1);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 1);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 1);
    end(h);
}

static void lost_records_are_in_the_database_with_their_span(void **state)
{
    (void)state;
    struct house *h = begin();
    h->loss.records = 3;
    h->loss.from_us = KIT_START;
    h->loss.to_us = KIT_START + 5;
    start(h);
    put(h, EVENT_NEW, 1);
    message_free(receive(h));
    struct store_stats st;
    store_stats(h->store, &st);
    assert_int_equal(st.records_lost, 3);
    put(h, EVENT_END, 1);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT records_lost FROM meta"), 3);
    assert_int_equal(kit_integer(h->path, "SELECT lost_to_us - lost_from_us FROM meta"), 5);
    end(h);
}

static void a_bus_that_is_gone_leaves_the_rows(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    queue_close(h->to_bus);
    for (int i = 0; i < 100; i++)
        put(h, EVENT_NEW, i);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 100);
    end(h);
}

/* ---- orders ---- */

static void no_news(const struct store_progress *progress, void *arg)
{
    (void)progress;
    (void)arg;
}

static struct store_progress wait_done(struct house *h)
{
    struct store_progress p;
    int64_t until = mono_us() + DEADLINE * INT64_C(1000);
    while (store_progress(h->store, &p), p.running) {
        if (mono_us() > until)
            fail_msg("the order does not come to its end: %lld records", (long long)p.gone.records);
        mono_sleep_us(1000);
    }
    return p;
}

/* Does any file of the house contain this text? */
static bool is_anywhere(struct house *h, const char *text)
{
    DIR *d = opendir(h->dir);
    struct dirent *entry;
    bool found = false;
    assert_non_null(d);
    while ((entry = readdir(d))) {
        int fd = open(kit_path(h->dir, entry->d_name), O_RDONLY);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
            close(fd);
            continue;
        }
        char *bytes = malloc((size_t)st.st_size);
        assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
        found |= memmem(bytes, (size_t)st.st_size, text, strlen(text)) != NULL;
        free(bytes);
        close(fd);
    }
    closedir(d);
    return found;
}

/*
 * People come, change, are observed and leave; some of what is told of them is acknowledged. Then
 * one in three is erased, and no byte of their names is in any file.
 */
static void of_the_erased_no_byte_remains(void **state)
{
    (void)state;
    enum {
        PEOPLE = 900
    };
    struct house *h = begin();
    close_store(h);
    h->options.settings.observations = true;
    open_again(h);
    start(h);
    for (int i = 0; i < PEOPLE; i++) {
        put(h, EVENT_NEW, i);
        put(h, EVENT_OBSERVATION, i);
        put(h, EVENT_UPDATE, i);
        put(h, EVENT_END, i);
        void *m;
        while (i < PEOPLE / 3 && queue_take(h->to_bus, &m, 1, 0) == 1)
            assert_true(queue_put(h->acks, m));
        if (queue_length(h->events) > 1000)
            mono_sleep_us(1000);
    }
    char id[UUID_TEXT];
    kit_id(id, PEOPLE - 1);
    wait_integer(h, "SELECT count(seq) FROM faces", PEOPLE);
    assert_true(is_anywhere(h, id));

    struct store_order order = {
            .job = STORE_ERASE,
            .who = {.since_us = KIT_START + PEOPLE / 3 * MONO_SECOND,
                    .until_us = KIT_START + PEOPLE / 3 * 2 * MONO_SECOND},
    };
    assert_int_equal(store_order(h->store, &order), 0);
    struct store_progress p = wait_done(h);
    assert_int_equal(p.code, 0);
    assert_int_equal(p.gone.records, PEOPLE / 3);
    assert_int_equal(p.gone.observations, PEOPLE / 3);
    assert_true(p.gone.messages > 0);
    assert_false(p.wal_kept);
    for (int i = 0; i < PEOPLE; i++) {
        kit_id(id, i);
        if (is_anywhere(h, id) != (i < PEOPLE / 3 || i >= PEOPLE / 3 * 2))
            fail_msg("person %d is %s", i, is_anywhere(h, id) ? "still there" : "gone");
    }
    assert_int_equal(kit_integer(h->path, "SELECT sum(people) FROM quarters"), PEOPLE / 3 * 2);
    assert_int_equal(kit_integer(h->path, "SELECT next_seq - 1 - records_removed FROM meta"),
            PEOPLE / 3 * 2);
    close_store(h);
    end(h);
}

/* The broker is away: what the bus has not taken yet is told of nobody who was erased. */
static void messages_under_way_are_recalled(void **state)
{
    (void)state;
    enum {
        PEOPLE = 20,
        ERASED_FROM = 5,
        ERASED_TO = 15
    };
    struct house *h = begin();
    start(h);
    for (int i = 0; i < PEOPLE; i++)
        put(h, EVENT_END, i);
    struct message *taken = receive(h);
    wait_integer(h, "SELECT count(msg) FROM outbox", PEOPLE);
    struct store_order order = {
            .job = STORE_ERASE,
            .who = {.since_us = KIT_START + ERASED_FROM * MONO_SECOND,
                    .until_us = KIT_START + ERASED_TO * MONO_SECOND},
    };
    assert_int_equal(store_order(h->store, &order), 0);
    assert_int_equal(wait_done(h).gone.messages, ERASED_TO - ERASED_FROM);
    assert_true(queue_put(h->acks, taken));
    for (int i = 1; i < PEOPLE; i++) {
        struct message *m = receive(h);
        char id[UUID_TEXT];
        bool erased = i >= ERASED_FROM && i < ERASED_TO;
        kit_id(id, i);
        assert_int_equal(m->msg, i + 1);
        assert_string_equal(m->topic, erased ? "lost" : "door/faces");
        assert_int_equal(strstr(m->json, id) != NULL, !erased);
        assert_true(queue_put(h->acks, m));
    }
    wait_for(h, is_outbox_empty);
    close_store(h);
    end(h);
}

static void retention_goes_on_by_itself_and_obeys_new_settings(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    for (int i = 0; i < 500; i++) {
        struct event *ev = kit_event(EVENT_END, i);
        ev->record.start_us = ev->record.end_us = mono_wall_us() - MONO_SECOND;
        assert_true(queue_put(h->events, ev));
    }
    wait_integer(h, "SELECT count(seq) FROM faces", 500);
    struct store_settings settings = h->options.settings;
    settings.kept.age_us = 1;
    store_set(h->store, &settings);
    wait_integer(h, "SELECT count(*) FROM faces", 0);
    close_store(h);
    end(h);
}

static void one_order_at_a_time_and_none_at_the_end(void **state)
{
    (void)state;
    struct house *h = begin();
    const struct store_order prune = {.job = STORE_PRUNE};
    assert_int_equal(store_order(h->store, &prune), 0);
    assert_int_equal(store_order(h->store, &prune), -EBUSY);
    start(h);
    assert_int_equal(wait_done(h).code, 0);
    assert_int_equal(store_order(h->store, &prune), 0);
    assert_int_equal(wait_done(h).code, 0);
    store_stop(h->store);
    assert_int_equal(store_drained(h->store, DEADLINE), 0);
    assert_int_equal(store_order(h->store, &prune), -ESHUTDOWN);
    close_store(h);
    end(h);
}

static void without_a_daemon_the_work_is_done_on_the_file(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    for (int i = 0; i < 300; i++)
        put(h, EVENT_END, i);
    const struct store_order order = {
            .job = STORE_ERASE,
            .who = {.camera = "door", .until_us = KIT_START + 100 * MONO_SECOND},
    };
    struct store_progress p;
    struct err e = {0};
    assert_int_equal(store_work(&h->options, &order, no_news, NULL, &p, &e), -EBUSY);
    assert_non_null(strstr(e.text, "in use by another faced"));
    close_store(h);
    assert_int_equal(store_work(&h->options, &order, no_news, NULL, &p, &e), 0);
    assert_int_equal(p.gone.records, 100);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 200);

    h->options.path = kit_path(h->dir, "missing.db");
    assert_int_equal(store_work(&h->options, &order, no_news, NULL, &p, &e), -ENOENT);
    assert_int_equal(kit_count_files(h->dir, "missing"), 0);
    h->options.path = h->path;
    end(h);
}

/* Bytes that are wrong in the header, and empty pages: different questions find them. */
static void on_a_damaged_file_no_work_is_done_and_none_is_claimed(void **state)
{
    (void)state;
    static const char zeros[4096], crosses[] = "XXXXXXXXXXXXXXXX";
    for (int in_header = 0; in_header < 2; in_header++) {
        struct house *h = begin();
        start(h);
        for (int i = 0; i < 300; i++)
            put(h, EVENT_END, i);
        close_store(h);
        int fd = open(h->path, O_WRONLY);
        struct stat before, after;
        assert_int_equal(fstat(fd, &before), 0);
        if (in_header)
            assert_int_equal(pwrite(fd, crosses, 16, 100), 16);
        for (off_t at = sizeof(zeros); !in_header && at < before.st_size; at += 4096)
            assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
        close(fd);

        const struct store_order order = {.job = STORE_ERASE, .who = {.camera = "door"}};
        struct store_progress p = {0};
        struct err e = {0};
        assert_int_equal(store_work(&h->options, &order, no_news, NULL, &p, &e), -EUCLEAN);
        assert_non_null(strstr(e.text, h->path));
        assert_non_null(strstr(e.text, "is damaged"));
        assert_non_null(strstr(e.text, ".recover"));
        assert_int_equal(kit_count_files(h->dir, "damaged-"), 0);
        assert_int_equal(stat(h->path, &after), 0);
        assert_int_equal(after.st_ino, before.st_ino);
        assert_int_equal(after.st_size, before.st_size);

        open_again(h); /* a daemon goes on, with a new one */
        start(h);
        close_store(h);
        assert_int_equal(kit_count_files(h->dir, "damaged-"), 1);
        end(h);
    }
}

/* ---- a file that goes away ---- */

static void a_removed_file_is_begun_anew(void **state)
{
    (void)state;
    struct house *h = begin();
    start(h);
    put(h, EVENT_NEW, 1);
    struct message *first = receive(h);
    char before[UUID_TEXT], after[UUID_TEXT];
    store_epoch(h->store, before);
    assert_int_equal(unlink(h->path), 0);
    put(h, EVENT_NEW, 2);
    struct message *second = receive(h);
    store_epoch(h->store, after);
    assert_string_not_equal(before, after);
    assert_int_equal(second->msg, 1);
    assert_true(second->row > first->row);
    assert_true(queue_put(h->acks, first)); /* late, and hits nothing of the new file */
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 1);
    message_free(second);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 1);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 1);
    end(h);
}

/* Whoever finds the damage, the writing or the opening: acknowledgements of before hit nothing. */
static void a_damaged_file_in_its_place_is_moved_aside(void **state)
{
    (void)state;
    struct house *h = begin();
    char *torn = strdup(kit_path(h->dir, "torn.db"));
    static const char zeros[4096];
    start(h);
    close_store(h);
    kit_copy(h->path, torn);
    int fd = open(torn, O_WRONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = sizeof(zeros); at < st.st_size; at += (off_t)sizeof(zeros))
        assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
    close(fd);

    open_again(h);
    start(h);
    put(h, EVENT_NEW, 1);
    struct message *before = receive(h);
    assert_int_equal(rename(torn, h->path), 0);
    put(h, EVENT_NEW, 2);
    struct message *after = receive(h);
    assert_int_equal(after->msg, 1);
    assert_true(after->row > before->row);
    assert_int_equal(kit_count_files(h->dir, "damaged-"), 1);
    assert_true(queue_put(h->acks, before));
    message_free(after);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 1);
    free(torn);
    end(h);
}

static void another_file_in_its_place_is_used_and_its_messages_are_sent(void **state)
{
    (void)state;
    struct house *h = begin();
    char *other = strdup(kit_path(h->dir, "other.db"));
    start(h);
    put(h, EVENT_NEW, 1);
    message_free(receive(h));
    close_store(h);
    kit_copy(h->path, other); /* of another time, one message waits in it */
    free(kit_text(other, "UPDATE meta SET epoch = '01900000-0000-7000-8000-00000000aaaa'"));

    open_again(h);
    start(h);
    struct message *again[2] = {receive(h), receive(h)}; /* new, and end by restart */
    for (int i = 0; i < 2; i++)
        assert_true(queue_put(h->acks, again[i]));
    wait_for(h, is_outbox_empty);
    assert_int_equal(rename(other, h->path), 0);
    put(h, EVENT_NEW, 2);
    bool met = false;
    for (int i = 0; i < 3; i++) { /* what waited there, the end of its open record, the new one */
        struct message *m = receive(h);
        char id[UUID_TEXT];
        kit_id(id, 2);
        assert_non_null(strstr(m->json, i == 0 ? "\"type\":\"new\"" : ""));
        met |= strstr(m->json, id) != NULL;
        assert_int_equal(m->msg, i + 1);
        assert_true(queue_put(h->acks, m));
    }
    assert_true(met);
    wait_for(h, is_outbox_empty);
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 2);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 0);
    free(other);
    end(h);
}

/* A snapshot of the disk, not one by facectl: its numbers would be given a second time, and what
 * is acknowledged of the file before would remove what is new in this one. */
static void an_earlier_state_of_the_file_gives_no_number_twice(void **state)
{
    (void)state;
    struct house *h = begin();
    char *earlier = strdup(kit_path(h->dir, "earlier.db"));
    start(h);
    put(h, EVENT_NEW, 1);
    message_free(receive(h));
    close_store(h);
    kit_copy(h->path, earlier);

    open_again(h);
    start(h);
    struct message *late[12];
    size_t n = 0;
    late[n++] = receive(h);
    late[n++] = receive(h); /* new, and end by restart */
    for (int i = 2; n < 12; i++) {
        put(h, EVENT_NEW, i);
        late[n++] = receive(h);
    }
    int64_t given = late[n - 1]->msg;
    char *epoch = kit_text(h->path, "SELECT epoch FROM meta");
    assert_int_equal(rename(earlier, h->path), 0);
    put(h, EVENT_NEW, 100);
    bool met = false;
    struct message *fresh[3];
    for (int i = 0; i < 3; i++) { /* what waited there, the end of its open record, the new one */
        char id[UUID_TEXT];
        kit_id(id, 100);
        fresh[i] = receive(h);
        assert_true(fresh[i]->msg <= 3 && given > 3);
        assert_null(strstr(fresh[i]->json, epoch));
        met |= strstr(fresh[i]->json, id) != NULL;
    }
    assert_true(met);
    for (size_t i = 0; i < n; i++)
        assert_true(queue_put(h->acks, late[i]));
    close_store(h); /* with them */
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM outbox"), 3);
    for (int i = 0; i < 3; i++)
        message_free(fresh[i]);
    free(epoch);
    free(earlier);
    end(h);
}

static void a_directory_that_goes_and_comes_costs_nothing_but_delay(void **state)
{
    (void)state;
    struct house *h = begin();
    char *away = strdup(kit_path(h->dir, "away"));
    char *sub = strdup(kit_path(h->dir, "sub"));
    close_store(h);
    assert_int_equal(mkdir(sub, 0755), 0);
    free((char *)h->path);
    h->path = strdup(kit_path(sub, "faced.db"));
    h->options.path = h->path;
    open_again(h);
    start(h);
    put(h, EVENT_NEW, 1);
    message_free(receive(h));
    assert_int_equal(rename(sub, away), 0);
    put(h, EVENT_NEW, 2);
    struct store_stats st = wait_for(h, is_failing);
    assert_non_null(strstr(st.error, "there is no directory"));
    assert_true(st.since_us > 0);
    assert_int_equal(rename(away, sub), 0);
    st = wait_for(h, is_over);
    assert_int_equal(st.since_us, 0);
    message_free(receive(h));
    close_store(h);
    assert_int_equal(kit_integer(h->path, "SELECT count(*) FROM faces"), 2);
    free(away);
    free(sub);
    end(h);
}

static void a_store_that_never_started_closes(void **state)
{
    (void)state;
    struct house *h = begin();
    close_store(h);
    store_close(NULL);
    end(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_bus_hears_only_what_is_committed),
            cmocka_unit_test(the_rest_waits_for_company),
            cmocka_unit_test(seq_follows_the_ends_without_gaps),
            cmocka_unit_test(the_window_moves_as_acknowledgements_come),
            cmocka_unit_test(what_was_not_acknowledged_comes_again_in_order),
            cmocka_unit_test(open_records_of_a_crash_end_where_they_were_seen_last),
            cmocka_unit_test(cameras_of_a_crash_are_not_online_any_more),
            cmocka_unit_test(without_mqtt_nothing_enters_the_outbox),
            cmocka_unit_test(observations_are_kept_where_they_are_wanted),
            cmocka_unit_test(a_second_one_is_refused),
            cmocka_unit_test(cameras_and_commands_survive),
            cmocka_unit_test(an_overflow_is_told_and_counted),
            cmocka_unit_test(a_full_disk_costs_nothing_but_delay),
            cmocka_unit_test(at_the_end_a_full_disk_does_not_keep_us),
            cmocka_unit_test(somebody_elses_lock_is_waited_for),
            cmocka_unit_test(one_that_cannot_be_opened_yet_is_opened_later),
            cmocka_unit_test(a_disk_that_is_full_at_the_start_is_waited_for),
            cmocka_unit_test(damage_that_shows_later_costs_the_file_and_not_the_event),
            cmocka_unit_test(lost_records_are_in_the_database_with_their_span),
            cmocka_unit_test(a_bus_that_is_gone_leaves_the_rows),
            cmocka_unit_test(of_the_erased_no_byte_remains),
            cmocka_unit_test(messages_under_way_are_recalled),
            cmocka_unit_test(retention_goes_on_by_itself_and_obeys_new_settings),
            cmocka_unit_test(one_order_at_a_time_and_none_at_the_end),
            cmocka_unit_test(without_a_daemon_the_work_is_done_on_the_file),
            cmocka_unit_test(on_a_damaged_file_no_work_is_done_and_none_is_claimed),
            cmocka_unit_test(a_removed_file_is_begun_anew),
            cmocka_unit_test(a_damaged_file_in_its_place_is_moved_aside),
            cmocka_unit_test(another_file_in_its_place_is_used_and_its_messages_are_sent),
            cmocka_unit_test(an_earlier_state_of_the_file_gives_no_number_twice),
            cmocka_unit_test(a_directory_that_goes_and_comes_costs_nothing_but_delay),
            cmocka_unit_test(a_store_that_never_started_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
