#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *mem_check(void *p)
{
    if (p)
        return p;
    /* Not through the log: that could need memory itself. */
    static const char line[] = "faced: out of memory, leaving\n";
    (void)!write(STDERR_FILENO, line, sizeof(line) - 1);
    _exit(1);
}

void *mem_new(size_t n, size_t size)
{
    return mem_check(calloc(n ? n : 1, size ? size : 1));
}

void *mem_alloc(size_t size)
{
    return mem_check(malloc(size ? size : 1));
}

void *mem_grow(void *p, size_t n, size_t size)
{
    return mem_check(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *mem_strdup(const char *s)
{
    return mem_check(strdup(s));
}

char *mem_format(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return mem_check(n < 0 ? NULL : s);
}
