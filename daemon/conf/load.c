#include "conf/load.h"

#include "base/mem.h"
#include "base/redact.h"
#include "conf/address.h"
#include "conf/expand.h"
#include "conf/schema.h"
#include "conf/text.h"
#include "conf/value.h"

#include <ctype.h>
#include <errno.h>
#include <libconfig.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHERE                 64 /* "cameras[123]" */
#define WORKERS_BY_THEMSELVES 8
#define URL_SHOWN             (4096 * 3)

/* One load; lives on the stack of conf_load(). */
struct loader {
    const char *file;
    unsigned flags;
    struct conf *c;
    struct err *e;
    const config_setting_t *member; /* of a list, which is wrong; NULL: all of it */
};

/* Fills the error in with the place in front: "FILE:LINE: WHERE: ...". Returns -EINVAL. */
static int fail(struct loader *l, const config_setting_t *s, const char *where, const char *fmt,
        ...) __attribute__((format(printf, 4, 5)));

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

static int fail(
        struct loader *l, const config_setting_t *s, const char *where, const char *fmt, ...)
{
    char text[sizeof(l->e->text)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_set(l->e, -EINVAL, "%s", text);
    return at(l, s, where);
}

static const char *type_name(const config_setting_t *s)
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
    struct expand x = {l->c->secrets_dir, !(l->flags & CONF_NO_SECRETS)};
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
        return err_set(l->e, -EINVAL, "%s is expected, not %s", expected, type_name(s));
    }
    }
    return value_set(key, base, &v, l->e);
}

/* Every key of the group belongs there? section is the table's name for it, where the one for
 * people. */
static int check_keys(
        struct loader *l, const config_setting_t *group, const char *section, const char *where)
{
    for (int i = 0; i < config_setting_length(group); i++) {
        config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(s);
        if (schema_find(section, name) || (!*section && schema_is_section(name)))
            continue;
        const char *meant = schema_suggest(section, name);
        if (meant)
            return fail(l, s, where, "unknown key '%.40s', did you mean '%s'?", name, meant);
        return fail(l, s, where, "unknown key '%.40s'", name);
    }
    return 0;
}

/* The group of this name; NULL in *ret: it is not there. */
static int get_group(struct loader *l, const config_setting_t *root, const char *name,
        const config_setting_t **ret)
{
    const config_setting_t *s = config_setting_get_member((config_setting_t *)root, name);
    *ret = s;
    if (s && !config_setting_is_group(s))
        return fail(l, s, name, "a group { ... } is expected, not %s", type_name(s));
    return s ? check_keys(l, s, strcmp(name, "defaults") == 0 ? "cameras" : name, name) : 0;
}

/*
 * Puts one key's value from its group into base. where names the group in errors. group NULL:
 * nothing stands there.
 */
static int take(struct loader *l, const struct conf_key *key, void *base,
        const config_setting_t *group, const char *where)
{
    const char *name = schema_name(key);
    const config_setting_t *s =
            group ? config_setting_get_member((config_setting_t *)group, name) : NULL;
    char path[WHERE * 2];
    (void)snprintf(path, sizeof(path), "%s%s%s", where, *where ? "." : "", name);
    if (s) {
        /* A user in the broker's URL is the same as these two. */
        const struct conf_mqtt *m = &l->c->mqtt;
        if ((strcmp(key->path, "mqtt.username") == 0 && m->username) ||
                (strcmp(key->path, "mqtt.password") == 0 && m->password))
            return fail(l, s, path, "it stands in mqtt.url too: give it once");
        return set(l, key, base, s) < 0 ? at(l, l->member ? l->member : s, path) : 0;
    }
    if (group && (key->flags & KEY_REQUIRED))
        return fail(l, group, where, "'%s' is missing", name);
    return 0;
}

/* What the section's keys say together. */
static int check_mqtt(struct loader *l, const config_setting_t *group)
{
    struct conf_mqtt *m = &l->c->mqtt;
    m->configured = m->n_brokers > 0;
    if (!group)
        return 0;
    bool both = config_setting_get_member((config_setting_t *)group, "url") &&
                config_setting_get_member((config_setting_t *)group, "urls");
    bool tls = false;
    for (int i = 0; i < m->n_brokers; i++)
        tls = tls || m->brokers[i].tls;
    const char *wrong = NULL;
    if (both)
        wrong = "'url' or 'urls', not both";
    else if (!m->configured)
        wrong = "'url' is missing";
    else if (m->password && !m->username)
        wrong = "'password' needs a 'username' (MQTT 3.1.1 allows none without)";
    else if (!m->cert_file != !m->key_file)
        wrong = "'cert_file' and 'key_file' belong together: give both or none";
    else if ((m->ca_file || m->cert_file) && !tls)
        wrong = "'ca_file', 'cert_file' and 'key_file' are for a broker at mqtts://, and there is "
                "none";
    return wrong ? fail(l, group, "mqtt", "%s", wrong) : 0;
}

