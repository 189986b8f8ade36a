/* needs: bus/sender bus/board bus/window bus/topic bus/reason flow/queue flow/message flow/event flow/face flow/age base/err base/mem base/log base/redact base/url base/mono base/thread base/when base/uuid fake:broker base/utf8 */
#include "../fakes/fake_broker.h"
#include "base/mono.h"
#include "bus/sender.h"
#include "flow/message.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CAPACITY 256

struct rig {
    struct queue *messages, *acks;
    struct sender *sender;
    struct broker *broker;
};

static struct rig begin(void)
{
    memset(&fake_broker, 0, sizeof(fake_broker));
    struct rig r;
    r.messages = queue_new(CAPACITY, message_free, NULL, NULL);
    r.acks = queue_new(CAPACITY + 20, message_free, NULL, NULL);
    r.sender = sender_new("faced/n", r.messages, r.acks);
    r.broker = broker_new(NULL);
    sender_set(r.sender, "status", "online", true);
    return r;
}

static void end(struct rig *r)
{
    sender_free(r->sender);
    broker_free(r->broker);
    queue_free(r->messages);
    queue_free(r->acks);
}

static void connect_to(struct rig *r)
{
    assert_int_equal(broker_open(r->broker, 0, NULL), 0);
    assert_int_equal(broker_service(r->broker, POLLIN, 0, NULL), 0);
}

static void put(struct rig *r, uint64_t number, const char *topic, const char *json, int64_t age_us)
{
    struct message *m = message_new((int64_t)number, number, topic, json);
    m->decided_us = mono_wall_us() - age_us;
    m->decided_boot_us = mono_boot_us() - age_us;
    queue_put(r->messages, m);
}

static void put_plain(struct rig *r, uint64_t number)
{
    char topic[32];
    (void)snprintf(topic, sizeof(topic), "m/%llu", (unsigned long long)number);
    put(r, number, topic, "{\"msg\":0,\"published\":null,\"replayed\":false}", 0);
}

static int withhold(void *arg, const struct fake_sent *s)
{
    (void)arg;
    (void)s;
    return FAKE_WITHHOLD;
}

/* Eleven seconds on the boot's clock later it says so, and nothing else but that has changed. */
static void sent_late_is_marked(void **state)
{
    (void)state;
    struct rig r = begin();
    put(&r, 1, "door/faces", "{\"v\":1,\"msg\":0,\"published\":null,\"replayed\":false,\"x\":0.93}",
            9 * MONO_SECOND);
    put(&r, 2, "door/faces", "{\"v\":1,\"msg\":0,\"published\":null,\"replayed\":false,\"x\":0.93}",
            11 * MONO_SECOND);
    connect_to(&r);
    assert_int_equal(sender_send(r.sender, r.broker, true, 0, NULL), 0);
    assert_int_equal(fake_broker.n, 3);
    const char *fresh = fake_broker.sent[1].payload, *late = fake_broker.sent[2].payload;
    assert_non_null(strstr(fresh, "\"replayed\":false"));
    assert_non_null(strstr(late, "\"replayed\":true"));
    assert_non_null(strstr(fresh, "{\"v\":1,\"msg\":1,\"published\":\"20"));
    assert_non_null(strstr(late, "{\"v\":1,\"msg\":2,\"published\":\"20"));
    assert_string_equal(fake_broker.sent[1].topic, "faced/n/door/faces");
    end(&r);
}

