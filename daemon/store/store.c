/*
 * About: one thread that takes events, writes them in batches, and passes committed messages on
 * to the bus.
 *
 * It must never make a camera wait (the events' queue squeezes instead), never hand out a message
 * before its commit, and never lose a batch because the disk is full for an hour.
 *
 *   gathering  ->  an urgent event, a full batch or its time  ->  writing
 *   writing    ->  committed: messages handed out  ->  gathering
 *              ->  failed: rolled back, the batch kept  ->  waiting (back-off)  ->  writing
 *   gathering  ->  nothing to write for now  ->  a piece of upkeep (keeper.h)  ->  gathering
 *   events closed: what is inside is written at once, then only acknowledgements are served
 *   acks closed: the last commit, the end
 */
#include "store/store.h"

#include "base/backoff.h"
#include "base/beat.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/when.h"
#include "flow/queue.h"
#include "store/dbfile.h"
#include "store/desk.h"
#include "store/keeper.h"
#include "store/writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH        100                /* events in one transaction */
#define BATCH_WAIT   MONO_SECOND        /* for those that are not urgent */
#define WINDOW       64                 /* messages handed out and not acknowledged */
#define ACK_BATCH    (WINDOW / 2)       /* acknowledged: make room for more */
#define ACK_WAIT     (MONO_SECOND / 4)  /* after a kill so much may be sent twice */
#define TRIM_EVERY   (60 * MONO_SECOND) /* messages grow old while nothing happens */
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 30000
#define RETRY_AT_END (MONO_SECOND / 10)
#define GIVE_UP      (2 * MONO_SECOND)
#define NEVER        INT64_MAX

struct store {
    /* set at birth and by store_start() */
    struct store_options options;
    int wake_fd;
    struct queue *events, *to_bus, *acks;
    struct beat *beat;
    struct desk *desk; /* any thread */
    void (*committed)(void *arg, const struct event *ev);
    void *committed_arg;
    pthread_t thread;
    bool started;

    /* owned by the thread, by main before it starts and after it has ended */
    struct writer *writer;
    struct keeper keeper;
    struct store_settings settings;
    struct event *batch[BATCH];
    size_t n_batch;
    bool urgent;
    int64_t batch_us; /* when its first event came, by mono_us() */
    struct message *acked[WINDOW];
    size_t n_acked;
    int64_t acked_us;
    size_t handed;   /* with the bus and not acknowledged in the database */
    bool bus_closed; /* nothing more is handed out */
    bool more;       /* there may be messages that were not handed out */
    int64_t trim_us;
    struct backoff backoff;
    int64_t retry_us;   /* 0: nothing has failed */
    int64_t failing_us; /* since when by mono_us(), and by the wall; 0: nothing fails */
    int64_t failing_wall_us;
    uint64_t failing_after; /* records that had been lost by then */
    struct err failure;     /* the latest */
    struct log_limit complaint;
    int64_t stop_us;        /* when the events' queue was seen closed; 0: not yet */
    uint64_t loss_written;  /* records_lost that are in the database */
    uint64_t loss_given_up; /* at the end */

    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t changed;
    /* protected by lock */
    struct store_stats stats;
    char epoch[UUID_TEXT];
    bool drained;
};

static void wake(void *arg)
{
    struct store *s = arg;
    const uint64_t one = 1;
    (void)!write(s->wake_fd, &one, sizeof(one));
}

/* ---- what comes in ---- */

static void gather(struct store *s)
{
    size_t before = s->n_batch;
    s->n_batch += queue_take(s->events, (void **)&s->batch[before], BATCH - before, 0);
    for (size_t i = before; i < s->n_batch; i++) {
        enum event_type type = s->batch[i]->type;
        s->urgent |= type == EVENT_NEW || type == EVENT_END;
    }
    if (before == 0 && s->n_batch)
        s->batch_us = mono_us();

    if (s->acks) {
        before = s->n_acked;
        s->n_acked += queue_take(s->acks, (void **)&s->acked[before], WINDOW - before, 0);
        if (before == 0 && s->n_acked)
            s->acked_us = mono_us();
    }
    if (!s->stop_us && queue_closed(s->events))
        s->stop_us = mono_us();
}

/* What stays with the bus when the acknowledgements that came are written. */
static size_t still_out(const struct store *s)
{
    return s->handed > s->n_acked ? s->handed - s->n_acked : 0;
}

