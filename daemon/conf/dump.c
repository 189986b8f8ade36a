#include "conf/dump.h"

#include "conf/schema.h"
#include "conf/value.h"

#include <string.h>

static void print(const struct conf_key *key, const void *base, const char *indent, FILE *to)
{
    if (value_none(key, base))
        return;
    fprintf(to, "%s%s = ", indent, schema_name(key));
    value_print(key, base, to);
    fputs(";\n", to);
}

static void print_camera(const struct conf_camera *cam, FILE *to)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (strncmp(conf_keys[i].path, "cameras.", 8) == 0)
            print(&conf_keys[i], cam, "        ", to);
    }
}

/* The keys of one section from the table's i-th on; returns the first that is not. */
static size_t print_section(const struct conf *c, size_t i, FILE *to)
{
    const struct conf_key *first = &conf_keys[i];
    size_t n = schema_section_length(first);
    bool left_out = (strncmp(first->path, "mqtt.", 5) == 0 && !c->mqtt.configured) ||
                    (strncmp(first->path, "http.", 5) == 0 && !c->http.listen);
    if (!left_out && n)
        fprintf(to, "\n%.*s:\n{\n", (int)n, first->path);
    for (; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        if (schema_section_length(key) != n || strncmp(key->path, first->path, n) != 0)
            break;
        if (!left_out)
            print(key, c, n ? "    " : "", to);
    }
    if (!left_out && n)
        fputs("};\n", to);
    return i;
}

void conf_dump(const struct conf *c, FILE *to)
{
    for (size_t i = 0; i < conf_keys_count && strncmp(conf_keys[i].path, "cameras.", 8) != 0;)
        i = print_section(c, i, to);
    fputs("\ncameras:\n(", to);
    for (int k = 0; k < c->n_cameras; k++) {
        fputs(k ? ",\n    {\n" : "\n    {\n", to);
        print_camera(&c->cameras[k], to);
        fputs("    }", to);
    }
    fputs(c->n_cameras ? "\n);\n" : ");\n", to);
}
