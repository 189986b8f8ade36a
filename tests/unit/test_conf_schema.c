/* needs: conf/load conf/group conf/value conf/schema conf/address conf/area conf/expand conf/text base/err base/mem base/log base/mono base/url base/redact base/when base/utf8 flow/polygon */
#include "conf/schema.h"

#include "base/redact.h"
#include "conf/load.h"
#include "conf/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define EXAMPLE "config/faced.conf" /* tests run from the top of the source tree */

/* Is this the first key of its section, and does the section appear again further up? */
static bool section_again(size_t i)
{
    size_t n = schema_section_length(&conf_keys[i]);
    if (i == 0 || n == 0 || strncmp(conf_keys[i - 1].path, conf_keys[i].path, n + 1) == 0)
        return false;
    for (size_t k = 0; k < i; k++) {
        if (strncmp(conf_keys[k].path, conf_keys[i].path, n + 1) == 0)
            return true;
    }
    return false;
}

static void the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        char section[32], expected[160];
        (void)snprintf(
                section, sizeof(section), "%.*s", (int)schema_section_length(key), key->path);
        assert_ptr_equal(schema_find(section, schema_name(key)), key); /* no name twice */
        assert_true(!section[0] || schema_is_section(section));
        assert_false(section_again(i));
        assert_true(key->meaning && key->meaning[strlen(key->meaning) - 1] == '.');
        assert_true(strlen(key->meaning) < 90);
        assert_true(!key->fallback || !key->computed);
        assert_int_equal(key->type == KEY_ENUM, key->words != NULL);
        schema_expects(key, expected, sizeof(expected));
        assert_true(strlen(expected) > 0);
    }
}

/* A default that its own key would refuse would be left out without a word. */
static void every_default_is_within_its_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        union {
            struct conf conf;
            struct conf_camera camera;
        } base;
        memset(&base, 0, sizeof(base));
        if (!key->fallback)
            continue;
        struct value v = {VALUE_TEXT, .text = key->fallback};
        if (key->type == KEY_BOOL)
            v = (struct value){VALUE_BOOL, .yes = true};
        if (key->type == KEY_INT)
            v = (struct value){VALUE_INT, .whole = strtoll(key->fallback, NULL, 10)};
        if (key->type == KEY_FLOAT)
            v = (struct value){VALUE_FLOAT, .number = strtod(key->fallback, NULL)};
        struct err e;
        if (value_set(key, &base, &v, &e) < 0)
            fail_msg("%s: %s", key->path, e.text);
        value_free(key, &base);
    }
}

