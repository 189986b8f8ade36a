#include "conf/compare.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_brokers(const struct conf_mqtt *a, const struct conf_mqtt *b)
{
    bool same = a->n_brokers == b->n_brokers;
    for (int i = 0; same && i < a->n_brokers; i++) {
        const struct conf_broker *x = &a->brokers[i], *y = &b->brokers[i];
        same = same_text(x->host, y->host) && x->port == y->port && x->tls == y->tls;
    }
    return same;
}

/* a and b: what the key has its offset in. */
static bool same_value(const struct conf_key *key, const void *a, const void *b)
{
    const char *x = (const char *)a + key->offset, *y = (const char *)b + key->offset;
    switch (key->type) {
    case KEY_HARDWARE:
    case KEY_NAME: return strcmp(x, y) == 0;
    case KEY_BOOL: return *(const bool *)x == *(const bool *)y;
    case KEY_INT:
    case KEY_ENUM: return *(const int *)x == *(const int *)y;
    case KEY_FLOAT: return *(const double *)x == *(const double *)y;
    case KEY_DURATION:
    case KEY_SIZE: return *(const int64_t *)x == *(const int64_t *)y;
    case KEY_BROKER:
    case KEY_BROKERS: return same_brokers((const void *)x, (const void *)y);
    case KEY_AREAS: return polygons_same((const void *)x, (const void *)y);
    default: return same_text(*(char *const *)x, *(char *const *)y);
    }
}

static bool of_camera(const struct conf_key *key)
{
    return strncmp(key->path, "cameras.", 8) == 0;
}

const struct conf_key *conf_difference(
        const struct conf *a, const struct conf *b, const struct conf_key *after)
{
    for (size_t i = after ? (size_t)(after - conf_keys) + 1 : 0; i < conf_keys_count; i++) {
        if (!of_camera(&conf_keys[i]) && !same_value(&conf_keys[i], a, b))
            return &conf_keys[i];
    }
    return NULL;
}

bool conf_same_camera(const struct conf_camera *a, const struct conf_camera *b)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (of_camera(&conf_keys[i]) && !same_value(&conf_keys[i], a, b))
            return false;
    }
    return true;
}

const struct conf_camera *conf_camera_named(const struct conf *c, const char *name)
{
    for (int i = 0; i < c->n_cameras; i++) {
        if (strcmp(c->cameras[i].name, name) == 0)
            return &c->cameras[i];
    }
    return NULL;
}
