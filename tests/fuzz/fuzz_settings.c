/* needs: app/sandbox/settings base/mem base/utf8 */
/*
 * A camera's settings on their way to its process. First byte even: any document, which is taken
 * with texts that end within their fields, or refused. Odd: settings as the configuration can have
 * them, lines of text and numbers, which arrive as they were.
 */
#include "app/sandbox/settings.h"
#include "base/utf8.h"
#include "fuzz.h"

#include <math.h>

static void forget(struct conf_camera *c)
{
    free(c->url);
    free(c->url_shown);
}

static void unpack(const char *text, size_t n)
{
    struct conf_camera c = {0};
    uint64_t enough = 0;
    if (settings_unpack(text, n, &c, &enough)) {
        HOLDS(memchr(c.name, '\0', sizeof(c.name)) && memchr(c.hwaccel, '\0', sizeof(c.hwaccel)));
        HOLDS(c.url && c.url_shown && isfinite(c.fps));
    } else {
        HOLDS(!c.url && !c.url_shown);
    }
    forget(&c);
}

/* The configuration has no other texts (conf/value.c). */
static char *take_line(struct input *in, size_t room)
{
    char *line = take_text(in, '\n');
    for (unsigned char *s = (unsigned char *)line; *s;) {
        size_t n = utf8_length(s);
        if (n == 0 || utf8_control(s))
            *s++ = '_'; /* what is left of it comes next */
        else
            s += n;
    }
    if (strlen(line) < room)
        return line;
    size_t end = room - 1;
    while (end > 0 && ((unsigned char)line[end] & 0xc0) == 0x80)
        end--; /* no character by half */
    line[end] = '\0';
    return line;
}

static void arrive(struct input *in)
{
    uint64_t enough, enough_there = 0;
    struct conf_camera c = {.transport = take_byte(in) & 1,
            .pace = take_byte(in) & 1,
            .decode = take_byte(in) % 3,
            .fps = 0.5 + take_short(in) * 29.5 / UINT16_MAX};
    struct conf_camera there = {0};
    take(in, &enough, sizeof(enough));
    char *name = take_line(in, sizeof(c.name)), *hwaccel = take_line(in, sizeof(c.hwaccel));
    (void)snprintf(c.name, sizeof(c.name), "%s", name);
    (void)snprintf(c.hwaccel, sizeof(c.hwaccel), "%s", hwaccel);
    c.url_shown = take_line(in, SIZE_MAX);
    c.url = take_line(in, SIZE_MAX);
    char *text = settings_pack(&c, enough);
    HOLDS(settings_unpack(text, strlen(text), &there, &enough_there));
    HOLDS(enough == enough_there && c.fps == there.fps && c.transport == there.transport);
    HOLDS(c.pace == there.pace && c.decode == there.decode);
    HOLDS(strcmp(c.name, there.name) == 0 && strcmp(c.hwaccel, there.hwaccel) == 0);
    HOLDS(strcmp(c.url, there.url) == 0 && strcmp(c.url_shown, there.url_shown) == 0);
    forget(&c);
    forget(&there);
    free(text);
    free(name);
    free(hwaccel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    if (take_byte(&in) & 1)
        arrive(&in);
    else
        unpack((const char *)in.data, in.left);
    return 0;
}
