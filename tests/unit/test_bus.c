/* needs: bus/bus bus/sender bus/board bus/window bus/topic bus/reason bus/discovery flow/queue flow/message flow/event flow/face flow/age base/err base/mem base/log base/redact base/url base/mono base/thread base/backoff base/when base/uuid fake:broker base/utf8 */
#include "../fakes/fake_broker.h"
#include "base/mono.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "flow/message.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_MS 30000

struct rig {
    struct conf_mqtt conf;
    struct conf_broker brokers[2];
    struct queue *messages, *acks, *commands;
    struct beat beat;
    struct bus *bus;
};

static void begin(struct rig *r, const char *prefix)
{
    memset(&fake_broker, 0, sizeof(fake_broker));
    *r = (struct rig){
            .conf = {.n_brokers = 1, .prefix = (char *)prefix, .client_id = (char *)"faced-n"},
            .brokers = {{.host = (char *)"127.0.0.1",
                                .port = 1,
                                .url_shown = (char *)"mqtt://127.0.0.1:1"},
                    {.host = (char *)"127.0.0.1",
                            .port = 2,
                            .url_shown = (char *)"mqtt://127.0.0.1:2"}}};
    r->conf.brokers = r->brokers;
    r->messages = queue_new(256, message_free, NULL, NULL);
    r->acks = queue_new(276, message_free, NULL, NULL);
    r->commands = queue_new(2, free, command_squeeze, NULL);
    r->bus = bus_new(&r->conf, "n", r->messages, r->acks, r->commands, &r->beat, NULL);
    queue_on_put(r->messages, bus_ring, r->bus);
}

static void end(struct rig *r)
{
    bus_free(r->bus);
    queue_free(r->messages);
    queue_free(r->acks);
    queue_free(r->commands);
}

static void put(struct rig *r, uint64_t number)
{
    struct message *m = message_new((int64_t)number, number, "door/faces",
            "{\"msg\":0,\"published\":null,\"replayed\":false}");
    m->decided_boot_us = mono_boot_us();
    queue_put(r->messages, m);
}

/* Waits for one acknowledgement; its number. */
static uint64_t take_ack(struct rig *r)
{
    void *item = NULL;
    assert_int_equal(queue_take(r->acks, &item, 1, PATIENCE_MS), 1);
    uint64_t number = ((struct message *)item)->msg;
    message_free(item);
    return number;
}

static void *set_states(void *arg)
{
    struct rig *r = arg;
    char value[16];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(value, sizeof(value), "%d", i);
        bus_state(r->bus, "door/count", value);
        bus_news(r->bus, "stats", value);
    }
    return NULL;
}

static int break_now_and_then(void *arg, const struct fake_sent *s)
{
    int *left = arg;
    if (s->retained || --*left)
        return FAKE_ACK;
    return FAKE_BREAK;
}

static void everything_arrives_from_any_thread(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, "faced");
    int until_break = 150;
    fake_broker.verdict = break_now_and_then;
    fake_broker.arg = &until_break;
    fake_broker.refuse = 1;
    assert_int_equal(bus_start(r.bus, NULL), 0);
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(thread_start(&t[i], "states", set_states, &r), 0);
    for (uint64_t i = 1; i <= 256; i++)
        put(&r, i);
    for (uint64_t i = 1; i <= 256; i++)
        assert_int_equal(take_ack(&r), i);
    for (int i = 0; i < 2; i++)
        assert_int_equal(thread_join(t[i], PATIENCE_MS), 0);
    struct bus_stats s;
    bus_stats(r.bus, &s);
    assert_true(s.connected);
    assert_int_equal(s.acked, 256);
    assert_int_equal(s.connections, 2);
    assert_true(strstr(s.error, "another client use the id 'faced-n'") != NULL);

    bus_stop(r.bus);
    assert_int_equal(bus_join(r.bus, PATIENCE_MS), 0);
    assert_true(fake_broker.left);
    assert_in_range(fake_broker.most_in_flight, 1, 20);
    const char *count = NULL;
    for (int i = 0; i < fake_broker.n; i++) {
        if (strcmp(fake_broker.sent[i].topic, "faced/n/door/count") == 0)
            count = fake_broker.sent[i].payload;
    }
    assert_string_equal(count, "499");
    const struct fake_sent *last = &fake_broker.sent[fake_broker.n - 1];
    assert_string_equal(last->topic, "faced/n/status");
    assert_string_equal(last->payload, "offline");
    bus_stats(r.bus, &s);
    assert_false(s.connected);
    end(&r);
}

static void a_stop_sends_what_waits(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, "faced");
    bus_state(r.bus, "door/status", "online");
    assert_int_equal(bus_start(r.bus, NULL), 0);
    put(&r, 1);
    assert_int_equal(take_ack(&r), 1);
    for (uint64_t i = 2; i <= 200; i++)
        put(&r, i);
    bus_state(r.bus, "door/status", "offline");
    bus_stop(r.bus);
    assert_int_equal(bus_join(r.bus, PATIENCE_MS), 0);
    assert_int_equal(queue_length(r.acks), 199);
    assert_string_equal(fake_broker.sent[fake_broker.n - 1].payload, "offline");
    end(&r);
}

static void a_stop_without_a_broker_does_not_wait(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, "faced");
    fake_broker.refuse = 1000;
    assert_int_equal(bus_start(r.bus, NULL), 0);
    put(&r, 1);
    bus_stop(r.bus);
    assert_int_equal(bus_join(r.bus, PATIENCE_MS), 0);
    assert_int_equal(queue_length(r.messages), 1);
    assert_false(fake_broker.left);
    end(&r);
}

static void a_prefix_that_is_no_topic(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a/#", "+", "$SYS", "/x", "a//b", "\xff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rig r;
        struct err e = {0};
        begin(&r, bad[i]);
        assert_int_equal(bus_start(r.bus, &e), -EINVAL);
        assert_non_null(strstr(e.text, "mqtt.prefix"));
        assert_int_equal(bus_join(r.bus, 0), 0);
        end(&r);
    }
    bus_free(NULL);
}

static void the_oldest_command_goes(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, "faced");
    for (int i = 0; i < 3; i++) {
        struct command *c = calloc(1, sizeof(*c));
        assert_non_null(c);
        (void)snprintf(c->camera, sizeof(c->camera), "c%d", i);
        assert_true(queue_put(r.commands, c));
    }
    void *items[3];
    assert_int_equal(queue_take(r.commands, items, 3, 0), 2);
    assert_string_equal(((struct command *)items[0])->camera, "c1");
    assert_string_equal(((struct command *)items[1])->camera, "c2");
    free(items[0]);
    free(items[1]);
    assert_int_equal(command_squeeze(NULL, 0, NULL), 0);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(everything_arrives_from_any_thread),
            cmocka_unit_test(a_stop_sends_what_waits),
            cmocka_unit_test(a_stop_without_a_broker_does_not_wait),
            cmocka_unit_test(a_prefix_that_is_no_topic),
            cmocka_unit_test(the_oldest_command_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
