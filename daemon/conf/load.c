#include "conf/load.h"

#include "base/mem.h"
#include "base/redact.h"
#include "conf/group.h"
#include "conf/schema.h"
#include "conf/text.h"
#include "conf/value.h"

#include <ctype.h>
#include <errno.h>
#include <libconfig.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_BY_THEMSELVES 8

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
    return wrong ? group_fail(l, group, "mqtt", "%s", wrong) : 0;
}

static int check_http(struct loader *l, const config_setting_t *group)
{
    const struct conf_http *h = &l->c->http;
    if (group && !h->listen)
        return group_fail(l, group, "http", "'listen' is missing");
    if (!h->cert_file != !h->key_file)
        return group_fail(
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
        char section[GROUP_WHERE];
        (void)snprintf(section, sizeof(section), "%.*s", (int)n, key->path);
        const config_setting_t *group = root;
        int r = n ? group_find(l, root, section, &group) : 0;
        if (r == 0) {
            value_default(key, l->c);
            r = group_take(l, key, l->c, group, section);
        }
        if (r < 0)
            return r;
    }
    if (l->c->privacy.store_crops && l->c->privacy.aggregate_only)
        return group_fail(l, config_setting_get_member((config_setting_t *)root, "privacy"),
                "privacy",
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
    int r = group_find(l, root, "defaults", &group);
    for (size_t i = 0; i < conf_keys_count && r == 0; i++) {
        const struct conf_key *key = &conf_keys[i];
        if (strncmp(key->path, "cameras.", 8) != 0)
            continue;
        const char *name = schema_name(key);
        if (!(key->flags & KEY_OWN)) {
            value_default(key, ret_camera);
            r = group_take(l, key, ret_camera, group, "defaults");
        } else if (group && config_setting_get_member((config_setting_t *)group, name)) {
            r = group_fail(l, group, "defaults", "'%s' belongs to each camera", name);
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
    char where[GROUP_WHERE];
    (void)snprintf(where, sizeof(where), "cameras[%d]", i);
    if (!config_setting_is_group(group))
        return group_fail(
                l, group, where, "a group { ... } is expected, not %s", group_type(group));
    int r = group_check(l, group, "cameras", where);
    for (size_t k = 0; k < conf_keys_count && r == 0; k++) {
        if (strncmp(conf_keys[k].path, "cameras.", 8) == 0)
            r = group_take(l, &conf_keys[k], cam, group, where);
    }
    if (r < 0)
        return r;
    if (cam->max_face && cam->max_face < cam->min_face)
        return group_fail(l, group, where, "max_face (%d) is smaller than min_face (%d)",
                cam->max_face, cam->min_face);
    for (int j = 0; j < i; j++) {
        if (strcmp(l->c->cameras[j].name, cam->name) == 0)
            return group_fail(l, config_setting_get_member((config_setting_t *)group, "name"),
                    where, "the name '%s' is taken by cameras[%d] in line %d", cam->name, j,
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
        return group_fail(l, list, "cameras",
                "a list of groups, ( { ... }, { ... } ), is expected, not %s", group_type(list));
    int n = list ? config_setting_length(list) : 0;
    if (n == 0 && !(l->flags & CONF_NO_CAMERAS))
        return group_fail(l, list, "",
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
    struct loader l = {.file = file,
            .flags = flags,
            .resolve = !(flags & CONF_NO_SECRETS),
            .c = mem_new(1, sizeof(struct conf)),
            .e = e ? e : &own};
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
        r = group_check(&l, root, "", "");
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