/* How many messages may be handed out then. */
static size_t room(const struct store *s)
{
    return s->to_bus && s->settings.mqtt && !s->bus_closed ? WINDOW - still_out(s) : 0;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When to write next, by mono_us(); NEVER: when somebody wakes us. */
static int64_t due_us(const struct store *s)
{
    if (s->retry_us)
        return s->retry_us;
    int64_t due = NEVER;
    if (s->n_batch)
        due = s->urgent || s->n_batch == BATCH || s->stop_us ? 0 : s->batch_us + BATCH_WAIT;
    if (s->n_acked)
        due = sooner(due, s->n_acked >= ACK_BATCH || s->stop_us ? 0 : s->acked_us + ACK_WAIT);
    if (writer_owes(s->writer) || (s->more && !s->n_acked && room(s)))
        due = 0;
    if (s->settings.mqtt && s->more)
        due = sooner(due, s->trim_us);
    return due;
}

/* ---- writing ---- */

static uint64_t lost_so_far(const struct store *s)
{
    return s->options.loss ? atomic_load(&s->options.loss->records) : 0;
}

static void note(struct store *s, size_t events, const struct err *failure)
{
    const struct meta *m = writer_meta(s->writer);
    const struct event_loss *loss = s->options.loss;
    pthread_mutex_lock(&s->lock);
    struct store_stats *st = &s->stats;
    st->failing = failure != NULL;
    st->since_us = s->failing_wall_us;
    if (failure)
        (void)snprintf(
                st->error, sizeof(st->error), "%.*s", (int)sizeof(st->error) - 1, failure->text);
    else
        st->commits++;
    st->events += events;
    st->outbox_waiting = m->outbox_rows;
    st->messages_dropped = m->messages_dropped;
    st->records_lost = s->loss_given_up + lost_so_far(s);
    st->lost_from_us = loss ? atomic_load(&loss->from_us) : 0;
    st->lost_to_us = loss ? atomic_load(&loss->to_us) : 0;
    memcpy(s->epoch, m->epoch, sizeof(s->epoch));
    pthread_mutex_unlock(&s->lock);
}

static void hand_out(struct store *s, const struct batch *b)
{
    for (size_t i = 0; i < b->n_out; i++) {
        /* Once refused all that follow are, too: they keep their numbers for the next run. */
        if (!s->bus_closed && queue_put(s->to_bus, b->out[i]))
            s->handed++;
        else if (s->bus_closed)
            message_free(b->out[i]);
        else
            s->bus_closed = true;
    }
}

static void forget_batch(struct store *s)
{
    for (size_t i = 0; i < s->n_batch; i++)
        event_free(s->batch[i]);
    for (size_t i = 0; i < s->n_acked; i++)
        message_free(s->acked[i]);
    s->handed = still_out(s);
    s->n_batch = s->n_acked = 0;
    s->urgent = false;
}

/* A failure to open it brings its own sentence, which names it and has the way out. */
static bool names_it(const char *text)
{
    return strncmp(text, "database '", 10) == 0;
}

static void complain(const struct store *s)
{
    static const char meanwhile[] = "people are kept in memory and written when that is over";
    const struct err *f = &s->failure;
    if (names_it(f->text))
        log_error("store", "%s; %s", f->text, meanwhile);
    else
        log_error("store", "database '%s' cannot be written (%s): %s; %s", s->options.path, f->text,
                dbfile_way_out(f->code), meanwhile);
}

static void failed(struct store *s)
{
    int64_t now = mono_us();
    if (!s->failing_us) {
        s->failing_us = now;
        s->failing_wall_us = mono_wall_us();
        s->failing_after = lost_so_far(s);
    }
    s->retry_us = now + (s->stop_us ? RETRY_AT_END : backoff_next(&s->backoff) * INT64_C(1000));
    note(s, 0, &s->failure);
    if (log_due(&s->complaint, now))
        complain(s);
}

/* Over: once in the log, with what it cost. */
static void recovered(struct store *s)
{
    if (log_over(&s->complaint)) {
        char span[WHEN_TEXT];
        uint64_t lost = lost_so_far(s) - s->failing_after;
        when_format_span(span, (mono_us() - s->failing_us) / MONO_SECOND);
        log_info("store", "database '%s' is being written again after %s, %llu records were lost",
                s->options.path, span, (unsigned long long)lost);
    }
    s->failing_us = s->failing_wall_us = 0;
}

static void tell_committed(const struct store *s)
{
    if (!s->committed || s->settings.aggregate_only)
        return;
    for (size_t i = 0; i < s->n_batch; i++) {
        const struct event *ev = s->batch[i];
        if (event_type_name(ev->type))
            s->committed(s->committed_arg, ev);
    }
}

static void write_batch(struct store *s)
{
    struct message *out[WINDOW];
    const struct event_loss *loss = s->options.loss;
    uint64_t lost = lost_so_far(s);
    struct batch b = {
            .events = s->batch,
            .n_events = s->n_batch,
            .acks = s->acked,
            .n_acks = s->n_acked,
            .records_lost = lost - s->loss_written,
            .lost_from_us = loss ? atomic_load(&loss->from_us) : 0,
            .lost_to_us = loss ? atomic_load(&loss->to_us) : 0,
            .out = out,
            .room = room(s),
    };
    s->trim_us = mono_us() + TRIM_EVERY;
    if (writer_write(s->writer, &b, &s->failure) < 0) {
        failed(s);
        return;
    }
    s->more = b.n_out == b.room;
    s->loss_written = lost;
    s->retry_us = 0;
    backoff_reset(&s->backoff);
    recovered(s);
    size_t n = s->n_batch;
    tell_committed(s);
    forget_batch(s);
    note(s, n, NULL);
    hand_out(s, &b);
}

/* ---- settings, orders and upkeep ---- */

static void obey(struct store *s)
{
    struct store_order order;
    if (desk_take_settings(s->desk, &s->settings)) {
        s->more = true;
        writer_set(s->writer, &s->settings);
        keeper_look(&s->keeper, mono_us());
    }
    if (desk_take_order(s->desk, &order))
        (void)keeper_order(&s->keeper, &order, mono_us());
}

/* Events go first, and nothing is tidied up while they cannot be written, or at the end. */
static bool may_tidy_up(const struct store *s)
{
    return !s->retry_us && !s->stop_us;
}

/*
 * Messages that the bus has not taken yet are read from the outbox again, as they stand there now:
 * with those of the erased made unreadable. All at once, so that none overtakes another.
 */
static void recall(struct store *s)
{
    void *waiting[WINDOW];
    size_t n = s->to_bus ? queue_take(s->to_bus, waiting, WINDOW, 0) : 0;
    if (n == 0)
        return;
    writer_hand_out_from(s->writer, ((struct message *)waiting[0])->row);
    for (size_t i = 0; i < n; i++)
        message_free(waiting[i]);
    s->handed -= n;
    s->more = true;
}

static void tidy_up(struct store *s)
{
    bool erasing = keeper_erases(&s->keeper);
    keeper_turn(&s->keeper, s->writer);
    if (erasing && !keeper_erases(&s->keeper))
        recall(s);
    desk_tell(s->desk, &s->keeper.progress);
    pthread_mutex_lock(&s->lock);
    s->stats.outbox_waiting = writer_meta(s->writer)->outbox_rows;
    pthread_mutex_unlock(&s->lock);
}

static void refuse(struct store *s)
{
    keeper_give_up(&s->keeper, s->failure.code, s->failure.text);
    desk_tell(s->desk, &s->keeper.progress);
}

/* ---- the end ---- */

static void give_up(struct store *s)
{
    size_t n = 0;
    do {
        for (size_t i = 0; i < s->n_batch; i++)
            s->loss_given_up += s->batch[i]->type == EVENT_END;
        n += s->n_batch;
        forget_batch(s);
        gather(s);
    } while (s->n_batch || s->n_acked);
    s->retry_us = 0;
    s->bus_closed = true;
    note(s, 0, &s->failure);
    if (n)
        log_error(
                "store", "%zu events could not be written before the end (%s)", n, s->failure.text);
}

/* True when the thread has nothing left to do. Says so to store_drained() on the way. */
static bool is_over(struct store *s)
{
    if (!s->stop_us || s->n_batch || queue_length(s->events))
        return false;
    pthread_mutex_lock(&s->lock);
    s->drained = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    bool acks_over = !s->acks || (queue_closed(s->acks) && queue_length(s->acks) == 0);
    return acks_over && s->n_acked == 0;
}

static void rest(struct store *s, int64_t until_us)
{
    int64_t us = until_us == NEVER ? -1 : until_us - mono_us();
    int timeout_ms = until_us == NEVER ? -1 : us > 0 ? (int)((us + 999) / 1000) : 0;
    struct pollfd p = {.fd = s->wake_fd, .events = POLLIN};
    if (s->beat)
        beat_set(s->beat, BEAT_WAITING);
    if (poll(&p, 1, timeout_ms) > 0) {
        uint64_t count;
        (void)!read(s->wake_fd, &count, sizeof(count));
    }
    if (s->beat)
        beat_set(s->beat, BEAT_WORKING);
}

static void *run(void *arg)
{
    struct store *s = arg;
    for (;;) {
        gather(s);
        obey(s);
        if (s->stop_us && s->retry_us > mono_us() + RETRY_AT_END)
            s->retry_us = mono_us() + RETRY_AT_END;
        if (s->stop_us)
            desk_close(s->desk);
        else if (s->retry_us)
            refuse(s);
        int64_t due = due_us(s);
        if (due <= mono_us()) {
            write_batch(s);
            if (s->retry_us && s->stop_us && mono_us() - s->stop_us > GIVE_UP)
                give_up(s);
            else
                continue;
        }
        if (is_over(s))
            return NULL;
        if (may_tidy_up(s)) {
            int64_t tidy_us = keeper_due_us(&s->keeper);
            if (tidy_us <= mono_us()) {
                tidy_up(s);
                continue;
            }
            due = sooner(due, tidy_us);
        }
        rest(s, due);
    }
}

/* ---- public ---- */

struct store *store_open(const struct store_options *options, struct err *e)
{
    struct store *s = mem_new(1, sizeof(*s));
    s->options = *options;
    s->options.path = mem_strdup(options->path);
    s->options.node = mem_strdup(options->node);
    s->wake_fd = -1;
    s->settings = options->settings;
    s->desk = desk_new();
    keeper_init(&s->keeper, false, mono_us());
    backoff_init(&s->backoff, RETRY_MIN_MS, RETRY_MAX_MS, (uint64_t)mono_us());
    pthread_mutex_init(&s->lock, NULL);
    thread_cond_init(&s->changed);
    s->writer = writer_open(&s->options, &s->failure);
    if (!s->writer) {
        (void)err_set(e, s->failure.code, "%s", s->failure.text);
        store_close(s);
        return NULL;
    }
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0) {
        err_set(e, -errno, "eventfd: %s", err_name(errno));
        store_close(s);
        return NULL;
    }
    if (s->failure.code < 0) {
        failed(s);
        return s;
    }
    note(s, 0, NULL);
    s->stats.commits = 0;
    s->more = s->stats.outbox_waiting > 0;
    log_info("store", "database '%s' is open, %lld messages wait for the broker", s->options.path,
            (long long)s->stats.outbox_waiting);
    return s;
}

