#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * One row of the outbox on its way to the broker: from the store, which has committed its number,
 * to the bus, which sends it and gives the message itself back once the broker has acknowledged it;
 * the store deletes the row and frees it. What the bus frees instead comes again in the next run.
 */
struct message {
    int64_t row;             /* the outbox row, for the acknowledgement */
    uint64_t msg;            /* its number in the message sequence */
    char *topic;             /* below <prefix>/<node>/: "door/faces", "lost" */
    char *json;              /* as event_json() made it */
    int64_t decided_us;      /* wall time of the decision */
    int64_t decided_boot_us; /* by the boot's clock, -1 when that was another boot */
};

struct message *message_new(int64_t row, uint64_t msg, const char *topic, const char *json);
void message_free(void *message); /* NULL is fine */

/*
 * Is it sent so late that an automation must not act on it: more than 10 s after the decision? By
 * the boot's clock, which no step of the wall clock moves; across boots by wall time.
 */
bool message_replayed(const struct message *m, int64_t now_us, int64_t now_boot_us);
