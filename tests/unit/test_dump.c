/* needs: conf/dump conf/load conf/group conf/value conf/schema conf/address conf/area conf/expand conf/text base/err base/mem base/log base/mono base/url base/redact base/when base/utf8 flow/polygon */
#include "conf/dump.h"

#include "base/redact.h"
#include "conf/load.h"
#include "conf/schema.h"
#include "conf/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct conf *load(const char *text, unsigned flags)
{
    int fd = memfd_create("conf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct conf *c = NULL;
    struct err e;
    if (conf_load(path, flags, &c, &e) < 0)
        fail_msg("%s in:\n%s", e.text, text);
    close(fd);
    return c;
}

static char *dump(const struct conf *c)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    conf_dump(c, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

/* The values themselves, not their text: what a dump rounds would be equal twice as text. */
static void same_value(const struct conf_key *key, const void *a, const void *b)
{
    const char *pa = (const char *)a + key->offset, *pb = (const char *)b + key->offset;
    switch (key->type) {
    case KEY_BOOL: assert_int_equal(*(const bool *)pa, *(const bool *)pb); break;
    case KEY_INT:
    case KEY_ENUM: assert_int_equal(*(const int *)pa, *(const int *)pb); break;
    case KEY_FLOAT: assert_true(*(const double *)pa == *(const double *)pb); break;
    case KEY_DURATION:
    case KEY_SIZE: assert_int_equal(*(const int64_t *)pa, *(const int64_t *)pb); break;
    case KEY_HARDWARE:
    case KEY_NAME: assert_string_equal(pa, pb); break;
    case KEY_BROKER:
    case KEY_BROKERS: {
        const struct conf_mqtt *ma = (const void *)pa, *mb = (const void *)pb;
        assert_int_equal(ma->configured, mb->configured);
        assert_int_equal(ma->listed, mb->listed);
        assert_int_equal(ma->n_brokers, mb->n_brokers);
        for (int i = 0; i < ma->n_brokers; i++) {
            assert_int_equal(ma->brokers[i].port, mb->brokers[i].port);
            assert_int_equal(ma->brokers[i].tls, mb->brokers[i].tls);
            assert_string_equal(ma->brokers[i].host, mb->brokers[i].host);
        }
        break;
    }
    case KEY_AREAS: assert_true(polygons_same((const void *)pa, (const void *)pb)); break;
    default: {
        const char *sa = *(char *const *)pa, *sb = *(char *const *)pb;
        assert_int_equal(sa == NULL, sb == NULL);
        if (sa)
            assert_string_equal(sa, sb);
    }
    }
}

static void same(const struct conf *a, const struct conf *b)
{
    assert_int_equal(a->n_cameras, b->n_cameras);
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (strncmp(conf_keys[i].path, "cameras.", 8) != 0)
            same_value(&conf_keys[i], a, b);
        for (int k = 0; k < a->n_cameras && strncmp(conf_keys[i].path, "cameras.", 8) == 0; k++)
            same_value(&conf_keys[i], &a->cameras[k], &b->cameras[k]);
    }
}

static void random_polygons(unsigned *seed, FILE *to)
{
    int n = rand_r(seed) % (POLYGONS_MAX + 1);
    fputs("( ", to);
    for (int i = 0; i < n; i++) {
        fputs(i ? ", \"0,0" : "\"0,0", to); /* and on no line with it */
        for (int k = 2 + rand_r(seed) % (POLYGON_POINTS - 2); k > 0; k--)
            fprintf(to, ", %.9g,%.4g", rand_r(seed) / (double)RAND_MAX,
                    k % 2 ? rand_r(seed) / (double)RAND_MAX : k * 1e-5);
        fputs("\"", to);
    }
    fputs(" )", to);
}

/* A random value within the key's range, as it would be written. */
static void random_value(const struct conf_key *key, unsigned *seed, int nth, FILE *to)
{
    static const char *const texts[] = {"plain", "with \\\"quotes\\\"", "back\\\\slash", "$${x}",
            "$$$", "\xc3\xa9\xe2\x82\xac"};
    char text[32];
    double x = key->min + (key->max - key->min) * ((double)rand_r(seed) / RAND_MAX);
    switch (key->type) {
    case KEY_BOOL: fputs(rand_r(seed) & 1 ? "true" : "false", to); break;
    case KEY_INT: fprintf(to, "%d", (int)x); break;
    case KEY_FLOAT: fprintf(to, "%.17g%s", x, x == (int)x ? ".0" : ""); break;
    case KEY_DURATION: fprintf(to, "\"%lldus\"", (long long)x); break;
    case KEY_SIZE: {
        int shift = rand_r(seed) % 4 * 10; /* whole bytes, K, M, G */
        int64_t bytes = (int64_t)x >> shift << shift;
        value_format_size(text, bytes < (int64_t)key->min ? (int64_t)key->min : bytes);
        fprintf(to, "\"%s\"", text);
        break;
    }
    case KEY_NAME: fprintf(to, "\"n-%d\"", nth); break;
    case KEY_ENUM: fprintf(to, "\"%s\"", key->words[rand_r(seed) & 1]); break;
    case KEY_BROKERS: fputs("( ", to); /* fall through */
    case KEY_BROKER:
        fprintf(to, "\"mqtts://%s:%d\"", rand_r(seed) & 1 ? "[::1]" : "host",
                1 + rand_r(seed) % 65535);
        if (key->type == KEY_BROKERS)
            fputs(", \"mqtt://second\" )", to);
        break;
    case KEY_TOPIC: fputs("\"a/b\"", to); break;
    case KEY_AREAS: random_polygons(seed, to); break;
    case KEY_HARDWARE: fprintf(to, "\"vaapi:/dev/dri/renderD%d\"", nth); break;
    case KEY_LISTEN: fputs("\"[::1]:8080\"", to); break;
    default: fprintf(to, "\"%s\"", texts[(size_t)rand_r(seed) % 6]); break;
    }
}

static void section(const char *name, bool required, unsigned *seed, int nth, FILE *to)
{
    bool listed = rand_r(seed) & 1;
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        size_t n = schema_section_length(key);
        if (strlen(name) != n || strncmp(key->path, name, n) != 0 || key->flags & KEY_HIDDEN)
            continue;
        if (strcmp(key->path, "cameras.max_face") == 0)
            continue; /* bound to the other one */
        bool broker = key->type == KEY_BROKER || key->type == KEY_BROKERS;
        if (broker && listed != (key->type == KEY_BROKERS))
            continue; /* one of both */
        bool pair =
                strncmp(key->path, "mqtt.cert", 9) == 0 || strncmp(key->path, "mqtt.key", 8) == 0;
        if (!(required && key->flags & KEY_REQUIRED) && !broker && !pair && rand_r(seed) % 3 == 0)
            continue;
        fprintf(to, " %s = ", schema_name(key));
        random_value(key, seed, nth, to);
        fputs(";\n", to);
    }
}

