#include "bus/broker.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "bus/reason.h"
#include "bus/tls.h"

#include <assert.h>
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define IN_FLIGHT    20
#define ADDRESSES    4
#define ADDRESS_TEXT 64
#define HOUR         (3600 * MONO_SECOND)
#define TOPIC        "bus"

struct ack {
    int mid, reason;
};

struct broker {
    struct broker_setup setup; /* set at birth */

    /* owned by the one thread */
    struct mosquitto *mosq;
    struct tls *tls;
    enum broker_state state;
    bool reached;                          /* TCP stands */
    bool older;                            /* this time, or for good, by MQTT 3.1.1 */
    int connack;                           /* the broker's answer; -1: none yet */
    int goodbye;                           /* the reason of its DISCONNECT; 0: none */
    int subscribing;                       /* subscriptions without an answer; -1: none made */
    bool deaf;                             /* it does not let us subscribe */
    int64_t denied_us, again_us;           /* how long, and until when, we leave it at that */
    int64_t until;                         /* while connecting: when we give up */
    char address[ADDRESSES][ADDRESS_TEXT]; /* the host's, in the resolver's order */
    int addresses, tried;
    int n_acked;
    struct ack acked[IN_FLIGHT]; /* each packet in flight comes here once */
};

/* The callbacks run inside the library and under its lock: they note and return. */

static void on_connect(struct mosquitto *mosq, void *arg, int code, int flags,
        const mosquitto_property *properties)
{
    (void)mosq;
    (void)flags;
    (void)properties;
    struct broker *b = arg;
    b->connack = reason_of_return_code(code);
}

static void on_disconnect(
        struct mosquitto *mosq, void *arg, int code, const mosquitto_property *properties)
{
    (void)mosq;
    (void)properties;
    struct broker *b = arg;
    if (code >= REASON_BAD)
        b->goodbye = code;
}

static void on_publish(struct mosquitto *mosq, void *arg, int mid, int reason,
        const mosquitto_property *properties)
{
    (void)mosq;
    (void)properties;
    struct broker *b = arg;
    if (b->n_acked < IN_FLIGHT)
        b->acked[b->n_acked++] = (struct ack){mid, reason};
}

static void on_subscribe(struct mosquitto *mosq, void *arg, int mid, int n, const int *granted)
{
    (void)mosq;
    (void)mid;
    struct broker *b = arg;
    b->deaf |= n < 1 || granted[0] > 2;
    b->subscribing -= b->subscribing > 0;
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
    broker_close(b);
    mosquitto_lib_cleanup();
    free(b);
}

enum broker_state broker_state(const struct broker *b)
{
    return b->state;
}

bool broker_is_version_5(const struct broker *b)
{
    return b->setup.conf->version == MQTT_5 || (b->setup.conf->version == MQTT_AUTO && !b->older);
}

