#pragma once

#include <stdint.h>

/*
 * Commands that take their time: prune and erase, which the store does in small pieces while main
 * goes on with its work.
 *
 * The one who asked hears a line {"progress": {...}} once a second and at the end what has gone;
 * if he does not stay to hear it, it is done all the same. One at a time.
 *
 * Main only.
 */
struct control;
struct errand;
struct json_t;
struct store;
struct store_progress;

struct errand *errand_new(struct store *store);
void errand_free(struct errand *n); /* NULL is fine */

/* As control_answer(): an error at once, or NULL and the answer from errand_turn(). */
char *errand_begin(
        struct errand *n, const char *command, const struct json_t *request, uint64_t token);

/* Tells how far it is. To be called when the store has news, and once a second. */
void errand_turn(struct errand *n, struct control *control);

/* What has gone, as it is answered; a json_t, the caller's. For facectl, which does it by itself
 * when no daemon runs. */
struct json_t *errand_result(const struct store_progress *p);
