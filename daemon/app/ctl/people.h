#pragma once

#include "flow/event.h"

#include <stdbool.h>

/*
 * The lines of facectl watch: each person has a number, and is told of when he appears, when what
 * is thought of him has settled or changed, and when he leaves.
 */
struct people;

/* json: a JSON object a line, as the events of faced-events(7) but for what only a database gives.
 * source: as it is shown. */
struct people *people_new(bool json, const char *source);
void people_free(struct people *p); /* NULL is fine */

/* An event of type NEW, UPDATE or END. anchor_us: the wall time of a file's first picture, so that
 * times are told as places in the file; 0: local time is told. */
void people_tell(struct people *p, const struct event *ev, int64_t anchor_us);

/* "2 people" on standard error, where lines are for a person. */
void people_sum_up(const struct people *p);
