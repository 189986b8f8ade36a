#pragma once

/*
 * A failure that a person will read: what went wrong, with what, and the way out.
 *
 * Filled by the one who knows, wrapped with context on the way up, printed once at the top.
 * Every function accepts NULL for the struct and then only passes the code through.
 */
struct err {
    int code; /* negative errno; 0: nothing happened */
    char text[512];
};

/* Both return the code, so that a caller can `return err_set(e, -ENOENT, ...)`. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text that is there. Returns e's code; with NULL for e, -1, as
 * nothing else is known: who lets his caller pass NULL returns his own code. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* strerror() of a positive or negative errno that is safe in threads; static storage. */
const char *err_name(int code);
