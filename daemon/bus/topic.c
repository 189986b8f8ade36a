#include "bus/topic.h"

#include "base/mem.h"

#include <string.h>

/* The length of the well-formed UTF-8 character at s (RFC 3629), or 0. */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
               : s[0] >= 0xe0 && s[0] <= 0xef ? 3
               : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                              : 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) /* the final NUL ends it as well */
            return 0;
    }
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f;
    bool beyond = s[0] == 0xf4 && s[1] > 0x8f;
    bool control = s[0] == 0xc2 && s[1] < 0xa0;
    return overlong || surrogate || beyond || control ? 0 : n;
}

bool topic_valid(const char *topic)
{
    size_t n = strlen(topic);
    if (n == 0 || n > TOPIC_MAX || topic[0] == '$' || topic[0] == '/' || topic[n - 1] == '/')
        return false;
    for (const char *at = topic; *at;) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c == 0x7f || c == '+' || c == '#' || (c == '/' && at[1] == '/'))
            return false;
        size_t step = utf8_length((const unsigned char *)at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

char *topic_join(const char *upper, const char *below)
{
    return mem_format("%s/%s", upper, below);
}

char *topic_enabled_filter(const char *base)
{
    return mem_format("%s/+/enabled/set", base);
}

bool topic_is_enabled_set(const char *base, const char *topic, char ret_camera[NAME_SIZE])
{
    size_t n = strlen(base);
    if (strncmp(topic, base, n) != 0 || topic[n] != '/')
        return false;
    const char *camera = topic + n + 1;
    size_t length = strspn(camera, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (length == 0 || length >= NAME_SIZE || strcmp(camera + length, "/enabled/set") != 0)
        return false;
    memcpy(ret_camera, camera, length);
    ret_camera[length] = 0;
    return true;
}

bool topic_on_off(const void *payload, size_t size, bool *ret_on)
{
    bool on = size == 2 && memcmp(payload, "ON", 2) == 0;
    bool off = size == 3 && memcmp(payload, "OFF", 3) == 0;
    if (on || off)
        *ret_on = on;
    return on || off;
}
