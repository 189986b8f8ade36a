#include "bus/sender.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "bus/board.h"
#include "bus/reason.h"
#include "bus/topic.h"
#include "bus/window.h"
#include "flow/event.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define TOPIC       "bus"
#define IN_FLIGHT   20
#define BOARD_SHARE 10
#define CUTS        2 /* without progress: from then on one packet at a time */

struct sender {
    /* set at birth */
    char *base;
    struct queue *messages, *acks;

    _Atomic uint64_t sent, acked, refused;

    pthread_mutex_t lock; /* a leaf */
    /* protected by lock */
    struct board *board;

    /* owned by the sending thread */
    struct window *window;
    bool greeted;                 /* the whole board has gone out on this connection */
    bool proven;                  /* the broker has taken something on this connection */
    bool messages_first;          /* as long as it has not */
    int message_cuts, board_cuts; /* by the broker, since it last took one, or the whole board */
    int suspects;                 /* in flight at the last cut and not yet taken one by one */
    struct log_limit odd;
};

struct sender *sender_new(const char *base, struct queue *messages, struct queue *acks)
{
    struct sender *s = mem_new(1, sizeof(*s));
    s->base = mem_strdup(base);
    s->messages = messages;
    s->acks = acks;
    pthread_mutex_init(&s->lock, NULL);
    s->board = board_new();
    s->window = window_new();
    return s;
}

void sender_free(struct sender *s)
{
    if (!s)
        return;
    window_free(s->window);
    board_free(s->board);
    pthread_mutex_destroy(&s->lock);
    free(s->base);
    free(s);
}

void sender_set(struct sender *s, const char *topic, const char *payload, bool retained)
{
    char *whole = topic_join(s->base, topic);
    sender_set_at(s, whole, payload, retained);
    free(whole);
}

void sender_again(struct sender *s, const char *beginning)
{
    pthread_mutex_lock(&s->lock);
    board_again(s->board, beginning);
    pthread_mutex_unlock(&s->lock);
}

void sender_set_at(struct sender *s, const char *topic, const char *payload, bool retained)
{
    if (!topic_valid(topic)) {
        log_error(TOPIC, "no topic: '%.100s'", topic);
        return;
    }
    pthread_mutex_lock(&s->lock);
    board_set(s->board, topic, payload, retained);
    pthread_mutex_unlock(&s->lock);
}

void sender_inherit(struct sender *s, struct sender *other)
{
    struct window *mine = s->window;
    s->window = other->window;
    other->window = mine;
    window_cut(s->window);
}

static bool is_cautious(const struct sender *s)
{
    return s->message_cuts >= CUTS || s->board_cuts >= CUTS;
}

/* m is the caller's no more. Its row goes as if it were delivered: a message that nobody takes
 * would hold up all behind it for ever. */
static void set_aside(struct sender *s, struct message *m, const char *why)
{
    s->refused++;
    if (log_due(&s->odd, mono_us()))
        log_error(TOPIC,
                "message %" PRIu64 " for '%.100s' is set aside, receivers see a gap: %s (%u more)",
                m->msg, m->topic, why, s->odd.held_back);
    queue_put(s->acks, m);
}

static void state_refused(struct sender *s, const char *topic, const char *why)
{
    s->refused++;
    log_error(TOPIC, "the broker does not take '%.200s': %s", topic, why);
}

/* Once they go one at a time, one that is taken clears only itself: else the next burst is cut
 * before its answers come, and the one at fault is not found for many connections more. */
static void message_taken(struct sender *s)
{
    if (s->message_cuts < CUTS || --s->suspects <= 0)
        s->message_cuts = 0;
}

/* With the lock held. */
static void board_taken(struct sender *s)
{
    if (s->greeted && board_settled(s->board))
        s->board_cuts = 0;
}

static void board_answered(struct sender *s, int mid, int reason)
{
    char topic[TOPIC_MAX + 1] = "";
    pthread_mutex_lock(&s->lock);
    const char *refused = NULL;
    if (reason)
        refused = board_refused(s->board, mid);
    else
        (void)board_acked(s->board, mid);
    if (refused)
        (void)snprintf(topic, sizeof(topic), "%s", refused);
    board_taken(s);
    pthread_mutex_unlock(&s->lock);
    if (topic[0])
        state_refused(s, topic, reason_puback(reason));
}

int sender_collect(struct sender *s, struct broker *broker, struct err *e)
{
    int reason = 0;
    bool full = false;
    for (int mid; (mid = broker_acked(broker, &reason)) > 0;) {
        if (reason == REASON_QUOTA) {
            full = true; /* it stays in the window */
            continue;
        }
        s->proven = true;
        struct message *m = window_acked(s->window, mid);
        if (!m) {
            board_answered(s, mid, reason);
            continue;
        }
        message_taken(s);
        if (reason) {
            set_aside(s, m, reason_puback(reason));
            continue;
        }
        s->acked++;
        queue_put(s->acks, m);
    }
    return full ? err_set(e, -EDQUOT, "the broker has no room for our messages (quota exceeded)")
                : 0;
}

