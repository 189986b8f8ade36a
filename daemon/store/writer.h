#pragma once

#include "base/err.h"
#include "flow/event.h"
#include "flow/message.h"
#include "store/schema.h"
#include "store/store.h"

/*
 * The writing connection: a batch is one transaction, whole or not at all.
 *
 * Inside the room only. It knows nothing of threads and queues; store.c decides when. A batch
 * that failed may be given again as it is. Damage that shows while writing makes the writer move
 * the file aside and begin a new one, into which the next attempt goes.
 */
struct writer;

struct batch {
    struct event *const *events;
    size_t n_events;
    struct message *const *acks; /* acknowledged: their rows go */
    size_t n_acks;
    uint64_t records_lost; /* since the last batch, */
    int64_t lost_from_us, lost_to_us;

    struct message **out; /* room for `room` messages that are to be sent now, in order */
    size_t room;
    size_t n_out; /* on success; the messages are the caller's */
};

/* Locks, opens, upgrades, and ends what a crash left open. options is kept. */
struct writer *writer_open(const struct store_options *options, struct err *e);
void writer_close(struct writer *w); /* NULL is fine */

/* 0, or a negative errno with the reason in words. */
int writer_write(struct writer *w, struct batch *b, struct err *e);

/* What was committed last. */
const struct meta *writer_meta(const struct writer *w);

/* Is there something left to do that the opening could not write? */
bool writer_owes(const struct writer *w);

bool writer_camera_enabled(struct writer *w, const char *camera, bool *ret_enabled);
