#pragma once

#include "flow/event.h"

#include <stdbool.h>

/*
 * Events become rows: the statements for records, observations and cameras.
 *
 * An event carries all that is known of its record, so one statement serves NEW, SEEN, UPDATE and
 * END, and a record whose NEW was lost is made by whatever comes next. A record that has ended
 * does not change any more. Functions return SQLite codes and run inside the caller's
 * transaction.
 */
struct records;
struct sqlite3;

/* SQLite's code; *ret_r is to be closed in any case. node is kept. */
int records_open(struct records **ret_r, struct sqlite3 *db, const char *node);
void records_close(struct records *r); /* NULL is fine */

/* seq is for END only. *ret_changed is false when the record had ended before. */
int records_write(struct records *r, const struct event *ev, int64_t seq, bool *ret_changed);

/* One row of a sighting; none when its record is not there. */
int records_observe(struct records *r, const struct event *ev);

int records_camera(struct records *r, const struct event *ev);

/* Whatever a run that was killed left online or connecting is not: who is watched will say so. */
int records_cameras_down(struct records *r);

/* Any record that is still open, as an END at its last sighting with reason `restart`. */
int records_next_open(struct records *r, struct event *ret_ev, bool *ret_found);