static int check_http(struct loader *l, const config_setting_t *group)
{
    const struct conf_http *h = &l->c->http;
    if (group && !h->listen)
        return fail(l, group, "http", "'listen' is missing");
    if (!h->cert_file != !h->key_file)
        return fail(
                l, group, "http", "'cert_file' and 'key_file' belong together: give both or none");
    return 0;
}

/* Everything but cameras. */
static int take_sections(struct loader *l, const config_setting_t *root)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        size_t n = schema_section_length(key);
        if (strncmp(key->path, "cameras.", 8) == 0)
            continue;
        char section[WHERE];
        (void)snprintf(section, sizeof(section), "%.*s", (int)n, key->path);
        const config_setting_t *group = root;
        int r = n ? get_group(l, root, section, &group) : 0;
        if (r == 0) {
            value_default(key, l->c);
            r = take(l, key, l->c, group, section);
        }
        if (r < 0)
            return r;
    }
    if (l->c->privacy.store_crops && l->c->privacy.aggregate_only)
        return fail(l, config_setting_get_member((config_setting_t *)root, "privacy"), "privacy",
                "with 'aggregate_only' nothing is kept of anybody, no picture either: take "
                "'store_crops' away, or 'aggregate_only'");
    int r = check_mqtt(l, config_setting_get_member((config_setting_t *)root, "mqtt"));
    if (r == 0)
        r = check_http(l, config_setting_get_member((config_setting_t *)root, "http"));
    return r;
}

static int take_defaults(
        struct loader *l, const config_setting_t *root, struct conf_camera *ret_camera)
{
    const config_setting_t *group;
    int r = get_group(l, root, "defaults", &group);
    for (size_t i = 0; i < conf_keys_count && r == 0; i++) {
        const struct conf_key *key = &conf_keys[i];
        if (strncmp(key->path, "cameras.", 8) != 0)
            continue;
        const char *name = schema_name(key);
        if (!(key->flags & KEY_OWN)) {
            value_default(key, ret_camera);
            r = take(l, key, ret_camera, group, "defaults");
        } else if (group && config_setting_get_member((config_setting_t *)group, name)) {
            r = fail(l, group, "defaults", "'%s' belongs to each camera", name);
        }
    }
    return r;
}

static const config_setting_t *camera_group(const config_setting_t *list, int i)
{
    return config_setting_get_elem(list, (unsigned)i);
}

static int take_camera(struct loader *l, const config_setting_t *list, int i)
{
    struct conf_camera *cam = &l->c->cameras[i];
    const config_setting_t *group = camera_group(list, i);
    char where[WHERE];
    (void)snprintf(where, sizeof(where), "cameras[%d]", i);
    if (!config_setting_is_group(group))
        return fail(l, group, where, "a group { ... } is expected, not %s", type_name(group));
    int r = check_keys(l, group, "cameras", where);
    for (size_t k = 0; k < conf_keys_count && r == 0; k++) {
        if (strncmp(conf_keys[k].path, "cameras.", 8) == 0)
            r = take(l, &conf_keys[k], cam, group, where);
    }
    if (r < 0)
        return r;
    if (cam->max_face && cam->max_face < cam->min_face)
        return fail(l, group, where, "max_face (%d) is smaller than min_face (%d)", cam->max_face,
                cam->min_face);
    for (int j = 0; j < i; j++) {
        if (strcmp(l->c->cameras[j].name, cam->name) == 0)
            return fail(l, config_setting_get_member((config_setting_t *)group, "name"), where,
                    "the name '%s' is taken by cameras[%d] in line %d", cam->name, j,
                    (int)config_setting_source_line(config_setting_get_member(
                            (config_setting_t *)camera_group(list, j), "name")));
    }
    return 0;
}

static int take_cameras(struct loader *l, const config_setting_t *root)
{
    struct conf_camera defaults = {0};
    int r = take_defaults(l, root, &defaults);
    if (r < 0)
        return r;
    const config_setting_t *list = config_setting_get_member((config_setting_t *)root, "cameras");
    if (list && !config_setting_is_list(list))
        return fail(l, list, "cameras",
                "a list of groups, ( { ... }, { ... } ), is expected, not %s", type_name(list));
    int n = list ? config_setting_length(list) : 0;
    if (n == 0 && !(l->flags & CONF_NO_CAMERAS))
        return fail(l, list, "",
                "there is no camera to watch: give one, as in "
                "cameras: ( { name = \"door\"; url = \"rtsp://192.0.2.7/stream\"; } );");
    l->c->cameras = mem_new((size_t)n, sizeof(*l->c->cameras));
    for (int i = 0; i < n; i++)
        l->c->cameras[i] = defaults;
    l->c->n_cameras = n; /* all may be freed from now on */
    for (int i = 0; i < n && r == 0; i++)
        r = take_camera(l, list, i);
    return r;
}