static void the_board_comes_first(void **state)
{
    (void)state;
    struct rig r = begin();
    char topic[32];
    for (int i = 0; i < 30; i++) {
        (void)snprintf(topic, sizeof(topic), "c%d/count", i);
        sender_set(r.sender, topic, "1", true);
        put_plain(&r, (uint64_t)i + 1);
    }
    connect_to(&r);
    while (fake_broker.n < 61) {
        assert_int_equal(sender_send(r.sender, r.broker, true, 0, NULL), 0);
        assert_int_equal(broker_service(r.broker, POLLIN, 0, NULL), 0);
        assert_int_equal(sender_collect(r.sender, r.broker, NULL), 0);
    }
    assert_string_equal(fake_broker.sent[0].topic, "faced/n/status");
    for (int i = 0; i < 61; i++)
        assert_int_equal(fake_broker.sent[i].retained, i < 31);
    assert_true(sender_settled(r.sender));
    assert_int_equal(sender_left(r.sender), 0);
    end(&r);
}

static void states_leave_half_of_the_line(void **state)
{
    (void)state;
    struct rig r = begin();
    fake_broker.verdict = withhold;
    connect_to(&r);
    assert_int_equal(sender_send(r.sender, r.broker, true, 0, NULL), 0); /* the status: greeted */
    char topic[32];
    for (int i = 0; i < 30; i++) {
        (void)snprintf(topic, sizeof(topic), "c%d/count", i);
        sender_set(r.sender, topic, "1", true);
        put_plain(&r, (uint64_t)i + 1);
    }
    assert_int_equal(sender_send(r.sender, r.broker, true, 5, NULL), 0);
    int kept = 0;
    for (int i = 0; i < fake_broker.n; i++)
        kept += fake_broker.sent[i].retained;
    assert_int_equal(fake_broker.n, 20);
    assert_int_equal(kept, 10);
    assert_int_equal(sender_left(r.sender), 30);
    assert_int_equal(sender_waits_since(r.sender), 0);
    end(&r);
}

static int no_bad_ones(void *arg, const struct fake_sent *s)
{
    (void)arg;
    return strstr(s->topic, "bad") ? FAKE_INVALID : FAKE_ACK;
}

/* What cannot be sent does not stop what comes behind it. */
static void damaged_rows_are_passed_over(void **state)
{
    (void)state;
    struct rig r = begin();
    fake_broker.verdict = no_bad_ones;
    put(&r, 1, "door/faces", "no JSON", 0);
    put(&r, 2, "do+or/faces", "{\"msg\":0}", 0);
    put(&r, 3, "bad/faces", "{\"msg\":0}", 0);
    put(&r, 4, "", "{\"msg\":0}", 0);
    put_plain(&r, 5);
    sender_set(r.sender, "bad/count", "1", true);
    sender_set(r.sender, "#", "1", true);
    connect_to(&r);
    assert_int_equal(sender_send(r.sender, r.broker, true, 0, NULL), 0);
    assert_int_equal(broker_service(r.broker, POLLIN, 0, NULL), 0);
    assert_int_equal(sender_collect(r.sender, r.broker, NULL), 0);
    assert_int_equal(fake_broker.n, 2);
    assert_string_equal(fake_broker.sent[1].topic, "faced/n/m/5");
    assert_int_equal(queue_length(r.acks), 5);
    assert_true(sender_settled(r.sender));
    end(&r);
}

struct chance {
    unsigned seed;
    int last[2000]; /* number sent last on each connection */
};

static int by_chance(void *arg, const struct fake_sent *s)
{
    struct chance *c = arg;
    unsigned long number = 0;
    if (sscanf(s->topic, "faced/n/m/%lu", &number) == 1) {
        /* In order, and once on one connection. */
        assert_true((int)number > c->last[s->connection]);
        c->last[s->connection] = (int)number;
    }
    int draw = rand_r(&c->seed) % 1000;
    return draw < 4 ? FAKE_BREAK : draw < 10 ? FAKE_WITHHOLD : FAKE_ACK;
}

/* Whatever the broker withholds and whenever it breaks: each message comes back exactly once, what
 * was acknowledged is never sent again, and never are more than 20 in flight. */
