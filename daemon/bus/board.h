#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is true now, one value per topic: what a new connection is told, and what has changed since.
 *
 * The newest value of a topic wins; one that was never sent leaves no trace. A retained value
 * stays, so that a broker that forgot everything hears all of it again. Of one topic at most one
 * value is in flight, so that a slow line carries fewer values and not older ones.
 *
 * Pure: no clock, no network, no lock. The owner provides for one thread at a time.
 */
struct board;

struct board *board_new(void);
void board_free(struct board *b); /* NULL is fine */

/*
 * The topic has this value from now on. A retained one that the topic has already is not sent
 * again; a retained NULL clears the topic at the broker. What is not retained goes out once, on
 * the next connection if there is none, and is gone once acknowledged.
 */
void board_set(struct board *b, const char *topic, const char *payload, bool retained);

/*
 * Takes the next to be sent, in turn, so that a busy topic does not hold up the others; after
 * board_cut() in the order in which the topics came. false: nothing is to be sent. Both texts are
 * the caller's; the payload is "" for a topic to be cleared. Before the next call of this,
 * board_sent(), board_skip() or board_cut() says what became of it; board_set() may come between.
 */
bool board_take(struct board *b, char **ret_topic, char **ret_payload, bool *ret_retained);

/* It went out as packet mid (above 0) at now_us. */
void board_sent(struct board *b, int mid, int64_t now_us);

/* It can never be sent: its topic is forgotten. */
void board_skip(struct board *b);

/* The broker has packet mid. false: none of ours. */
bool board_acked(struct board *b, int mid);

/*
 * The broker does not take packet mid: its value is not sent again, on no connection, until the
 * topic has another. The topic, which is valid until the next call; NULL: none of ours.
 */
const char *board_refused(struct board *b, int mid);

/* Any packet in flight; 0: none. */
int board_any_in_flight(const struct board *b);

/* All values whose topic begins with this are to be sent once more. */
void board_again(struct board *b, const char *beginning);

/* After the next board_cut() the order begins behind packet mid, which so comes last. */
void board_defer(struct board *b, int mid);

/* The connection broke: all is to be sent. */
void board_cut(struct board *b);

/* Nothing is to be sent and nothing in flight: the broker knows all that we know. */
bool board_settled(const struct board *b);

int board_in_flight(const struct board *b);

/* Since when the oldest in flight waits for its acknowledgement; INT64_MAX: none does. */
int64_t board_waits_since(const struct board *b);
