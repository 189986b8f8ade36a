#include "bus/broker.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"

#include <assert.h>
#include <errno.h>
#include <mosquitto.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define IN_FLIGHT    20
#define ADDRESSES    4
#define ADDRESS_TEXT 64
#define TOPIC        "bus"

struct broker {
    struct broker_setup setup; /* set at birth */

    /* owned by the one thread */
    struct mosquitto *mosq;
    enum broker_state state;
    bool reached;                          /* TCP stands */
    int connack;                           /* the broker's answer; -1: none yet */
    bool deaf;                             /* it does not let us subscribe */
    int64_t until;                         /* while connecting: when we give up */
    char address[ADDRESSES][ADDRESS_TEXT]; /* the host's, in the resolver's order */
    int addresses, tried;
    int n_acked;
    int acked[IN_FLIGHT]; /* each packet in flight comes here once */
};

/* The callbacks run inside the library and under its lock: they note and return. */

static void on_connect(struct mosquitto *mosq, void *arg, int code)
{
    (void)mosq;
    struct broker *b = arg;
    b->connack = code;
}

static void on_publish(struct mosquitto *mosq, void *arg, int mid)
{
    (void)mosq;
    struct broker *b = arg;
    if (b->n_acked < IN_FLIGHT)
        b->acked[b->n_acked++] = mid;
}

static void on_subscribe(struct mosquitto *mosq, void *arg, int mid, int n, const int *granted)
{
    (void)mosq;
    (void)mid;
    struct broker *b = arg;
    b->deaf = n < 1 || granted[0] > 2;
}

static void on_message(struct mosquitto *mosq, void *arg, const struct mosquitto_message *m)
{
    (void)mosq;
    struct broker *b = arg;
    size_t size = m->payloadlen > 0 ? (size_t)m->payloadlen : 0;
    struct broker_message heard = {m->topic, size ? m->payload : "", size, m->retain};
    b->setup.heard(b->setup.arg, &heard);
}

struct broker *broker_new(const struct broker_setup *setup)
{
    struct broker *b = mem_new(1, sizeof(*b));
    b->setup = *setup;
    mosquitto_lib_init();
    return b;
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    mosquitto_destroy(b->mosq);
    mosquitto_lib_cleanup();
    free(b);
}

enum broker_state broker_state(const struct broker *b)
{
    return b->state;
}

/* A client that remembers nothing of the connection before. */
static int begin_anew(struct broker *b)
{
    const struct conf_mqtt *c = b->setup.conf;
    assert(!b->mosq);
    b->mosq = mem_check(mosquitto_new(c->client_id, true, b));
    mosquitto_connect_callback_set(b->mosq, on_connect);
    mosquitto_publish_callback_set(b->mosq, on_publish);
    mosquitto_subscribe_callback_set(b->mosq, on_subscribe);
    mosquitto_message_callback_set(b->mosq, on_message);
    b->reached = b->deaf = false;
    b->connack = -1;
    b->n_acked = 0;
    int rc = mosquitto_will_set(b->mosq, b->setup.will_topic, (int)strlen(b->setup.will_payload),
            b->setup.will_payload, 1, true);
    if (rc == MOSQ_ERR_SUCCESS && c->username)
        rc = mosquitto_username_pw_set(b->mosq, c->username, c->password);
    return rc;
}

void broker_close(struct broker *b)
{
    b->state = BROKER_DOWN;
    mosquitto_destroy(b->mosq);
    b->mosq = NULL;
}

