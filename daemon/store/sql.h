#pragma once

#include <stdarg.h>
#include <stdint.h>

/*
 * The few steps that every use of SQLite here is made of.
 *
 * Inside the room only: other rooms see store.h and reader.h, which name nothing of SQLite.
 * Functions return SQLite's extended result codes; SQLITE_OK is 0.
 */
struct sqlite3;
struct sqlite3_stmt;

/* Runs statements that give nothing back. */
int sql_exec(struct sqlite3 *db, const char *text);

/* COMMIT, of whose failure SQLite does not keep the system's reason: this does, for the next
 * sql_reason() of the thread. */
int sql_commit(struct sqlite3 *db);

/* A statement that lives as long as its connection. */
int sql_prepare(struct sqlite3 *db, struct sqlite3_stmt **ret_st, const char *text);

/*
 * Resets st and binds its parameters in order, one letter for each: s const char * (NULL: NULL;
 * kept by pointer until the next bind), i int64_t, m int64_t (negative: NULL), d int, r double
 * (NAN: NULL).
 */
int sql_bind(struct sqlite3_stmt *st, const char *letters, ...);

/* Runs to the end and resets. */
int sql_run(struct sqlite3_stmt *st);

/* SQLITE_ROW; else SQLITE_DONE or an error, and st is reset. */
int sql_next(struct sqlite3_stmt *st);

/* The one integer that text asks for. */
int sql_integer(struct sqlite3 *db, const char *text, int64_t *ret_value);

/* Does this code say that the file itself is damaged, or no database at all? */
int sql_is_damage(int rc);

/* The last failure as a phrase: "database or disk is full (No space left on device)". */
void sql_reason(struct sqlite3 *db, int rc, char *dst, int size);
