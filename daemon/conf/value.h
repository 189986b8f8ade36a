#pragma once

#include "base/err.h"
#include "conf/schema.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * One value of the configuration: checked against its key and put into its place in the struct,
 * and back to text. Knows nothing of files and lines; errors say what is wrong with the value
 * ("50 is out of range, 0.5 to 30") and the loader puts the place in front.
 *
 * base is the struct conf or, for a camera's key, the struct conf_camera.
 */
enum value_kind {
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_TEXT,
};

struct value {
    enum value_kind kind;
    union {
        bool yes;
        long long whole;
        double number;
        const char *text; /* with its secrets in place; no error ever quotes a URL or a string */
    };
};

/* A text that was there is wiped and freed; a broker or a polygon comes to those that are there.
 * 0 or -EINVAL. */
int value_set(const struct conf_key *key, void *base, const struct value *v, struct err *e);

/* Puts the table's default in; a computed one is left to the loader. */
void value_default(const struct conf_key *key, void *base);

/* Wipes and frees what value_set() allocated. */
void value_free(const struct conf_key *key, void *base);

/* Is there nothing to print: a string without a value, a list without a member? */
bool value_none(const struct conf_key *key, const void *base);

/* As libconfig reads it, with secrets as "***". */
void value_print(const struct conf_key *key, const void *base, FILE *to);

/* "512", "64K", "1G" in bytes. 0, or -EINVAL. */
int value_parse_size(const char *text, int64_t *ret_bytes);
void value_format_size(char ret_text[32], int64_t bytes); /* the largest unit that divides it */
