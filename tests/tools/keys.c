/*
 * Prints what the manual pages are compared with. The table of configuration keys: path, type,
 * default, smallest and largest value, words, meaning, and why a reload cannot change it, by tabs.
 * With an argument, a message.
 */
#include "base/when.h"
#include "conf/schema.h"
#include "conf/value.h"
#include "flow/event.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const types[KEY_TYPE_COUNT] = {
        [KEY_STRING] = "string",
        [KEY_PATH] = "path",
        [KEY_TOPIC] = "topic",
        [KEY_SOURCE] = "source",
        [KEY_BROKER] = "URL",
        [KEY_BROKERS] = "list of URLs",
        [KEY_LISTEN] = "address:port",
        [KEY_HARDWARE] = "name of FFmpeg's",
        [KEY_NAME] = "name",
        [KEY_BOOL] = "boolean",
        [KEY_INT] = "integer",
        [KEY_FLOAT] = "number",
        [KEY_DURATION] = "duration",
        [KEY_SIZE] = "size",
        [KEY_ENUM] = "word",
        [KEY_AREAS] = "list of polygons",
};

static void print_bound(const struct conf_key *key, double bound)
{
    char text[WHEN_TEXT] = "";
    if (key->type == KEY_DURATION)
        when_format_duration(text, (int64_t)bound);
    else if (key->type == KEY_SIZE)
        value_format_size(text, (int64_t)bound);
    else if (key->type == KEY_INT || key->type == KEY_FLOAT)
        (void)snprintf(text, sizeof(text), "%g", bound);
    printf("\t%s", text);
}

static int print_message(void)
{
    struct event *ev = event_new(EVENT_END, "door");
    const struct envelope env = {"epoch", "node", 1};
    char *json = event_json(ev, &env);
    puts(json);
    free(json);
    event_free(ev);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return print_message();
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        printf("%s\t%s\t%s", key->path, types[key->type], key->fallback ? key->fallback : "");
        print_bound(key, key->min);
        print_bound(key, key->max);
        putchar('\t');
        for (const char *const *w = key->words; w && *w; w++)
            printf("%s%s", w == key->words ? "" : " ", *w);
        printf("\t%s\t%s\n", key->meaning, key->fixed ? key->fixed : "");
    }
    return 0;
}
