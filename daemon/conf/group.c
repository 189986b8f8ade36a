#include "conf/group.h"

#include "base/mem.h"
#include "base/redact.h"
#include "conf/address.h"
#include "conf/expand.h"
#include "conf/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_SHOWN (4096 * 3)

/* Puts the place in front of the error. */
static int at(struct loader *l, const config_setting_t *s, const char *where)
{
    if (*where)
        err_wrap(l->e, "%s", where);
    int line = s ? (int)config_setting_source_line(s) : 0;
    if (line > 0)
        err_wrap(l->e, "%s:%d", l->file, line);
    else
        err_wrap(l->e, "%s", l->file);
    return -EINVAL;
}

int group_fail(struct loader *l, const config_setting_t *s, const char *where, const char *fmt, ...)
{
    char text[sizeof(l->e->text)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_set(l->e, -EINVAL, "%s", text);
    return at(l, s, where);
}

const char *group_type(const config_setting_t *s)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_GROUP: return "a group { ... }";
    case CONFIG_TYPE_LIST: return "a list ( ... )";
    case CONFIG_TYPE_ARRAY: return "an array [ ... ]";
    default: return "a single value";
    }
}

/* A string with its secrets put in; registers what no log may show. */
static int set_string(struct loader *l, const struct conf_key *key, void *base, const char *text)
{
    struct value v = {VALUE_TEXT, .text = text};
    enum expand_use use = EXPAND_TEXT;
    switch (key->type) {
    case KEY_STRING: break;
    case KEY_PATH: use = EXPAND_PATH; break;
    case KEY_SOURCE:
    case KEY_BROKER:
    case KEY_BROKERS: use = EXPAND_URL; break;
    default: return value_set(key, base, &v, l->e);
    }
    struct expand x = {l->c->secrets_dir, l->resolve};
    char *real, *shown;
    int r = expand_text(&x, text, use, &real, &shown, l->e);
    if (r < 0)
        return r;
    if (use == EXPAND_URL)
        address_redact(real);
    if (key->flags & KEY_HIDDEN)
        redact_add(real);
    v.text = real;
    /* What has a secret in it cannot be looked at where secrets are not resolved. */
    bool broker = key->type == KEY_BROKER || key->type == KEY_BROKERS;
    if (broker && !x.resolve && strstr(text, "${"))
        r = address_broker("mqtt://***", &((struct conf *)base)->mqtt, l->e);
    else if (key->type == KEY_SOURCE && !x.resolve && strstr(text, "${"))
        ((struct conf_camera *)base)->url = mem_strdup(real);
    else
        r = value_set(key, base, &v, l->e);
    if (r == 0 && use == EXPAND_URL) {
        char *redacted = mem_new(URL_SHOWN, 1);
        redact_text(redacted, URL_SHOWN, shown);
        struct conf_mqtt *m = &((struct conf *)base)->mqtt;
        char **place = broker ? &m->brokers[m->n_brokers - 1].url_shown
                              : &((struct conf_camera *)base)->url_shown;
        *place = mem_strdup(redacted);
        free(redacted);
    }
    explicit_bzero(real, strlen(real));
    free(real);
    free(shown);
    return r;
}

static int set(struct loader *l, const struct conf_key *key, void *base, const config_setting_t *s);

/* Each string of the list as if the key stood there with it alone. */
static int set_list(
        struct loader *l, const struct conf_key *key, void *base, const config_setting_t *list)
{
    bool areas = key->type == KEY_AREAS;
    int r = 0, n = config_setting_length(list);
    for (int i = 0; i < n && r == 0; i++) {
        const config_setting_t *s = config_setting_get_elem(list, (unsigned)i);
        if (config_setting_type(s) != CONFIG_TYPE_STRING)
            r = err_set(l->e, -EINVAL, "a string, \"%s...\", is expected in the list",
                    areas ? "0,0, " : "mqtt://");
        else
            r = set_string(l, key, base, config_setting_get_string(s));
        l->member = r < 0 ? s : NULL;
        if (r < 0 && areas)
            err_wrap(l->e, "polygon %d", i + 1);
    }
    return r;
}

