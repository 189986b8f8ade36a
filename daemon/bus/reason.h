#pragma once

#include "base/err.h"
#include "flow/settings.h"

/*
 * What a broker's numbers mean, in sentences with the way out.
 *
 * MQTT 3.1.1 has five return codes in CONNACK (table 3.1) and no others; MQTT 5 has reason codes in
 * all its answers (section 2.4). The five are taken as those of MQTT 5 that mean the same.
 */

/* The ones that somebody acts on. */
enum {
    REASON_BAD = 0x80, /* from here on it is a refusal */
    REASON_UNSUPPORTED_VERSION = 0x84,
    REASON_NOT_AUTHORISED = 0x87,
    REASON_TAKEN_OVER = 0x8e,
    REASON_TOO_LARGE = 0x95,
    REASON_QUOTA = 0x97,
};

/* A CONNACK's code of MQTT 3.1.1 as the reason code of MQTT 5. */
int reason_of_return_code(int code);

/* Why a connection was refused: -EACCES. */
int reason_connack(
        const struct conf_mqtt *conf, const struct conf_broker *at, int reason, struct err *e);

/* Why the broker ended it by a DISCONNECT. -ECONNRESET: it may be for what it was sent; -EAGAIN: it
 * is for nothing that was in it; -EDQUOT: it has no room now; -EBUSY: another took our id. */
int reason_disconnect(
        const struct conf_mqtt *conf, const struct conf_broker *at, int reason, struct err *e);

/* Why a message was refused, as a phrase. Static. */
const char *reason_puback(int reason);
