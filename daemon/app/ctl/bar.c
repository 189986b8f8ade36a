#include "app/ctl/bar.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CELLS 30

void bar_show(struct bar *b, int64_t done)
{
    static const char full[CELLS + 1] = "##############################";
    static const char none[CELLS + 1] = "                              ";
    char line[120];
    if (!isatty(STDERR_FILENO))
        return;
    if (b->total > 0) {
        int64_t part = done < b->total ? done : b->total;
        int cells = (int)(part * CELLS / b->total);
        (void)snprintf(line, sizeof(line), "[%.*s%.*s] %3d %%  %lld %s", cells, full, CELLS - cells,
                none, (int)(part * 100 / b->total), (long long)done, b->what);
    } else {
        (void)snprintf(line, sizeof(line), "%lld %s", (long long)done, b->what);
    }
    fprintf(stderr, "\r%-*s", b->width, line);
    b->width = (int)strlen(line);
    (void)fflush(stderr);
}

void bar_clear(struct bar *b)
{
    if (b->width)
        fprintf(stderr, "\r%*s\r", b->width, "");
    b->width = 0;
}
