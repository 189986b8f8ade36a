#include "app/sandbox/settings.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdio.h>

char *settings_pack(const struct conf_camera *c, uint64_t enough)
{
    json_t *j = json_pack("{s:s, s:s, s:s, s:f, s:i, s:i, s:i, s:s, s:I}", "name", c->name, "url",
            c->url, "shown", c->url_shown, "fps", c->fps, "transport", (int)c->transport, "pace",
            (int)c->pace, "decode", (int)c->decode, "hwaccel", c->hwaccel, "enough",
            (json_int_t)enough);
    char *text = mem_check(json_dumps(mem_check(j), JSON_COMPACT));
    json_decref(j);
    return text;
}

bool settings_unpack(const char *text, size_t n, struct conf_camera *ret, uint64_t *ret_enough)
{
    const char *name, *url, *shown, *hwaccel;
    int transport, pace, decode;
    json_int_t enough;
    json_t *j = json_loadb(text, n, 0, NULL);
    bool whole = j && json_unpack(j, "{s:s, s:s, s:s, s:F, s:i, s:i, s:i, s:s, s:I}", "name", &name,
                              "url", &url, "shown", &shown, "fps", &ret->fps, "transport",
                              &transport, "pace", &pace, "decode", &decode, "hwaccel", &hwaccel,
                              "enough", &enough) == 0;
    if (whole) {
        (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
        (void)snprintf(ret->hwaccel, sizeof(ret->hwaccel), "%s", hwaccel);
        ret->url = mem_strdup(url);
        ret->url_shown = mem_strdup(shown);
        ret->transport = (enum transport)transport;
        ret->pace = (enum pace)pace;
        ret->decode = (enum decoding)decode;
        *ret_enough = (uint64_t)enough;
    }
    json_decref(j);
    return whole;
}