static void a_dump_loads_to_the_same_values(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    static const char *const groups[] = {
            "database", "mqtt", "models", "attributes", "track", "pipeline"};
    for (int round = 0; round < 200; round++) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        section("", false, &seed, round, f);
        for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
            if (rand_r(&seed) % 4 == 0)
                continue;
            fprintf(f, "%s: {\n", groups[i]);
            section(groups[i], true, &seed, round, f);
            fputs("};\n", f);
        }
        fputs("cameras: (", f);
        int cameras = 1 + rand_r(&seed) % 4;
        for (int i = 0; i < cameras; i++) {
            fputs(i ? ", {\n" : "{\n", f);
            section("cameras", true, &seed, i, f);
            fputs("}", f);
        }
        fputs(");\n", f);
        assert_int_equal(fclose(f), 0);

        struct conf *first = load(text, 0);
        char *once = dump(first);
        struct conf *second = load(once, 0);
        char *twice = dump(second);
        same(first, second);
        assert_string_equal(once, twice);
        conf_free(first);
        conf_free(second);
        free(text);
        free(once);
        free(twice);
    }
}

static void no_secret_is_dumped(void **state)
{
    (void)state;
    assert_int_equal(setenv("FACED_T", "geheimnis", 1), 0);
    struct conf *c =
            load("mqtt: { url = \"mqtt://h\"; username = \"${env:FACED_T}\";"
                 "password = \"geheim\"; };"
                 "cameras: ({ name = \"a\"; url = \"rtsp://u:geheim@h/?t=${env:FACED_T}\"; },"
                 "{ name = \"b\"; url = \"rtsp://u:x@h/\"; });",
                    0);
    assert_string_equal(c->mqtt.password, "geheim");
    assert_string_equal(c->cameras[0].url, "rtsp://u:geheim@h/?t=geheimnis");
    char *text = dump(c);
    assert_null(strstr(text, "geheim"));
    assert_null(strstr(text, ":x@"));
    assert_non_null(strstr(text, "password = \"***\";"));
    assert_non_null(strstr(text, "url = \"rtsp://u:***@h/?t=***\";"));
    conf_free(load(text, 0)); /* still a configuration */
    conf_free(c);
    free(text);
    redact_clear();
}

static void without_cameras_or_broker(void **state)
{
    (void)state;
    struct conf *c = load("", CONF_NO_CAMERAS);
    char *text = dump(c);
    assert_null(strstr(text, "mqtt"));
    conf_free(load(text, CONF_NO_CAMERAS));
    conf_free(c);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_dump_loads_to_the_same_values),
            cmocka_unit_test(no_secret_is_dumped),
            cmocka_unit_test(without_cameras_or_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
