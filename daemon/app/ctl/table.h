#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Rows of text for people: aligned columns, a header, colour only on a terminal and not with
 * NO_COLOR. Cells are copied; the table is printed to standard output when it is complete,
 * because its widths are known only then.
 */
struct table;

/* Column titles; a title that begins with '>' makes a column that is aligned to the right. */
struct table *table_new(const char *const *titles, size_t columns);
void table_free(struct table *t);

/* The next cell, row by row. */
void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *t);

/* Is standard output a terminal on which colour is welcome? */
bool table_colour(void);
