#include "app/trouble.h"

#include "base/mono.h"
#include "base/when.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 2 /* in one line; who wants to know more asks */

void trouble_add(struct troubles *t, const char *who, int64_t for_s, const char *text)
{
    if (t->n++ >= TROUBLES_MAX)
        return;
    struct trouble *x = &t->list[t->n - 1];
    (void)snprintf(x->who, sizeof(x->who), "%s", who);
    (void)snprintf(x->text, sizeof(x->text), "%s", text);
    x->for_s = for_s;
}

void trouble_line(const struct troubles *t, char *dst, size_t size)
{
    size_t at = 0;
    dst[0] = '\0';
    for (int i = 0; i < t->n && i < SHOWN && at < size; i++) {
        char span[WHEN_TEXT];
        when_format_span(span, t->list[i].for_s);
        at += (size_t)snprintf(
                dst + at, size - at, "; %s, for %s: %.200s", t->list[i].who, span, t->list[i].text);
    }
    if (t->n > SHOWN && at < size)
        (void)snprintf(dst + at, size - at, "; %d more, see facectl status", t->n - SHOWN);
}

json_t *trouble_json(const struct troubles *t, int64_t wall_us)
{
    json_t *list = json_array();
    for (int i = 0; i < t->n && i < TROUBLES_MAX; i++) {
        const struct trouble *x = &t->list[i];
        char since[WHEN_TEXT];
        when_format(since, wall_us - x->for_s * MONO_SECOND);
        json_t *text = json_string(x->text); /* NULL where a camera's words are no UTF-8 */
        json_array_append_new(
                list, json_pack("{s:s, s:s, s:I, s:o}", "who", x->who, "since", since, "for_s",
                              (json_int_t)x->for_s, "text", text ? text : json_string("?")));
    }
    return list;
}
