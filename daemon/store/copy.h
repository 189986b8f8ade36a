#pragma once

/*
 * A copy of the database, and what it becomes when a daemon opens it.
 *
 * Two databases must not give out the same message numbers under one name, so a copy is marked and
 * begins a new epoch when it is first opened for writing: the numbers start at 1, and what waited
 * is numbered anew. It is sent, since nobody knows whether the original lived long enough to send
 * it; notices of messages lost go, for they speak of numbers of the other epoch. Records keep
 * their seq.
 */
struct meta;
struct sqlite3;

/* Begins the new epoch in a transaction of its own and reads *m again. SQLite's code. */
int copy_begin(struct sqlite3 *db, struct meta *m);