static void random_life(void **state)
{
    (void)state;
    enum {
        N = 5000
    };
    static struct chance c;
    static bool back[N + 1];
    const char *given = getenv("SEED");
    c.seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", c.seed);
    struct rig r = begin();
    fake_broker.verdict = by_chance;
    fake_broker.arg = &c;
    uint64_t made = 0, n_back = 0;
    int idle = 0;
    while (n_back < N) {
        while (made < N && queue_length(r.messages) < CAPACITY)
            put_plain(&r, ++made);
        if (broker_state(r.broker) == BROKER_DOWN)
            connect_to(&r);
        if (rand_r(&c.seed) % 20 == 0)
            sender_set(r.sender, "door/count", rand_r(&c.seed) % 2 ? "1" : "2", true);
        int down = sender_send(r.sender, r.broker, true, 0, NULL);
        if (down == 0 && rand_r(&c.seed) % 2)
            down = broker_service(r.broker, POLLIN, 0, NULL);
        assert_int_equal(sender_collect(r.sender, r.broker, NULL), 0);
        void *item;
        bool moved = false;
        while (queue_take(r.acks, &item, 1, 0)) {
            struct message *m = item;
            assert_false(back[m->msg]);
            back[m->msg] = moved = true;
            n_back++;
            message_free(m);
        }
        /* All that is left was withheld: the bus would lose its patience. */
        idle = moved ? 0 : idle + 1;
        if (idle > 30)
            broker_close(r.broker);
        if (down < 0 || idle > 30) {
            sender_cut(r.sender, false);
            idle = 0;
        }
    }
    struct sender_counts counts;
    sender_counts(r.sender, &counts);
    print_message("%d connections, %llu sent\n", fake_broker.connections,
            (unsigned long long)counts.sent);
    assert_int_equal(counts.acked, N);
    assert_int_equal(counts.refused, 0);
    assert_in_range(counts.sent, N, N + 20 * (uint64_t)fake_broker.connections);
    assert_in_range(fake_broker.most_in_flight, 2, 20);
    assert_int_equal(sender_left(r.sender), 0);
    end(&r);
}

/* What the broker does with the message or state of this topic. */
struct grudge {
    const char *topic;
    int verdict;
};

static int by_grudge(void *arg, const struct fake_sent *s)
{
    const struct grudge *g = arg;
    return strcmp(s->topic, g->topic) == 0 ? g->verdict : FAKE_ACK;
}

/* Lives until all is answered; how many connections that took. */
static int live(struct rig *r, int most)
{
    for (int i = 0; i < 1000 && fake_broker.connections <= most; i++) {
        if (broker_state(r->broker) == BROKER_DOWN)
            connect_to(r);
        int down = sender_send(r->sender, r->broker, true, 0, NULL);
        if (down == 0)
            down = broker_service(r->broker, POLLIN, 0, NULL);
        assert_int_equal(sender_collect(r->sender, r->broker, NULL), 0);
        if (down < 0)
            sender_cut(r->sender, true);
        else if (sender_left(r->sender) == 0 && sender_settled(r->sender))
            break;
    }
    return fake_broker.connections;
}

static int acks_of(struct rig *r)
{
    int n = 0;
    void *item;
    while (queue_take(r->acks, &item, 1, 0)) {
        message_free(item);
        n++;
    }
    return n;
}

static struct sender_counts counts_of(struct rig *r)
{
    struct sender_counts counts;
    sender_counts(r->sender, &counts);
    return counts;
}

static void a_refused_message_is_set_aside(void **state)
{
    (void)state;
    struct rig r = begin();
    struct grudge g = {"faced/n/m/3", FAKE_REFUSE};
    fake_broker.verdict = by_grudge;
    fake_broker.arg = &g;
    for (uint64_t i = 1; i <= 8; i++)
        put_plain(&r, i);
    assert_int_equal(live(&r, 5), 1);
    assert_int_equal(acks_of(&r), 8); /* its row goes as well */
    assert_int_equal(counts_of(&r).acked, 7);
    assert_int_equal(counts_of(&r).refused, 1);
    end(&r);
}