/* Puts the library's code into words; number is errno as the call left it. */
static int down(struct broker *b, int rc, int number, struct err *e)
{
    const char *url = b->setup.conf->url_shown;
    bool was_up = b->state == BROKER_UP;
    broker_close(b);
    switch (rc) {
    case MOSQ_ERR_EAI:
        return err_set(e, -EAGAIN,
                "cannot find the broker %s: %s; check the host in mqtt.url and the name server",
                url, gai_strerror(number));
    case MOSQ_ERR_KEEPALIVE:
        return err_set(e, -ETIMEDOUT, "the broker %s is silent: it answers no ping", url);
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN:
        return err_set(e, -ECONNRESET, "the broker %s closed the connection%s", url,
                was_up ? "" : " without an answer; does it speak MQTT without TLS on this port?");
    case MOSQ_ERR_ERRNO:
        return err_set(e, number > 0 ? -number : -EIO, "the connection to the broker %s %s: %s",
                url, was_up ? "broke" : "fails", err_name(number));
    case MOSQ_ERR_NOMEM: return err_set(e, -ENOMEM, "no memory for the broker %s", url);
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
        return err_set(
                e, -EPROTO, "what answers at %s does not speak MQTT 3.1.1 as it should", url);
    default:
        return err_set(
                e, -EIO, "the connection to the broker %s broke: %s", url, mosquitto_strerror(rc));
    }
}

static int refused(struct broker *b, int code, struct err *e)
{
    const struct conf_mqtt *c = b->setup.conf;
    broker_close(b);
    switch (code) {
    case 1:
        return err_set(
                e, -EACCES, "the broker %s refuses us: it does not take MQTT 3.1.1", c->url_shown);
    case 2:
        return err_set(e, -EACCES,
                "the broker %s refuses us: it does not take the client id '%s'; "
                "choose another in mqtt.client_id",
                c->url_shown, c->client_id);
    case 3:
        return err_set(
                e, -EACCES, "the broker %s says that its service is not available", c->url_shown);
    case 4:
    case 5:
        return err_set(e, -EACCES,
                "the broker %s refuses us: %s; check mqtt.username (now %s%s%s) and mqtt.password",
                c->url_shown, code == 4 ? "bad user name or password" : "not authorised",
                c->username ? "'" : "", c->username ? c->username : "none", c->username ? "'" : "");
    default:
        return err_set(e, -EACCES, "the broker %s refuses us with the unknown code %d",
                c->url_shown, code);
    }
}

/*
 * The library takes the first address whose connect does not fail at once, and stays with it: a
 * broker that listens on 127.0.0.1 alone would not be found as "localhost" where that is ::1
 * first. So we resolve, and try one address after the other. 0, or the resolver's code.
 */
static int resolve(struct broker *b)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    b->addresses = b->tried = 0;
    int r = getaddrinfo(b->setup.conf->host, NULL, &hints, &list);
    for (struct addrinfo *a = list; r == 0 && a && b->addresses < ADDRESSES; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, b->address[b->addresses], ADDRESS_TEXT, NULL, 0,
                    NI_NUMERICHOST) == 0)
            b->addresses++;
    }
    if (list)
        freeaddrinfo(list);
    return r ? r : b->addresses ? 0 : EAI_NONAME;
}

/* Begins to connect to the next address. */
static int attempt(struct broker *b, int64_t now_us, struct err *e)
{
    const struct conf_mqtt *c = b->setup.conf;
    int rc = MOSQ_ERR_INVAL;
    while (b->tried < b->addresses) {
        rc = begin_anew(b);
        if (rc == MOSQ_ERR_SUCCESS)
            rc = mosquitto_connect_async(
                    b->mosq, b->address[b->tried++], c->port, b->setup.keepalive_s);
        if (rc == MOSQ_ERR_SUCCESS || rc == MOSQ_ERR_CONN_PENDING) {
            b->state = BROKER_CONNECTING;
            b->until = now_us + b->setup.connect_ms * INT64_C(1000);
            return 0;
        }
        if (rc != MOSQ_ERR_ERRNO || b->tried == b->addresses)
            break;
        broker_close(b);
    }
    return down(b, rc, errno, e);
}

int broker_open(struct broker *b, int64_t now_us, struct err *e)
{
    assert(b->state == BROKER_DOWN);
    int r = resolve(b);
    return r ? down(b, MOSQ_ERR_EAI, r, e) : attempt(b, now_us, e);
}

int broker_fd(const struct broker *b)
{
    return b->mosq ? mosquitto_socket(b->mosq) : -1;
}