/* The lock is not held over the network, so the values are copies. */
static int send_board(struct sender *s, struct broker *broker, int64_t now, struct err *e)
{
    int r = 0;
    bool more = true;
    while (more && r == 0) {
        char *topic = NULL, *payload = NULL;
        bool retained = false;
        pthread_mutex_lock(&s->lock);
        int mine = board_in_flight(s->board);
        int most = is_cautious(s) ? 1 : IN_FLIGHT;
        more = mine < BOARD_SHARE && mine + window_in_flight(s->window) < most &&
               board_take(s->board, &topic, &payload, &retained);
        s->greeted |= !more && mine < (is_cautious(s) ? 1 : BOARD_SHARE);
        board_taken(s);
        pthread_mutex_unlock(&s->lock);
        if (!more)
            break;

        int mid = 0;
        r = broker_publish(broker, topic, payload, retained, &mid, e);
        pthread_mutex_lock(&s->lock);
        if (r == 0)
            board_sent(s->board, mid, now);
        else if (r == -EINVAL)
            board_skip(s->board);
        pthread_mutex_unlock(&s->lock);
        if (r == -EINVAL) {
            log_error(TOPIC, "%s", e->text);
            r = 0;
        }
        free(topic);
        free(payload);
    }
    return r;
}

/* As it is sent now, and only as far as the broker keeps up. */
static int send_messages(struct sender *s, struct broker *broker, int64_t now, struct err *e)
{
    void *taken[WINDOW_SIZE];
    size_t n = queue_take(s->messages, taken, (size_t)window_room(s->window), 0);
    for (size_t i = 0; i < n; i++)
        window_add(s->window, taken[i]);

    pthread_mutex_lock(&s->lock);
    int room = (is_cautious(s) ? 1 : IN_FLIGHT) - board_in_flight(s->board) -
               window_in_flight(s->window);
    pthread_mutex_unlock(&s->lock);
    const struct message *m;
    while (room > 0 && (m = window_next(s->window))) {
        int64_t wall = mono_wall_us();
        char *json =
                event_json_send(m->json, m->msg, wall, message_replayed(m, wall, mono_boot_us()));
        char *topic = topic_join(s->base, m->topic);
        int mid = 0;
        int r = !json                 ? err_set(e, -EINVAL, "its text in the database is damaged")
                : !topic_valid(topic) ? err_set(e, -EINVAL, "its topic in the database is damaged")
                                      : broker_publish(broker, topic, json, false, &mid, e);
        free(topic);
        free(json);
        if (r == -EINVAL) {
            set_aside(s, window_skip(s->window), e->text);
            continue;
        }
        if (r < 0)
            return r;
        window_sent(s->window, mid, now);
        s->sent++;
        room--;
    }
    return 0;
}

int sender_send(
        struct sender *s, struct broker *broker, bool messages, int64_t now_us, struct err *e)
{
    struct err own = {0};
    e = e ? e : &own; /* its words are also for the log */
    bool first = s->messages_first && !s->proven && messages && sender_left(s) > 0;
    int r = first ? 0 : send_board(s, broker, now_us, e);
    if (r == 0 && messages && (s->greeted || first))
        r = send_messages(s, broker, now_us, e);
    return r;
}

/*
 * It hung up on the first packet of a connection, which says nothing about the packet: a broker
 * that dies as soon as it is asked for anything, and is started again and again, does so with each.
 * The next connection begins with another one, and what the broker takes then is the proof.
 */
static void turn_round(struct sender *s)
{
    pthread_mutex_lock(&s->lock);
    int state = board_any_in_flight(s->board);
    if (state)
        board_defer(s->board, state);
    pthread_mutex_unlock(&s->lock);
    s->messages_first = state != 0;
}

/* The broker hung up while these many packets waited for its answer. True: one was set aside. */
static bool learn_from_cut(struct sender *s, int messages, int states)
{
    static const char why[] = "the broker closes the connection whenever it comes";
    bool alone = is_cautious(s) && messages + states == 1;
    if (alone && !s->proven)
        turn_round(s);
    if (alone && s->proven) {
        if (messages) {
            window_cut(s->window);
            set_aside(s, window_skip(s->window), why);
            s->message_cuts = 0;
        } else {
            char topic[TOPIC_MAX + 1];
            pthread_mutex_lock(&s->lock);
            const char *state = board_refused(s->board, board_any_in_flight(s->board));
            (void)snprintf(topic, sizeof(topic), "%s", state ? state : "");
            pthread_mutex_unlock(&s->lock);
            if (!state) /* the connection broke before it was under way */
                return false;
            state_refused(s, topic, why);
            s->board_cuts = 0;
        }
        return true;
    }
    s->message_cuts += messages > 0;
    s->suspects = messages;
    s->board_cuts += states > 0;
    return false;
}

bool sender_cut(struct sender *s, bool hung_up)
{
    pthread_mutex_lock(&s->lock);
    int states = board_in_flight(s->board);
    pthread_mutex_unlock(&s->lock);
    int messages = window_in_flight(s->window);
    bool known = hung_up && messages + states > 0 && learn_from_cut(s, messages, states);
    s->greeted = s->proven = false;
    window_cut(s->window);
    pthread_mutex_lock(&s->lock);
    board_cut(s->board);
    pthread_mutex_unlock(&s->lock);
    return known;
}

bool sender_settled(struct sender *s)
{
    pthread_mutex_lock(&s->lock);
    bool settled = board_settled(s->board);
    pthread_mutex_unlock(&s->lock);
    return settled;
}

size_t sender_left(struct sender *s)
{
    return (size_t)(WINDOW_SIZE - window_room(s->window)) + queue_length(s->messages);
}

int64_t sender_waits_since(struct sender *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t board = board_waits_since(s->board);
    pthread_mutex_unlock(&s->lock);
    int64_t window = window_waits_since(s->window);
    return window < board ? window : board;
}

void sender_counts(struct sender *s, struct sender_counts *ret)
{
    ret->acked = atomic_load(&s->acked);
    ret->refused = atomic_load(&s->refused);
    ret->sent = atomic_load(&s->sent);
}
