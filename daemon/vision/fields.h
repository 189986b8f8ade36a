#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Reads a JSON file of ours, a model card or a calibration, key by key, so that what is unknown,
 * missing, of the wrong type or out of range is one sentence with the file and the key.
 *
 * The first complaint wins; after it every function does nothing and returns something harmless,
 * so that a file is read in one go and `rc` is looked at once.
 */
struct fields {
    const char *path;
    struct err *e;
    int rc;
};

/* The file's one object, to be json_decref'd; what: "a model card". NULL with rc < 0. */
json_t *fields_open(struct fields *r, const char *what);

__attribute__((format(printf, 3, 4))) void fields_bad(
        struct fields *r, const char *key, const char *fmt, ...);

/* keys: all that o may hold, separated by blanks. where: "input", for the sentence. */
void fields_only(struct fields *r, json_t *o, const char *where, const char *keys);

json_t *fields_need(struct fields *r, json_t *o, const char *key);
json_t *fields_object(struct fields *r, json_t *o, const char *key);
json_t *fields_list(struct fields *r, json_t *o, const char *key, size_t low, size_t high);
char *fields_text(struct fields *r, json_t *o, const char *key);         /* to be freed */
char *fields_text_or_null(struct fields *r, json_t *o, const char *key); /* null: unknown */
bool fields_yes_no(struct fields *r, json_t *o, const char *key);
double fields_number(struct fields *r, json_t *o, const char *key, double low, double high);
double fields_number_in(
        struct fields *r, const json_t *v, const char *key, double low, double high);
int fields_whole_number(struct fields *r, json_t *o, const char *key, int low, int high);