short broker_wants(const struct broker *b)
{
    if (!b->mosq)
        return 0;
    return mosquitto_want_write(b->mosq) ? POLLIN | POLLOUT : POLLIN;
}

int64_t broker_due_us(const struct broker *b)
{
    return b->state == BROKER_CONNECTING ? b->until : INT64_MAX;
}

/* The library would read or write on a socket whose connect failed and name the wrong error. */
static int connect_error(struct broker *b)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (b->reached || getsockopt(broker_fd(b), SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return 0;
    b->reached = error == 0;
    return error;
}

static int welcome(struct broker *b)
{
    b->state = BROKER_UP;
    return mosquitto_subscribe(b->mosq, NULL, b->setup.filter, 1);
}

int broker_service(struct broker *b, short revents, int64_t now_us, struct err *e)
{
    if (b->state == BROKER_DOWN)
        return 0;
    int error = revents ? connect_error(b) : 0;
    if (error && b->tried < b->addresses) {
        broker_close(b);
        return attempt(b, now_us, e);
    }
    if (error)
        return down(b, MOSQ_ERR_ERRNO, error, e);

    int rc = MOSQ_ERR_SUCCESS;
    errno = 0;
    if (revents & (POLLIN | POLLERR | POLLHUP))
        rc = mosquitto_loop_read(b->mosq, 1);
    if (b->connack > 0)
        return refused(b, b->connack, e);
    if (rc == MOSQ_ERR_SUCCESS && (revents & POLLOUT))
        rc = mosquitto_loop_write(b->mosq, 1);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_loop_misc(b->mosq);
    if (rc == MOSQ_ERR_SUCCESS && b->state == BROKER_CONNECTING && b->connack == 0)
        rc = welcome(b);
    if (rc != MOSQ_ERR_SUCCESS)
        return down(b, rc, errno, e);
    /* The ping that nobody answered closes the socket and says nothing. */
    if (broker_fd(b) < 0)
        return down(b, MOSQ_ERR_KEEPALIVE, 0, e);

    if (b->state == BROKER_CONNECTING && now_us >= b->until) {
        bool reached = b->reached;
        broker_close(b);
        if (!reached && b->tried < b->addresses)
            return attempt(b, now_us, e);
        return err_set(e, -ETIMEDOUT, "the broker %s %s within %d s", b->setup.conf->url_shown,
                reached ? "accepts the connection but does not answer" : "cannot be reached",
                b->setup.connect_ms / 1000);
    }
    if (b->deaf) {
        b->deaf = false;
        log_warn(TOPIC,
                "the broker does not let us subscribe to %s: no camera can be switched over MQTT "
                "until its rules allow it",
                b->setup.filter);
    }
    return 0;
}

int broker_publish(struct broker *b, const char *topic, const char *payload, bool retained,
        int *ret_mid, struct err *e)
{
    assert(b->state == BROKER_UP);
    int mid = 0;
    errno = 0;
    int rc = mosquitto_publish(b->mosq, &mid, topic, (int)strlen(payload), payload, 1, retained);
    switch (rc) {
    case MOSQ_ERR_SUCCESS: *ret_mid = mid; return 0;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_MALFORMED_UTF8:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return err_set(e, -EINVAL, "a message for the topic '%s' cannot be sent: %s", topic,
                mosquitto_strerror(rc));
    default: return down(b, rc, errno, e);
    }
}

int broker_acked(struct broker *b)
{
    if (b->n_acked == 0)
        return 0;
    int mid = b->acked[0];
    b->n_acked--;
    memmove(b->acked, b->acked + 1, (size_t)b->n_acked * sizeof(b->acked[0]));
    return mid;
}

/* The last packet is a few bytes and fits the socket; where the line is that full, the broker
 * hears nothing more of us and publishes the will, which says the same. */
void broker_leave(struct broker *b)
{
    if (b->state == BROKER_UP)
        mosquitto_disconnect(b->mosq);
    broker_close(b);
}