int store_start(struct store *s, struct queue *events, struct queue *to_bus, struct queue *acks,
        struct beat *beat)
{
    s->events = events;
    s->to_bus = to_bus;
    s->acks = acks;
    s->beat = beat;
    queue_on_put(events, wake, s);
    if (acks)
        queue_on_put(acks, wake, s);
    int r = thread_start(&s->thread, "store", run, s);
    s->started = r == 0;
    return r;
}

void store_stop(struct store *s)
{
    if (s->started)
        queue_close(s->events);
}

int store_drained(struct store *s, int timeout_ms)
{
    struct timespec until = thread_deadline(timeout_ms);
    int r = 0;
    pthread_mutex_lock(&s->lock);
    while (s->started && !s->drained && r == 0)
        r = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    bool drained = s->drained || !s->started;
    pthread_mutex_unlock(&s->lock);
    return drained ? 0 : -ETIMEDOUT;
}

int store_join(struct store *s, int timeout_ms)
{
    if (!s->started)
        return 0;
    store_stop(s);
    if (s->acks)
        queue_close(s->acks);
    int r = thread_join(s->thread, timeout_ms);
    s->started = r != 0;
    return r;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    writer_close(s->writer);
    forget_batch(s);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    desk_free(s->desk);
    free((char *)s->options.path);
    free((char *)s->options.node);
    free(s);
}

void store_set(struct store *s, const struct store_settings *settings)
{
    desk_set(s->desk, settings);
    wake(s);
}

int store_order(struct store *s, const struct store_order *order)
{
    int r = desk_order(s->desk, order);
    wake(s);
    return r;
}

void store_progress(struct store *s, struct store_progress *ret_progress)
{
    desk_progress(s->desk, ret_progress);
}

void store_on_progress(struct store *s, void (*wake_up)(void *arg), void *arg)
{
    desk_on_progress(s->desk, wake_up, arg);
}

void store_on_commit(
        struct store *s, void (*committed)(void *arg, const struct event *ev), void *arg)
{
    s->committed = committed;
    s->committed_arg = arg;
}

void store_stats(struct store *s, struct store_stats *ret_stats)
{
    pthread_mutex_lock(&s->lock);
    *ret_stats = s->stats;
    pthread_mutex_unlock(&s->lock);
}

void store_epoch(struct store *s, char ret_epoch[UUID_TEXT])
{
    pthread_mutex_lock(&s->lock);
    memcpy(ret_epoch, s->epoch, UUID_TEXT);
    pthread_mutex_unlock(&s->lock);
}