static int set_brokers(
        struct loader *l, const struct conf_key *key, void *base, const config_setting_t *list)
{
    ((struct conf *)base)->mqtt.listed = true;
    int r = set_list(l, key, base, list);
    return config_setting_length(list)
                   ? r
                   : err_set(l->e, -EINVAL, "the list is empty: give one broker or more");
}

/* Those of the defaults are not added to: an empty list means none. */
static int set_areas(
        struct loader *l, const struct conf_key *key, void *base, const config_setting_t *list)
{
    struct polygons *p = (struct polygons *)((char *)base + key->offset);
    p->n = 0;
    if (config_setting_length(list) > POLYGONS_MAX)
        return err_set(l->e, -EINVAL, "%d polygons are too many, at most %d are allowed",
                config_setting_length(list), POLYGONS_MAX);
    return set_list(l, key, base, list);
}

static int set(struct loader *l, const struct conf_key *key, void *base, const config_setting_t *s)
{
    struct value v;
    bool list = config_setting_is_list(s) || config_setting_is_array(s);
    if (key->type == KEY_BROKERS && list)
        return set_brokers(l, key, base, s);
    if (key->type == KEY_AREAS && list)
        return set_areas(l, key, base, s);
    switch (key->type == KEY_AREAS ? CONFIG_TYPE_NONE : config_setting_type(s)) {
    case CONFIG_TYPE_STRING: return set_string(l, key, base, config_setting_get_string(s));
    case CONFIG_TYPE_BOOL: v = (struct value){VALUE_BOOL, .yes = config_setting_get_bool(s)}; break;
    case CONFIG_TYPE_INT: v = (struct value){VALUE_INT, .whole = config_setting_get_int(s)}; break;
    case CONFIG_TYPE_INT64:
        v = (struct value){VALUE_INT, .whole = config_setting_get_int64(s)};
        break;
    case CONFIG_TYPE_FLOAT:
        v = (struct value){VALUE_FLOAT, .number = config_setting_get_float(s)};
        break;
    default: {
        char expected[160];
        schema_expects(key, expected, sizeof(expected));
        return err_set(l->e, -EINVAL, "%s is expected, not %s", expected, group_type(s));
    }
    }
    return value_set(key, base, &v, l->e);
}

int group_check(
        struct loader *l, const config_setting_t *group, const char *section, const char *where)
{
    for (int i = 0; i < config_setting_length(group); i++) {
        config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(s);
        if (schema_find(section, name) || (!*section && schema_is_section(name)))
            continue;
        const char *meant = schema_suggest(section, name);
        if (meant)
            return group_fail(l, s, where, "unknown key '%.40s', did you mean '%s'?", name, meant);
        return group_fail(l, s, where, "unknown key '%.40s'", name);
    }
    return 0;
}

int group_find(struct loader *l, const config_setting_t *root, const char *name,
        const config_setting_t **ret)
{
    const config_setting_t *s = config_setting_get_member((config_setting_t *)root, name);
    *ret = s;
    if (s && !config_setting_is_group(s))
        return group_fail(l, s, name, "a group { ... } is expected, not %s", group_type(s));
    return s ? group_check(l, s, strcmp(name, "defaults") == 0 ? "cameras" : name, name) : 0;
}

int group_take(struct loader *l, const struct conf_key *key, void *base,
        const config_setting_t *group, const char *where)
{
    const char *name = schema_name(key);
    const config_setting_t *s =
            group ? config_setting_get_member((config_setting_t *)group, name) : NULL;
    char path[GROUP_WHERE * 2];
    (void)snprintf(path, sizeof(path), "%s%s%s", where, *where ? "." : "", name);
    if (s) {
        /* A user in the broker's URL is the same as these two. */
        const struct conf_mqtt *m = &l->c->mqtt;
        if ((strcmp(key->path, "mqtt.username") == 0 && m->username) ||
                (strcmp(key->path, "mqtt.password") == 0 && m->password))
            return group_fail(l, s, path, "it stands in mqtt.url too: give it once");
        return set(l, key, base, s) < 0 ? at(l, l->member ? l->member : s, path) : 0;
    }
    if (group && (key->flags & KEY_REQUIRED))
        return group_fail(l, group, where, "'%s' is missing", name);
    return 0;
}
