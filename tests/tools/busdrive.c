/* needs: bus/bus bus/sender bus/broker bus/board bus/window bus/topic flow/queue flow/message flow/event flow/face flow/age base/err base/mem base/log base/redact base/url base/mono base/thread base/backoff base/when base/uuid base/utf8 */

/*
 * The bus alone against a broker, for tests/integration/test_bus.py: this program is the store and
 * the app for it.
 *
 *     busdrive PORT [USERNAME PASSWORD]
 *
 * In the environment: BUS_HOST, BUS_KEEPALIVE, BUS_ACK_MS; BUS_NODE instead of "test"; BUS_PAD: by
 * how many bytes each message is longer; BUS_NEXT: the port of a second broker.
 *
 * Commands come in lines: "send N [PER_SECOND]" (messages with rising numbers, each to the topic
 * door/NUMBER), "state TOPIC PAYLOAD", "clear TOPIC", "news TOPIC PAYLOAD", "stats", "stop".
 * It prints "ack NUMBER", "command CAMERA ON|OFF", "stats ..." and "stopped".
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/redact.h"
#include "bus/bus.h"
#include "flow/message.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CAPACITY 256

struct drive {
    struct queue *messages, *acks, *commands;
    struct bus *bus;
    uint64_t last;      /* number of the last message made */
    uint64_t wanted;    /* and of the last to be made */
    int64_t step_us;    /* between two of them */
    int64_t next_us;    /* when the next is due */
    uint64_t delivered; /* acknowledged */
    int pad;            /* bytes that make a message as long as faced's */
    int wake;
};

static void ring(void *arg)
{
    struct drive *d = arg;
    uint64_t one = 1;
    (void)!write(d->wake, &one, sizeof(one));
}

static struct message *make(const struct drive *d, uint64_t number)
{
    char *topic = mem_format("door/%" PRIu64, number);
    char *json =
            mem_format("{\"v\":1,\"type\":\"end\",\"epoch\":\"e\",\"msg\":0,\"camera\":\"door\","
                       "\"number\":%" PRIu64 ",\"published\":null,\"replayed\":false,"
                       "\"pad\":\"%0*d\",\"face\":{\"box\":[0.41,0.22,0.06,0.11],\"score\":0.93}}",
                    number, d->pad, 0);
    struct message *m = message_new((int64_t)number, number, topic, json);
    m->decided_us = mono_wall_us();
    m->decided_boot_us = mono_boot_us();
    free(topic);
    free(json);
    return m;
}

/* Like the store: never more in the line than it holds. Returns how long to wait for the next. */
static int feed(struct drive *d)
{
    while (d->last < d->wanted && queue_length(d->messages) < CAPACITY) {
        int64_t wait_us = d->step_us ? d->next_us - mono_us() : 0;
        if (wait_us > 0)
            return (int)(wait_us / 1000) + 1;
        d->next_us += d->step_us;
        queue_put(d->messages, make(d, ++d->last));
    }
    return -1;
}

static void report(struct drive *d)
{
    void *items[64];
    for (size_t n; (n = queue_take(d->acks, items, 64, 0)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            struct message *m = items[i];
            d->delivered++;
            printf("ack %" PRIu64 "\n", m->msg);
            message_free(m);
        }
    }
    for (size_t n; (n = queue_take(d->commands, items, 64, 0)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            struct command *c = items[i];
            printf("command %s %s\n", c->camera, c->enabled ? "ON" : "OFF");
            free(c);
        }
    }
    fflush(stdout);
}

/* false: it is the end. */
static bool obey(struct drive *d, char *line)
{
    char word[16] = "", topic[128] = "", payload[256] = "";
    unsigned long number = 0, rate = 0;
    if (sscanf(line, "send %lu %lu", &number, &rate) >= 1) {
        d->wanted += number;
        d->step_us = rate ? MONO_SECOND / (int64_t)rate : 0;
        d->next_us = mono_us();
        (void)feed(d); /* a stop may be the next command */
        return true;
    }
    int n = sscanf(line, "%15s %127s %255s", word, topic, payload);
    if (n == 3 && strcmp(word, "state") == 0)
        bus_state(d->bus, topic, payload);
    else if (n == 2 && strcmp(word, "clear") == 0)
        bus_state(d->bus, topic, NULL);
    else if (n == 3 && strcmp(word, "news") == 0)
        bus_news(d->bus, topic, payload);
    else if (strcmp(word, "stats") == 0) {
        struct bus_stats s;
        bus_stats(d->bus, &s);
        printf("stats connected=%d sent=%" PRIu64 " acked=%" PRIu64 " connections=%" PRIu64
               " error=%s\n",
                s.connected, s.sent, s.acked, s.connections, s.error);
        printf("more version=%s tls=%d taken_over=%d refused=%" PRIu64 " url=%s\n",
                s.version_5 ? "5" : "3.1.1", s.tls, s.taken_over, s.refused, s.url);
        fflush(stdout);
    }
    return strcmp(word, "stop") != 0;
}