/* Two cuts without progress, then one packet at a time, and the third cut tells which. */
static void a_message_at_which_it_cuts_is_found(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 16; run++) {
        uint64_t at = run / 2 + 1;
        struct rig r = begin();
        char topic[32];
        (void)snprintf(topic, sizeof(topic), "faced/n/m/%d", (int)at);
        /* Whether or not what was acknowledged before it gets through. */
        struct grudge g = {topic, run % 2 ? FAKE_CUT : FAKE_RESET};
        fake_broker.verdict = by_grudge;
        fake_broker.arg = &g;
        for (uint64_t i = 1; i <= 8; i++)
            put_plain(&r, i);
        /* Those before it are acknowledged on the way, which is progress. */
        assert_in_range(live(&r, 10), 4, 5);
        assert_int_equal(acks_of(&r), 8);
        assert_int_equal(counts_of(&r).acked, 7);
        assert_int_equal(counts_of(&r).refused, 1);
        /* And then everything is as it was. */
        g.verdict = FAKE_ACK;
        fake_broker.most_in_flight = 0;
        for (uint64_t i = 1; i <= 8; i++)
            put_plain(&r, 10 + i);
        live(&r, 10);
        assert_true(fake_broker.most_in_flight > 1);
        assert_int_equal(counts_of(&r).refused, 1);
        end(&r);
    }
}

static void a_state_that_is_refused_holds_up_nobody(void **state)
{
    (void)state;
    static const int verdicts[] = {FAKE_REFUSE, FAKE_CUT};
    for (int k = 0; k < 2; k++) {
        struct rig r = begin();
        struct grudge g = {"faced/n/door/count", verdicts[k]};
        fake_broker.verdict = by_grudge;
        fake_broker.arg = &g;
        sender_set(r.sender, "door/count", "1", true);
        sender_set(r.sender, "hall/count", "2", true);
        put_plain(&r, 1);
        assert_in_range(live(&r, 10), 1, 4);
        assert_int_equal(acks_of(&r), 1);
        assert_int_equal(counts_of(&r).refused, 1);
        int sent = fake_broker.n;
        broker_close(r.broker);
        sender_cut(r.sender, true);
        live(&r, 20);
        for (int i = sent; i < fake_broker.n; i++)
            assert_string_not_equal(fake_broker.sent[i].topic, g.topic); /* on no connection */
        sender_set(r.sender, "door/count", "0", true); /* but another value may be taken */
        g.verdict = FAKE_ACK;
        live(&r, 20);
        assert_string_equal(fake_broker.sent[fake_broker.n - 1].topic, g.topic);
        end(&r);
    }
}

struct crash_loop {
    int until; /* this connection */
};

static int by_crash_loop(void *arg, const struct fake_sent *s)
{
    const struct crash_loop *l = arg;
    return s->connection < l->until ? FAKE_CUT : FAKE_ACK;
}

/* A broker that dies at whatever it is sent, and is started again and again, costs nothing: neither
 * a message nor what is true now. */
static void a_broker_that_cuts_at_everything_is_given_nothing_up_for(void **state)
{
    (void)state;
    for (int states = 0; states < 3; states++) {
        for (int until = 2; until < 30; until++) {
            struct rig r = begin();
            struct crash_loop l = {until};
            fake_broker.verdict = by_crash_loop;
            fake_broker.arg = &l;
            for (int i = 0; i < states; i++)
                sender_set(r.sender, i ? "door/count" : "door/status", "1", true);
            for (uint64_t i = 1; i <= 8; i++)
                put_plain(&r, i);
            assert_int_equal(live(&r, until), until);
            assert_int_equal(acks_of(&r), 8);
            assert_int_equal(counts_of(&r).acked, 8);
            assert_int_equal(counts_of(&r).refused, 0);
            int told = 0, number = 0;
            for (int i = 0; i < fake_broker.n; i++) {
                const struct fake_sent *s = &fake_broker.sent[i];
                int of = 0;
                if (s->connection == until && sscanf(s->topic, "faced/n/m/%d", &of) == 1)
                    assert_int_equal(of, ++number);
                else
                    told += s->connection == until;
            }
            assert_int_equal(told, 1 + states);
            end(&r);
        }
    }
}

