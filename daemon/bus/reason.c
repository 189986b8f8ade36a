#include "bus/reason.h"

#include <errno.h>
#include <mosquitto.h>

int reason_of_return_code(int code)
{
    static const int reasons[] = {
            0, REASON_UNSUPPORTED_VERSION, 0x85, 0x88, 0x86, REASON_NOT_AUTHORISED};
    return code >= 0 && code < (int)(sizeof(reasons) / sizeof(reasons[0])) ? reasons[code] : code;
}

static int bad_login(
        const struct conf_mqtt *c, const struct conf_broker *at, const char *what, struct err *e)
{
    return err_set(e, -EACCES,
            "the broker %s refuses us: %s; check mqtt.username (now %s%s%s) and mqtt.password",
            at->url_shown, what, c->username ? "'" : "", c->username ? c->username : "none",
            c->username ? "'" : "");
}

int reason_connack(
        const struct conf_mqtt *c, const struct conf_broker *at, int reason, struct err *e)
{
    const char *url = at->url_shown;
    switch (reason) {
    case REASON_UNSUPPORTED_VERSION:
        return err_set(e, -EACCES,
                "the broker %s refuses us: it does not take this version of MQTT; set "
                "mqtt.version to \"auto\"",
                url);
    case 0x85:
        return err_set(e, -EACCES,
                "the broker %s refuses us: it does not take the client id '%s'; choose another in "
                "mqtt.client_id",
                url, c->client_id);
    case 0x88:
    case 0x89:
        return err_set(e, -EACCES, "the broker %s says that its service is not available", url);
    case 0x86: return bad_login(c, at, "bad user name or password", e);
    case REASON_NOT_AUTHORISED: return bad_login(c, at, "not authorised", e);
    case 0x8a: return bad_login(c, at, "this client is banned", e);
    case 0x9c:
    case 0x9d:
        return err_set(e, -EACCES,
                "the broker %s says that another one serves us; ask its operator which, for "
                "mqtt.url",
                url);
    default:
        return err_set(e, -EACCES, "the broker %s refuses us: %s (code %d)", url,
                mosquitto_reason_string(reason), reason);
    }
}

/* Codes of DISCONNECT (MQTT 5, 3.14.2.1) that a packet of ours may have brought on: malformed,
 * protocol error, not to be processed, bad topic, too many, too large, retain, QoS, format. */
static bool may_be_the_packet(int reason)
{
    static const int codes[] = {
            0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, REASON_TOO_LARGE, 0x99, 0x9a, 0x9b};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (reason == codes[i])
            return true;
    }
    return false;
}

int reason_disconnect(
        const struct conf_mqtt *c, const struct conf_broker *at, int reason, struct err *e)
{
    if (reason == REASON_TAKEN_OVER)
        return err_set(e, -EBUSY,
                "another client took over the id '%s' at the broker %s; give each its own "
                "mqtt.client_id, then reload",
                c->client_id, at->url_shown);
    int code = reason == REASON_QUOTA ? -EDQUOT : may_be_the_packet(reason) ? -ECONNRESET : -EAGAIN;
    return err_set(e, code, "the broker %s ended the connection: %s (code %d)", at->url_shown,
            mosquitto_reason_string(reason), reason);
}

const char *reason_puback(int reason)
{
    switch (reason) {
    case REASON_NOT_AUTHORISED: return "we may not publish there; allow it in the broker's rules";
    case 0x90: return "it takes no such topic; see mqtt.prefix";
    case REASON_TOO_LARGE: return "it is too large for this broker";
    default: return mosquitto_reason_string(reason);
    }
}
