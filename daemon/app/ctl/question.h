#pragma once

#include "app/ctl/ctl.h"
#include "store/reader.h"

#include <stdint.h>

/*
 * What facectl's questions to the database have in common: which database, and in which form the
 * answer comes.
 */
enum format {
    FORMAT_TABLE,
    FORMAT_JSON,
    FORMAT_CSV,
};

struct question {
    const char *file, *database;
    enum format format;
};

/* -c, --db, --format and --json, as an argp child that is given its struct question. */
extern const struct argp_child question_options[];

/* An option's time, or usage. */
void question_time(struct argp_state *state, const char *option, const char *text, int64_t *ret_us);
void question_number(
        struct argp_state *state, const char *option, const char *text, int64_t low, int64_t *ret);

/* NULL: it was said why, and *ret_code is what to exit with. ret_path, unless NULL: the database's,
 * to be freed. */
struct reader *question_open(
        const char *command, const struct question *q, char **ret_path, int *ret_code);