/* A client that remembers nothing of the connection before. A library code; MOSQ_ERR_TLS: in e. */
static int begin_anew(struct broker *b, struct err *e)
{
    const struct conf_mqtt *c = b->setup.conf;
    assert(!b->mosq);
    b->mosq = mem_check(mosquitto_new(c->client_id, true, b));
    mosquitto_connect_v5_callback_set(b->mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(b->mosq, on_disconnect);
    mosquitto_publish_v5_callback_set(b->mosq, on_publish);
    mosquitto_subscribe_callback_set(b->mosq, on_subscribe);
    mosquitto_message_callback_set(b->mosq, on_message);
    b->reached = b->deaf = false;
    b->connack = b->subscribing = -1;
    b->denied_us = 0;
    b->again_us = INT64_MAX;
    b->goodbye = b->n_acked = 0;
    int rc = mosquitto_int_option(b->mosq, MOSQ_OPT_PROTOCOL_VERSION,
            broker_is_version_5(b) ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_will_set(b->mosq, b->setup.will_topic, (int)strlen(b->setup.will_payload),
                b->setup.will_payload, 1, true);
    if (rc == MOSQ_ERR_SUCCESS && c->username)
        rc = mosquitto_username_pw_set(b->mosq, c->username, c->password);
    if (rc == MOSQ_ERR_SUCCESS && b->setup.at->tls) {
        b->tls = tls_new(c, b->setup.at->host, e);
        rc = b->tls ? tls_attach(b->tls, b->mosq) : MOSQ_ERR_TLS;
    }
    return rc;
}

void broker_close(struct broker *b)
{
    b->state = BROKER_DOWN;
    mosquitto_destroy(b->mosq);
    b->mosq = NULL;
    tls_free(b->tls);
    b->tls = NULL;
}

static int closed(const struct broker *b, bool was_up, struct err *e)
{
    const char *url = b->setup.at->url_shown;
    bool tls = b->setup.at->tls;
    if (!was_up && b->connack == 0)
        return err_set(e, -ECONNRESET,
                "the broker %s closed the connection when we subscribed to '%s'; do its rules "
                "allow that, and are all nodes of its cluster there?",
                url, b->setup.filters[0]);
    return err_set(e, -ECONNRESET, "the broker %s closed the connection%s", url,
            was_up ? ""
            : tls  ? " without an answer; does it speak MQTT over TLS on this port?"
                   : " without an answer; does it speak MQTT without TLS on this port?");
}

/* Puts the library's code into words; number is errno as the call left it. */
static int down(struct broker *b, int rc, int number, struct err *e)
{
    const char *url = b->setup.at->url_shown;
    bool was_up = b->state == BROKER_UP;
    char complaint[200] = "";
    if (b->tls)
        (void)snprintf(complaint, sizeof(complaint), "%s", tls_complaint(b->tls));
    broker_close(b);
    if (complaint[0])
        return err_set(e, -EACCES, "the broker %s: %s", url, complaint);
    switch (rc) {
    case MOSQ_ERR_EAI:
        return err_set(e, -EAGAIN,
                "cannot find the broker %s: %s; check the host in mqtt.url and the name server",
                url, gai_strerror(number));
    case MOSQ_ERR_KEEPALIVE:
        return err_set(e, -ETIMEDOUT, "the broker %s is silent: it answers no ping", url);
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN: return closed(b, was_up, e);
    case MOSQ_ERR_TLS:
        return err_set(
                e, -EPROTO, "what answers at %s speaks no TLS; is this the port for it?", url);
    case MOSQ_ERR_ERRNO:
        if (b->connack == 0 && (number == EPIPE || number == ECONNRESET))
            return closed(b, was_up, e);
        return err_set(e, number > 0 ? -number : -EIO, "the connection to the broker %s %s: %s%s",
                url, was_up ? "broke" : "fails", err_name(number),
                number == ECONNREFUSED ? "; is it running, and is the port right?" : "");
    case MOSQ_ERR_NOMEM: return err_set(e, -ENOMEM, "no memory for the broker %s", url);
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
        return err_set(e, -EPROTO, "what answers at %s does not speak MQTT as it should", url);
    default:
        return err_set(
                e, -EIO, "the connection to the broker %s broke: %s", url, mosquitto_strerror(rc));
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
    int r = getaddrinfo(b->setup.at->host, NULL, &hints, &list);
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
    int rc = MOSQ_ERR_INVAL;
    while (b->tried < b->addresses) {
        rc = begin_anew(b, e);
        if (rc == MOSQ_ERR_TLS) {
            broker_close(b);
            return e->code;
        }
        if (rc == MOSQ_ERR_SUCCESS)
            rc = mosquitto_connect_async(
                    b->mosq, b->address[b->tried++], b->setup.at->port, b->setup.keepalive_s);
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
    struct err own = {0};
    e = e ? e : &own;
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
    /* Until TCP stands the library knows nothing that it wants to write where TLS comes first. */
    return !b->reached || mosquitto_want_write(b->mosq) ? POLLIN | POLLOUT : POLLIN;
}

int64_t broker_due_us(const struct broker *b)
{
    return b->state == BROKER_CONNECTING ? b->until : b->again_us;
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

/*
 * Commands are asked for with QoS 0. Our session ends with its connection, so a broker keeps none
 * for later anyway; but for QoS 1 a cluster makes a queue or a stream for it, which may be on a
 * dead node: then RabbitMQ hangs up on us at every other node, and NATS denies the subscription.
 */
static int subscribe(struct broker *b)
{
    int rc = MOSQ_ERR_SUCCESS;
    b->subscribing = 0;
    for (int i = 0; i < 2 && b->setup.filters[i] && rc == MOSQ_ERR_SUCCESS; i++) {
        rc = mosquitto_subscribe(b->mosq, NULL, b->setup.filters[i], 0);
        b->subscribing++;
    }
    return rc;
}

/*
 * It is up once it has answered our subscriptions as well. A broker may hang up on one - by its
 * rules, or because the cluster's node that keeps our session is dead - and what had been sent
 * behind it would be taken for what displeased it.
 */
static int welcome(struct broker *b)
{
    int rc = b->subscribing < 0 ? subscribe(b) : MOSQ_ERR_SUCCESS;
    if (rc == MOSQ_ERR_SUCCESS && b->subscribing == 0)
        b->state = BROKER_UP;
    return rc;
}

/*
 * A broker denies a subscription for good, by its rules, or for now, as a cluster does that is
 * choosing a leader. So it is asked again, after longer and longer pauses. A library's code.
 */
static int persist(struct broker *b, int64_t now_us)
{
    const char *const *filters = b->setup.filters;
    if (b->subscribing == 0 && b->deaf) {
        if (!b->denied_us)
            log_warn(TOPIC,
                    "the broker does not let us subscribe to %s%s%s: no camera can be switched "
                    "over MQTT until its rules allow it",
                    filters[0], filters[1] ? " or " : "", filters[1] ? filters[1] : "");
        b->deaf = false;
        b->denied_us = b->denied_us ? b->denied_us * 2 : b->setup.keepalive_s * MONO_SECOND;
        b->denied_us = b->denied_us < HOUR ? b->denied_us : HOUR;
        b->again_us = now_us + b->denied_us;
    } else if (b->subscribing == 0 && b->denied_us && b->again_us == INT64_MAX) {
        b->denied_us = 0;
        log_info(TOPIC, "the broker lets us subscribe now");
    }
    if (now_us < b->again_us)
        return MOSQ_ERR_SUCCESS;
    b->again_us = INT64_MAX;
    return subscribe(b);
}

/* Reads, writes, looks after pings. A library's code. */
static int drive(struct broker *b, short revents)
{
    int rc = MOSQ_ERR_SUCCESS;
    errno = 0;
    /* The library goes on with a TLS handshake when it is asked to read, whatever it waits for. */
    bool handshake = b->tls && b->state == BROKER_CONNECTING && revents;
    if (handshake || (revents & (POLLIN | POLLERR | POLLHUP)))
        rc = mosquitto_loop_read(b->mosq, 1);
    if (b->connack > 0 || b->goodbye)
        return MOSQ_ERR_SUCCESS; /* it has said why */
    if (rc == MOSQ_ERR_SUCCESS && (revents & POLLOUT))
        rc = mosquitto_loop_write(b->mosq, 1);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_loop_misc(b->mosq);
    if (rc == MOSQ_ERR_SUCCESS && b->state == BROKER_CONNECTING && b->connack == 0)
        rc = welcome(b);
    /* The ping that nobody answered closes the socket and says nothing. */
    if (rc == MOSQ_ERR_SUCCESS && broker_fd(b) < 0 && !b->goodbye)
        rc = MOSQ_ERR_KEEPALIVE;
    return rc;
}

/*
 * A broker that does not know MQTT 5 says so, or hangs up on the packet that it cannot read. It is
 * asked again by MQTT 3.1.1; when that is not its reason either, the next time begins with 5.
 */
static bool may_be_older(const struct broker *b, int rc)
{
    bool hung_up = rc == MOSQ_ERR_CONN_LOST && b->reached && b->connack < 0;
    return b->setup.conf->version == MQTT_AUTO && !b->older && b->state == BROKER_CONNECTING &&
           (b->connack == REASON_UNSUPPORTED_VERSION || hung_up) &&
           !(b->tls && tls_complaint(b->tls)[0]);
}

static int ask_older(struct broker *b, int64_t now_us, struct err *e)
{
    broker_close(b);
    b->older = true;
    b->tried--;
    return attempt(b, now_us, e);
}

/* What ended it, in words; it is down. */
static int end(struct broker *b, int rc, int number, struct err *e)
{
    if (b->state == BROKER_CONNECTING)
        b->older = false;
    if (b->connack > 0 || b->goodbye) {
        int connack = b->connack, goodbye = b->goodbye;
        broker_close(b);
        return connack > 0 ? reason_connack(b->setup.conf, b->setup.at, connack, e)
                           : reason_disconnect(b->setup.conf, b->setup.at, goodbye, e);
    }
    return down(b, rc, number, e);
}

static int out_of_patience(struct broker *b, int64_t now_us, struct err *e)
{
    bool reached = b->reached;
    broker_close(b);
    if (!reached && b->tried < b->addresses)
        return attempt(b, now_us, e);
    b->older = false;
    return err_set(e, -ETIMEDOUT, "the broker %s %s within %d s", b->setup.at->url_shown,
            reached ? "accepts the connection but does not answer" : "cannot be reached",
            b->setup.connect_ms / 1000);
}

int broker_service(struct broker *b, short revents, int64_t now_us, struct err *e)
{
    if (b->state == BROKER_DOWN)
        return 0;
    struct err own = {0};
    e = e ? e : &own;
    int error = revents ? connect_error(b) : 0;
    if (error && b->tried < b->addresses) {
        broker_close(b);
        return attempt(b, now_us, e);
    }
    if (error)
        return down(b, MOSQ_ERR_ERRNO, error, e);
    int rc = drive(b, revents), number = errno;
    if (may_be_older(b, rc))
        return ask_older(b, now_us, e);
    if (rc != MOSQ_ERR_SUCCESS || b->connack > 0 || b->goodbye)
        return end(b, rc, number, e);
    if (b->state == BROKER_CONNECTING && now_us >= b->until)
        return out_of_patience(b, now_us, e);
    rc = b->state == BROKER_UP ? persist(b, now_us) : MOSQ_ERR_SUCCESS;
    return rc == MOSQ_ERR_SUCCESS ? 0 : down(b, rc, errno, e);
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
    case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
        return err_set(e, -EINVAL, "a message for the topic '%s' cannot be sent: %s", topic,
                mosquitto_strerror(rc));
    default: return down(b, rc, errno, e);
    }
}

int broker_acked(struct broker *b, int *ret_reason)
{
    if (b->n_acked == 0)
        return 0;
    struct ack ack = b->acked[0];
    b->n_acked--;
    memmove(b->acked, b->acked + 1, (size_t)b->n_acked * sizeof(b->acked[0]));
    *ret_reason = ack.reason < REASON_BAD ? 0 : ack.reason;
    return ack.mid;
}

/* The last packet is a few bytes and fits the socket; where the line is that full, the broker
 * hears nothing more of us and publishes the will, which says the same. */
void broker_leave(struct broker *b)
{
    if (b->state == BROKER_UP)
        mosquitto_disconnect(b->mosq);
    broker_close(b);
}
