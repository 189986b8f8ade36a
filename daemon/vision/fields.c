#include "vision/fields.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

json_t *fields_open(struct fields *r, const char *what)
{
    json_error_t je;
    json_t *root = json_load_file(r->path, JSON_REJECT_DUPLICATES, &je);
    if (!root && je.line < 0) {
        r->rc = err_set(
                r->e, -ENOENT, "%s: there is no such file that can be read as %s", r->path, what);
    } else if (!root) {
        r->rc = err_set(r->e, -EINVAL, "%s:%d: not %s: %s", r->path, je.line, what, je.text);
    } else if (!json_is_object(root)) {
        r->rc = err_set(r->e, -EINVAL, "%s: not %s: it must be one object", r->path, what);
        json_decref(root);
        root = NULL;
    }
    return root;
}

void fields_bad(struct fields *r, const char *key, const char *fmt, ...)
{
    if (r->rc < 0)
        return;
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    r->rc = err_set(r->e, -EINVAL, "%s: '%s' %s", r->path, key, what);
}

/* keys: all that o may hold, separated by blanks. */
void fields_only(struct fields *r, json_t *o, const char *where, const char *keys)
{
    const char *key;
    json_t *v;
    json_object_foreach(o, key, v)
    {
        size_t n = strlen(key);
        /* no key is empty, and none is two of them with the blank between */
        const char *at = n && !strchr(key, ' ') ? keys : NULL;
        while (at && (at = strstr(at, key))) {
            if ((at == keys || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
                break;
            at++;
        }
        if (!at)
            fields_bad(r, key, "is not a key of %s: it has %s", where, keys);
    }
}

json_t *fields_need(struct fields *r, json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    if (!v)
        fields_bad(r, key, "is missing");
    return v;
}

json_t *fields_object(struct fields *r, json_t *o, const char *key)
{
    json_t *v = fields_need(r, o, key);
    if (v && !json_is_object(v)) {
        fields_bad(r, key, "must be an object, { ... }");
        return NULL;
    }
    return v;
}

char *fields_text(struct fields *r, json_t *o, const char *key)
{
    json_t *v = fields_need(r, o, key);
    if (v && (!json_is_string(v) || !*json_string_value(v)))
        fields_bad(r, key, "must be text");
    return r->rc < 0 ? NULL : mem_strdup(json_string_value(v));
}

/* null means unknown, and has to be said. */
char *fields_text_or_null(struct fields *r, json_t *o, const char *key)
{
    return json_is_null(json_object_get(o, key)) ? NULL : fields_text(r, o, key);
}

double fields_number_in(struct fields *r, const json_t *v, const char *key, double low, double high)
{
    double n = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(n >= low && n <= high)) {
        fields_bad(r, key, "must be a number from %g to %g", low, high);
        return low;
    }
    return n;
}

double fields_number(struct fields *r, json_t *o, const char *key, double low, double high)
{
    json_t *v = fields_need(r, o, key);
    return v ? fields_number_in(r, v, key, low, high) : low;
}

int fields_whole_number(struct fields *r, json_t *o, const char *key, int low, int high)
{
    double n = fields_number(r, o, key, low, high);
    if (n != floor(n))
        fields_bad(r, key, "must be a whole number");
    return (int)n;
}

bool fields_yes_no(struct fields *r, json_t *o, const char *key)
{
    json_t *v = fields_need(r, o, key);
    if (v && !json_is_boolean(v))
        fields_bad(r, key, "must be true or false");
    return json_is_true(v);
}

json_t *fields_list(struct fields *r, json_t *o, const char *key, size_t low, size_t high)
{
    json_t *v = fields_need(r, o, key);
    if (v && (!json_is_array(v) || json_array_size(v) < low || json_array_size(v) > high)) {
        fields_bad(r, key, "must be a list of %zu to %zu", low, high);
        return NULL;
    }
    return v;
}
