#include "app/ctl/table.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GAP 2

struct table {
    size_t columns, n; /* n: cells, the titles included */
    char **cells;
    bool *right;
    int *widths;
};

/* Columns on the screen: characters, not bytes, of UTF-8. All that we print is narrow. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void put(struct table *t, char *cell)
{
    size_t column = t->n % t->columns;
    int width = width_of(cell);
    if (width > t->widths[column])
        t->widths[column] = width;
    t->cells = mem_grow(t->cells, t->n + 1, sizeof(*t->cells));
    t->cells[t->n++] = cell;
}

struct table *table_new(const char *const *titles, size_t columns)
{
    struct table *t = mem_new(1, sizeof(*t));
    t->columns = columns;
    t->right = mem_new(columns, sizeof(*t->right));
    t->widths = mem_new(columns, sizeof(*t->widths));
    for (size_t i = 0; i < columns; i++) {
        t->right[i] = titles[i][0] == '>';
        put(t, mem_strdup(titles[i] + t->right[i]));
    }
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t->right);
    free(t->widths);
    free(t);
}

void table_add(struct table *t, const char *fmt, ...)
{
    char *cell = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&cell, fmt, ap);
    va_end(ap);
    put(t, mem_check(n < 0 ? NULL : cell));
}

static void print_row(const struct table *t, size_t first)
{
    for (size_t i = 0; i < t->columns; i++) {
        const char *cell = t->cells[first + i];
        int pad = t->widths[i] - width_of(cell);
        bool last = i + 1 == t->columns;
        if (t->right[i])
            printf("%*s%s", pad, "", cell);
        else
            printf("%s%*s", cell, last ? 0 : pad, "");
        if (!last)
            printf("%*s", GAP, "");
    }
}

void table_print(const struct table *t)
{
    bool colour = table_colour();
    for (size_t i = 0; i + t->columns <= t->n; i += t->columns) {
        if (i == 0 && colour)
            fputs("\033[1m", stdout);
        print_row(t, i);
        fputs(i == 0 && colour ? "\033[0m\n" : "\n", stdout);
    }
}

bool table_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no && *no);
}