/* The host's name up to its first dot, in the characters that a name has. */
static void default_node(char node[NAME_SIZE])
{
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) < 0 || !host[0] || host[0] == '.')
        (void)snprintf(host, sizeof(host), "localhost");
    size_t n = 0;
    for (; n < NAME_SIZE - 1 && host[n] && host[n] != '.'; n++) {
        int c = tolower((unsigned char)host[n]);
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        node[n] = fine ? (char)c : '-';
    }
    node[n] = '\0';
}

/*
 * One for each core that we may run on, but no more than a busy house can use: reading the cameras
 * costs little and finds its time between them (twelve cameras on two cores: a third more pictures
 * looked at than with one worker).
 */
static int default_workers(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > WORKERS_BY_THEMSELVES ? WORKERS_BY_THEMSELVES : n;
}

static void fill_computed(struct conf *c)
{
    // NOLINTBEGIN(concurrency-mt-unsafe): main only, and nobody here sets a variable
    const char *run = getenv("RUNTIME_DIRECTORY"); /* may name several: "/run/a:/run/b" */
    const char *models = getenv("FACED_MODELS");
    // NOLINTEND(concurrency-mt-unsafe)
    if (!c->node[0])
        default_node(c->node);
    if (!c->control && run && *run)
        c->control = mem_format("%.*s/control.sock", (int)strcspn(run, ":"), run);
    if (!c->control)
        c->control = mem_strdup("/run/faced/control.sock");
    if (models && *models) {
        free(c->models.dir);
        c->models.dir = mem_strdup(models);
    }
    if (!c->mqtt.client_id)
        c->mqtt.client_id = mem_format("faced-%s", c->node);
    if (!c->http.password_file)
        c->http.password_file = mem_format("%s/http-password", c->secrets_dir);
    if (c->workers == 0)
        c->workers = default_workers();
}

/* libconfig's own text names no value, so that nothing of the file gets into a log. */
static int parse(struct loader *l, config_t *config, const char *text)
{
    if (config_read_string(config, text))
        return 0;
    const char *why = config_error_text(config);
    if (why && strcmp(why, "duplicate setting name") == 0)
        why = "this key stands twice in its group";
    else if (why && strncmp(why, "mismatched", 10) == 0)
        why = "an array [ ... ] holds values of one type";
    else
        why = "syntax error: something is missing here or just before: a ';', a quote, a bracket";
    err_set(l->e, -EINVAL, "%s:%d: %s", l->file, config_error_line(config), why);
    return -EINVAL;
}

static int read_text(struct loader *l, char **ret_text, size_t *ret_size)
{
    int r = text_read(l->file, ret_text, ret_size, l->e);
    if (r == -ENOENT && (l->flags & CONF_NO_FILE)) {
        *ret_text = mem_strdup("");
        *ret_size = 0;
        return 0;
    }
    return r < 0 ? r : text_check(l->file, *ret_text, *ret_size, l->e);
}

int conf_load(const char *file, unsigned flags, struct conf **ret, struct err *e)
{
    struct err own, shown;
    struct loader l = {
            .file = file, .flags = flags, .c = mem_new(1, sizeof(struct conf)), .e = e ? e : &own};
    config_t config;
    config_init(&config);
    l.c->holders = 1;
    l.c->file = mem_strdup(file);

    char *text = NULL;
    size_t size = 0;
    int r = read_text(&l, &text, &size);
    if (r == 0)
        r = parse(&l, &config, text);
    const config_setting_t *root = config_root_setting(&config);
    if (r == 0)
        r = check_keys(&l, root, "", "");
    if (r == 0)
        r = take_sections(&l, root);
    if (r == 0)
        r = take_cameras(&l, root);

    config_destroy(&config);
    if (text)
        explicit_bzero(text, size);
    free(text);
    if (r < 0) {
        /* Nothing above quotes a secret; should one stand in a wrong place, it goes here. */
        redact_text(shown.text, sizeof(shown.text), l.e->text);
        err_set(l.e, r, "%s", shown.text);
        conf_free(l.c);
        return r;
    }
    fill_computed(l.c);
    *ret = l.c;
    return 0;
}

struct conf *conf_hold(struct conf *c)
{
    c->holders++;
    return c;
}

void conf_free(struct conf *c)
{
    if (!c || --c->holders > 0)
        return;
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        if (strncmp(key->path, "cameras.", 8) != 0) {
            value_free(key, c);
            continue;
        }
        for (int k = 0; k < c->n_cameras; k++)
            value_free(key, &c->cameras[k]);
    }
    for (int k = 0; k < c->n_cameras; k++)
        free(c->cameras[k].url_shown);
    free(c->cameras);
    free(c->file);
    free(c);
}