/* Reads what there is and obeys whole lines; false: it is the end. */
static bool listen_to(struct drive *d)
{
    static char text[4096];
    static size_t n;
    ssize_t got = read(STDIN_FILENO, text + n, sizeof(text) - n - 1);
    if (got <= 0)
        return false;
    n += (size_t)got;
    text[n] = 0;
    bool more = true;
    for (char *end; more && (end = strchr(text, '\n'));) {
        *end = 0;
        more = obey(d, text);
        n -= (size_t)(end + 1 - text);
        memmove(text, end + 1, n + 1);
    }
    return more && n < sizeof(text) - 1;
}

static void work(struct drive *d)
{
    struct pollfd fds[] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = d->wake, .events = POLLIN},
    };
    for (bool more = true; more;) {
        int timeout = feed(d);
        if (poll(fds, 2, timeout) < 0)
            break;
        uint64_t rung;
        if (fds[1].revents)
            (void)!read(d->wake, &rung, sizeof(rung));
        report(d);
        more = !fds[0].revents || listen_to(d);
    }
}

static int number_from(const char *variable)
{
    const char *text = getenv(variable);
    return text ? atoi(text) : 0;
}

static enum mqtt_version version_named(const char *name)
{
    return !name || strcmp(name, "auto") == 0 ? MQTT_AUTO
           : strcmp(name, "5") == 0           ? MQTT_5
                                              : MQTT_3_1_1;
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: busdrive PORT [USERNAME PASSWORD]\n");
        return 2;
    }
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGTERM);
    sigdelset(&all, SIGINT);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    log_open(LEVEL_INFO);

    const char *node = getenv("BUS_NODE") ? getenv("BUS_NODE") : "test";
    char *client_id = mem_format("faced-%s", node);
    const char *host = getenv("BUS_HOST") ? getenv("BUS_HOST") : "127.0.0.1";
    bool tls = getenv("BUS_CA") || getenv("BUS_TLS");
    char *url = mem_format("mqtt%s://%s:%s", tls ? "s" : "", host, argv[1]);
    int next = number_from("BUS_NEXT");
    struct conf_broker at[] = {
            {.host = (char *)host, .port = atoi(argv[1]), .tls = tls, .url_shown = url},
            {.host = (char *)host, .port = next, .tls = tls, .url_shown = (char *)"mqtt://next"}};
    struct conf_mqtt conf = {.configured = true,
            .n_brokers = next ? 2 : 1,
            .brokers = at,
            .version = version_named(getenv("BUS_VERSION")),
            .ca_file = getenv("BUS_CA"),
            .cert_file = getenv("BUS_CERT"),
            .key_file = getenv("BUS_KEY"),
            .prefix = (char *)"faced",
            .client_id = client_id,
            .username = argc == 4 ? argv[2] : NULL,
            .password = argc == 4 ? argv[3] : NULL};
    if (conf.password)
        redact_add(conf.password);
    struct bus_options options = {
            .keepalive_s = number_from("BUS_KEEPALIVE"), .ack_ms = number_from("BUS_ACK_MS")};
    struct beat beat = {0};
    struct drive d = {
            .pad = number_from("BUS_PAD"), .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    d.messages = queue_new(CAPACITY, message_free, NULL, NULL);
    d.acks = queue_new(CAPACITY + 20, message_free, NULL, NULL);
    d.commands = queue_new(64, free, command_squeeze, NULL);
    queue_on_put(d.acks, ring, &d);
    queue_on_put(d.commands, ring, &d);
    d.bus = bus_new(&conf, node, d.messages, d.acks, d.commands, &beat, &options);
    queue_on_put(d.messages, bus_ring, d.bus);

    struct err e = {0};
    int r = bus_start(d.bus, &e);
    if (r < 0)
        fprintf(stderr, "%s\n", e.text);
    else
        work(&d);
    bus_stop(d.bus);
    if (bus_join(d.bus, 10000) < 0)
        return 3;
    report(&d);
    printf("stopped delivered=%" PRIu64 " lost=%" PRIu64 "\n", d.delivered, queue_lost(d.acks));
    bus_free(d.bus);
    queue_free(d.messages);
    queue_free(d.acks);
    queue_free(d.commands);
    close(d.wake);
    redact_clear();
    free(url);
    free(client_id);
    return r < 0;
}
