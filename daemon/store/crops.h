#pragma once

#include "flow/event.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Pictures of faces, which are kept only where privacy.store_crops says so: a row in the database
 * and a file in the directory <database>.crops, named <record's id>.jpg.
 *
 * A picture goes with its record, or when its own time is over. Its row goes in the transaction,
 * its file after the commit, so that after a crash there may be a file without a row, never a
 * row whose file was taken away; files without a row go at the start. Whoever adds one writes the
 * file first, as <id>.jpg.part until it is whole.
 *
 * Inside the room, on the writer's thread. Functions that return int return SQLite codes and run
 * inside the caller's transaction.
 */
struct crops;
struct sqlite3;

/* Where the files of this database are; to be freed. */
char *crops_directory(const char *database);

/* SQLite's code; *ret_c is to be closed in any case. */
int crops_open(struct crops **ret_c, struct sqlite3 *db, const char *database);
void crops_close(struct crops *c); /* NULL is fine */

/*
 * Keeps this picture of a record that has just ended: the file first, then the row. A file that
 * cannot be written costs the picture, is said, and is no error of the transaction's.
 */
int crop_add(struct crops *c, const char *id, const struct jpeg *jpeg, int64_t made_us);

/* Was any made before? */
int crops_expired(struct crops *c, int64_t before_us, bool *ret_some);

/* Of this record; *n counts those that there were. */
int crop_delete(struct crops *c, const char *id, int64_t *n);

/* Up to max that were made before; *n counts. */
int crop_expire(struct crops *c, int64_t before_us, int max, int64_t *n);

/* What was deleted is committed: the files go. Or it was rolled back: they stay. */
void crops_committed(struct crops *c);
void crops_rolled_back(struct crops *c);

/* Removes files that have no row; how many, or a negative errno. Not while one may be added. */
int crops_sweep(struct crops *c);
