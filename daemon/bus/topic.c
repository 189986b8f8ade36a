#include "bus/topic.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

bool topic_valid(const char *topic)
{
    size_t n = strlen(topic);
    if (n == 0 || n > TOPIC_MAX || topic[0] == '$' || topic[0] == '/' || topic[n - 1] == '/')
        return false;
    for (const char *at = topic; *at;) {
        const unsigned char *c = (const unsigned char *)at;
        if (utf8_control(c) || *c == '+' || *c == '#' || (*c == '/' && c[1] == '/'))
            return false;
        size_t step = utf8_length(c);
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