static void suggestions(void **state)
{
    (void)state;
    static const struct {
        const char *section, *name, *meant;
    } cases[] = {
            {"cameras", "fsp", "fps"},
            {"cameras", "fp", "fps"},
            {"cameras", "nmae", "name"},
            {"cameras", "minface", "min_face"},
            {"cameras", "tranport", "transport"},
            {"mqtt", "user_name", "username"},
            {"mqtt", "usrname", "username"},
            {"", "camera", "cameras"},
            {"", "default", "defaults"},
            {"", "confirm", "track.confirm"},
            {"mqtt", "detector", "models.detector"},
            {"cameras", "zzz", NULL},
            {"", "x", NULL},
            {"", "an_endless_key_that_is_longer_than_any_other", NULL},
            {"", "", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *meant = schema_suggest(cases[i].section, cases[i].name);
        if (cases[i].meant && !meant)
            fail_msg("nothing for %s", cases[i].name);
        if (cases[i].meant)
            assert_string_equal(meant, cases[i].meant);
        else
            assert_null(meant);
    }
}

static char *read_example(void)
{
    FILE *f = fopen(EXAMPLE, "re");
    if (!f)
        fail_msg("cannot open " EXAMPLE ": run tests from the top of the source tree");
    char *text = calloc(1, 65536);
    assert_true(fread(text, 1, 65535, f) > 0);
    assert_int_equal(fclose(f), 0);
    return text;
}

/* Behind a #: is it configuration, and not prose? */
static bool is_configuration(const char *p)
{
    p += strspn(p, " ");
    size_t brackets = strspn(p, "(){};"), word = strspn(p, "abcdefghijklmnopqrstuvwxyz_");
    if (brackets)
        return p[brackets] == '\n';
    return word && (strncmp(p + word, " = ", 3) == 0 || strncmp(p + word, ":\n", 2) == 0);
}

/* Takes the # away from every such line. */
static char *uncommented(const char *text)
{
    char *out = calloc(1, strlen(text) + 1), *o = out;
    for (const char *line = text; *line;) {
        const char *next = strchr(line, '\n') + 1, *hash = line + strspn(line, " ");
        if (*hash == '#' && is_configuration(hash + 1))
            line = hash + 1;
        memcpy(o, line, (size_t)(next - line));
        o += next - line;
        line = next;
    }
    return out;
}

static int load_text(const char *text, unsigned flags, struct conf **ret, struct err *e)
{
    int fd = memfd_create("conf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int r = conf_load(path, flags, ret, e);
    close(fd);
    return r;
}

/* Every key stands in the example, with its meaning above it and its default behind it. */
static void the_example_shows_every_key(void **state)
{
    (void)state;
    char *text = read_example();
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        char line[128], meaning[128];
        bool plain = key->type == KEY_BOOL || key->type == KEY_INT || key->type == KEY_FLOAT;
        const char *quote = plain ? "" : "\"";
        if (key->fallback)
            (void)snprintf(line, sizeof(line), "#%s = %s%s%s;\n", schema_name(key), quote,
                    key->fallback, quote);
        else
            (void)snprintf(line, sizeof(line), "%s = %s\"", schema_name(key),
                    key->type == KEY_BROKERS || key->type == KEY_AREAS ? "( " : "");
        if (key->flags & KEY_OWN) {
            assert_non_null(strstr(text, line));
            continue; /* they are shown by the camera at the top */
        }
        (void)snprintf(meaning, sizeof(meaning), "# %s", key->meaning);
        const char *at = strstr(text, meaning);
        if (!at)
            fail_msg("%s: its meaning is not in " EXAMPLE ": %s", key->path, key->meaning);
        const char *next = strchr(at, '\n') + 1, *found = strstr(next, line);
        if (!found || found > strchr(next, '\n'))
            fail_msg("%s: below its meaning must stand: %s", key->path, line);
    }
    free(text);
}

/* As it is installed it is refused for want of a camera and for nothing else. */
static void the_example_as_it_is(void **state)
{
    (void)state;
    char *text = read_example();
    struct conf *c = NULL;
    struct err e;
    assert_int_not_equal(load_text(text, 0, &c, &e), 0);
    assert_non_null(strstr(e.text, "there is no camera to watch"));
    if (load_text(text, CONF_NO_CAMERAS, &c, &e) < 0)
        fail_msg("%s", e.text);
    conf_free(c);
    free(text);
}

/* And with every # taken away it loads, and so holds no key that the table does not know. */
static void the_example_with_all_keys(void **state)
{
    (void)state;
    char *text = read_example(), *all = uncommented(text);
    static const char one[] = "url = \"mqtt://localhost\";"; /* or several, not both */
    char *url = strstr(all, one);
    assert_non_null(url);
    memset(url, ' ', sizeof(one) - 1);
    struct conf *c = NULL;
    struct err e;
    if (load_text(all, CONF_NO_SECRETS, &c, &e) < 0)
        fail_msg("%s in:\n%s", e.text, all);
    assert_int_equal(c->n_cameras, 1);
    assert_true(c->mqtt.configured);
    conf_free(c);
    free(all);
    free(text);
    redact_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_table_is_sound),
            cmocka_unit_test(every_default_is_within_its_range),
            cmocka_unit_test(suggestions),
            cmocka_unit_test(the_example_shows_every_key),
            cmocka_unit_test(the_example_as_it_is),
            cmocka_unit_test(the_example_with_all_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