/* It may be the first of all, too: another one is the proof, and holds up nobody until it comes. */
static void a_state_at_the_head_is_found(void **state)
{
    (void)state;
    for (int message = 0; message < 2; message++) {
        struct rig r = begin();
        struct grudge g = {"faced/n/status", FAKE_CUT};
        fake_broker.verdict = by_grudge;
        fake_broker.arg = &g;
        live(&r, 10);
        assert_int_equal(counts_of(&r).refused, 0);
        int before = fake_broker.connections;
        if (message)
            put_plain(&r, 1);
        else
            sender_set(r.sender, "door/count", "1", true);
        assert_in_range(live(&r, before + 4), before, before + 3);
        assert_int_equal(acks_of(&r), message);
        assert_int_equal(counts_of(&r).refused, 1);
        assert_true(sender_settled(r.sender));
        end(&r);
    }
}

/* A broker that is away, and one that falls silent, say nothing about any message. */
static void other_ends_blame_nobody(void **state)
{
    (void)state;
    struct rig r = begin();
    fake_broker.verdict = withhold;
    for (uint64_t i = 1; i <= 8; i++)
        put_plain(&r, i);
    for (int i = 0; i < 10; i++) {
        connect_to(&r);
        assert_int_equal(sender_send(r.sender, r.broker, true, 0, NULL), 0);
        broker_close(r.broker);
        sender_cut(r.sender, false);
    }
    fake_broker.verdict = NULL;
    live(&r, 100);
    assert_int_equal(acks_of(&r), 8);
    assert_int_equal(counts_of(&r).acked, 8);
    assert_int_equal(counts_of(&r).refused, 0);
    end(&r);
}

/* Another bus begins with what this one has not delivered, in order. */
static void inherited(void **state)
{
    (void)state;
    struct rig r = begin();
    fake_broker.verdict = withhold;
    for (uint64_t i = 1; i <= 40; i++)
        put_plain(&r, i);
    connect_to(&r);
    assert_int_equal(sender_send(r.sender, r.broker, true, 0, NULL), 0);
    broker_close(r.broker);
    sender_cut(r.sender, false);
    struct sender *heir = sender_new("other/n", r.messages, r.acks);
    sender_inherit(heir, r.sender);
    assert_int_equal(sender_left(heir), 40);
    sender_free(r.sender);
    r.sender = heir;
    fake_broker.verdict = NULL;
    fake_broker.n = 0;
    live(&r, 100);
    assert_int_equal(acks_of(&r), 40);
    for (int i = 0; i < 40; i++) {
        char topic[32];
        (void)snprintf(topic, sizeof(topic), "other/n/m/%d", i + 1);
        assert_string_equal(fake_broker.sent[i].topic, topic);
    }
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(sent_late_is_marked),
            cmocka_unit_test(the_board_comes_first),
            cmocka_unit_test(states_leave_half_of_the_line),
            cmocka_unit_test(damaged_rows_are_passed_over),
            cmocka_unit_test(random_life),
            cmocka_unit_test(a_refused_message_is_set_aside),
            cmocka_unit_test(a_message_at_which_it_cuts_is_found),
            cmocka_unit_test(a_state_that_is_refused_holds_up_nobody),
            cmocka_unit_test(a_broker_that_cuts_at_everything_is_given_nothing_up_for),
            cmocka_unit_test(a_state_at_the_head_is_found),
            cmocka_unit_test(other_ends_blame_nobody),
            cmocka_unit_test(inherited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
