#pragma once

#include "app/sandbox/wire.h"
#include "app/session.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct shelf;

/*
 * What the word of a camera's process is worth, which may have been taken over. wire.h has seen to
 * it that each message is one; here is what one may say in a session, how often, and of which kind
 * of camera, before the camera hears it. A process can invent pictures, for that is its work; it
 * can not make itself too fast for the watchdog, its camera's end a final one, its time another
 * year's, or fill the log.
 *
 * Threads: the camera's.
 */

/* So many of something since then. */
struct spate {
    int64_t since_us;
    int n;
};

/* One more: how many that makes within the span. */
int spate_count(struct spate *s, int64_t now_us, int64_t span_us);

struct word {
    const struct session_order *order;
    const struct session_listener *to;
    struct shelf *shelf;
    bool asked_to_leave;   /* the daemon's to set */
    bool unpaced;          /* it may be read as fast as it goes: each picture is waited for ... */
    bool dated;            /* ... and may be of any time: a file's, a film's by HTTP */
    bool online, troubled; /* as it told */
    struct spate lines;    /* of its log, in a minute */
    bool over;             /* it has told its end ... */
    enum source_fault fault;
    struct err *e; /* ... and why */
};

#define WORD_NO_HONEST_ONE "says what no honest one would"

/* All that is pointed to outlives the word. */
void word_init(struct word *w, const struct session_order *order, const struct session_listener *to,
        struct shelf *shelf, struct err *e);

/* Takes a message that tells something; NULL, or why no such process is gone on with. Static. */
const char *word_take(struct word *w, const struct wire_message *m);
