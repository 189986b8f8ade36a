#pragma once

#include "sample/strain.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * More work than this host can do: decided once a second for all cameras together, told to them,
 * to the log and to the status.
 *
 * The cameras read the order whenever a packet comes; that is all that they and main share. NULL
 * for who has no such order, as a file that is analysed whole.
 *
 * Threads: main; the readers of struct ease any.
 */
struct ease {
    atomic_int share; /* thousandths of the pictures that the rate asks for */
    atomic_bool keys; /* key frames only, where nobody is */
};

double ease_share(const struct ease *e); /* 1 for NULL */
bool ease_keys(const struct ease *e);
bool ease_active(const struct ease *e); /* less than everything is to be done */

struct overload;

struct overload *overload_new(void);
void overload_free(struct overload *o); /* NULL is fine */
const struct ease *overload_ease(const struct overload *o);

void overload_tick(struct overload *o, const struct strain_second *second, int64_t now_us);

/* Since when; 0: there is none. */
int64_t overload_since_us(const struct overload *o);

/* "every camera's pictures are thinned to 40 % ...": what is done about it. */
void overload_words(const struct overload *o, char *dst, size_t size);

/* {active, for_s, share, key_frames_only}: the caller's. */
json_t *overload_json(const struct overload *o, int64_t now_us);
