#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
    if (!e)
        return code;
    char text[sizeof(e->text)]; /* the arguments may point into e->text */
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    memcpy(e->text, text, sizeof(text));
    e->code = code;
    return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    char outer[sizeof(e->text)], whole[2 * sizeof(e->text) + 2];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(outer, sizeof(outer), fmt, ap);
    va_end(ap);
    (void)snprintf(whole, sizeof(whole), "%s: %s", outer, e->text);
    whole[sizeof(e->text) - 1] = '\0'; /* what does not fit is cut */
    memcpy(e->text, whole, sizeof(e->text));
    return e->code;
}

const char *err_name(int code)
{
    const char *s = strerrordesc_np(abs(code));
    return s ? s : "unknown error";
}
