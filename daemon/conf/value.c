#include "conf/value.h"

#include "base/mem.h"
#include "base/redact.h"
#include "base/utf8.h"
#include "base/when.h"
#include "conf/address.h"
#include "conf/area.h"
#include "flow/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED 40 /* so much of a wrong value is shown */

static const char *const kinds[] = {
        [VALUE_BOOL] = "true or false",
        [VALUE_INT] = "a whole number",
        [VALUE_FLOAT] = "a number",
        [VALUE_TEXT] = "a string",
};

static const struct {
    char unit;
    int64_t bytes;
} units[] = {{'T', INT64_C(1) << 40}, {'G', 1 << 30}, {'M', 1 << 20}, {'K', 1 << 10}};

static void *place(const struct conf_key *key, const void *base)
{
    return (char *)(uintptr_t)base + key->offset;
}

static int wrong_kind(const struct conf_key *key, const struct value *v, struct err *e)
{
    char expected[160];
    schema_expects(key, expected, sizeof(expected));
    return err_set(e, -EINVAL, "%s is expected, not %s", expected, kinds[v->kind]);
}

static int not_one(const struct conf_key *key, const char *text, struct err *e)
{
    char expected[160];
    schema_expects(key, expected, sizeof(expected));
    return err_set(e, -EINVAL, "'%.*s' is not %s", QUOTED, text, expected);
}

static int out_of_range(const struct conf_key *key, const char *shown, struct err *e)
{
    char expected[160];
    schema_expects(key, expected, sizeof(expected));
    /* "a number, 0.5 to 30": what stands behind the comma */
    const char *range = strchr(expected, ',');
    return err_set(e, -EINVAL, "%s is out of range%s", shown, range ? range : "");
}

static bool within(const struct conf_key *key, double x)
{
    if (x == 0 && (key->flags & KEY_OR_NONE))
        return true;
    return x >= key->min && x <= key->max; /* false for NAN */
}

int value_parse_size(const char *text, int64_t *ret_bytes)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno)
        return -EINVAL;
    int64_t unit = 1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && *end; i++) {
        if (*end == units[i].unit) {
            unit = units[i].bytes;
            end++;
            break;
        }
    }
    return *end || __builtin_mul_overflow((int64_t)n, unit, ret_bytes) ? -EINVAL : 0;
}

void value_format_size(char ret_text[32], int64_t bytes)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (bytes && bytes % units[i].bytes == 0) {
            (void)snprintf(
                    ret_text, 32, "%lld%c", (long long)(bytes / units[i].bytes), units[i].unit);
            return;
        }
    }
    (void)snprintf(ret_text, 32, "%lld", (long long)bytes);
}

/* Texts go into topics, JSON and log lines: nothing there could carry anything else. */
static int check_text(const char *text, struct err *e)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = utf8_length(p);
        if (n == 0)
            return err_set(e, -EINVAL, "the value is not UTF-8 text");
        if (utf8_control(p))
            return err_set(e, -EINVAL, "the value contains a line end or control character");
        p += n;
    }
    return 0;
}

static int check_length(const struct conf_key *key, const char *text, struct err *e)
{
    size_t n = strlen(text);
    if (n == 0)
        return err_set(e, -EINVAL, "the value is empty");
    if (within(key, (double)n))
        return 0;
    return err_set(e, -EINVAL, "the value has %zu bytes, at most %g are allowed", n, key->max);
}

static int check_topic(const char *text, struct err *e)
{
    size_t n = strlen(text);
    if (strpbrk(text, "+# ") || text[0] == '$')
        return err_set(e, -EINVAL, "a topic contains no space, '+' or '#' and begins with no '$'");
    if (text[0] == '/' || text[n - 1] == '/' || strstr(text, "//"))
        return err_set(e, -EINVAL, "each level of a topic has a name: a '/' only between two");
    return 0;
}

static void put_text(char **slot, const char *text)
{
    if (*slot) {
        explicit_bzero(*slot, strlen(*slot));
        free(*slot);
    }
    *slot = mem_strdup(text);
}

static int set_name(const struct conf_key *key, char *slot, const char *text, struct err *e)
{
    size_t n = strlen(text);
    if (n == 0 || n >= NAME_SIZE || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != n)
        return not_one(key, text, e);
    memcpy(slot, text, n + 1);
    return 0;
}

static int set_number64(const struct conf_key *key, int64_t *slot, const char *text, struct err *e)
{
    int64_t n;
    int bad = key->type == KEY_SIZE ? value_parse_size(text, &n) : when_parse_duration(text, &n);
    if (bad)
        return not_one(key, text, e);
    if (!within(key, (double)n)) {
        char shown[QUOTED + 1];
        (void)snprintf(shown, sizeof(shown), "%s", text);
        return out_of_range(key, shown, e);
    }
    *slot = n;
    return 0;
}

static int set_text(const struct conf_key *key, void *base, const char *text, struct err *e)
{
    void *slot = place(key, base);
    int r = key->flags & KEY_HIDDEN ? 0 : check_text(text, e);
    if (r < 0)
        return r;
    switch (key->type) {
    case KEY_NAME: return set_name(key, slot, text, e);
    case KEY_DURATION:
    case KEY_SIZE: return set_number64(key, slot, text, e);
    case KEY_BROKER:
    case KEY_BROKERS: return address_broker(text, slot, e);
    case KEY_AREAS: return area_add(text, slot, e);
    case KEY_ENUM:
        for (int i = 0; key->words[i]; i++) {
            if (strcmp(key->words[i], text) == 0) {
                *(int *)slot = i;
                return 0;
            }
        }
        return not_one(key, text, e);
    default: break;
    }
    r = check_length(key, text, e);
    if (r == 0 && key->type == KEY_TOPIC)
        r = check_topic(text, e);
    if (r == 0 && key->type == KEY_SOURCE)
        r = address_source(text, e);
    if (r == 0 && key->type == KEY_LISTEN)
        r = address_listen(text, NULL, NULL, e);
    if (r == 0 && key->type == KEY_HARDWARE)
        memcpy(slot, text, strlen(text) + 1);
    else if (r == 0)
        put_text(slot, text);
    return r;
}

static int set_int(const struct conf_key *key, void *base, long long n, struct err *e)
{
    if (!within(key, (double)n)) {
        char shown[32];
        (void)snprintf(shown, sizeof(shown), "%lld", n);
        return out_of_range(key, shown, e);
    }
    if (key->type == KEY_FLOAT)
        *(double *)place(key, base) = (double)n;
    else
        *(int *)place(key, base) = (int)n;
    return 0;
}

static int set_float(const struct conf_key *key, void *base, double x, struct err *e)
{
    if (!within(key, x)) {
        char shown[32];
        (void)snprintf(shown, sizeof(shown), "%g", x);
        return out_of_range(key, shown, e);
    }
    *(double *)place(key, base) = x;
    return 0;
}

int value_set(const struct conf_key *key, void *base, const struct value *v, struct err *e)
{
    switch (key->type) {
    case KEY_BOOL:
        if (v->kind != VALUE_BOOL)
            return wrong_kind(key, v, e);
        *(bool *)place(key, base) = v->yes;
        return 0;
    case KEY_INT:
        return v->kind == VALUE_INT ? set_int(key, base, v->whole, e) : wrong_kind(key, v, e);
    case KEY_FLOAT:
        if (v->kind == VALUE_INT)
            return set_int(key, base, v->whole, e);
        return v->kind == VALUE_FLOAT ? set_float(key, base, v->number, e) : wrong_kind(key, v, e);
    default: return v->kind == VALUE_TEXT ? set_text(key, base, v->text, e) : wrong_kind(key, v, e);
    }
}

void value_default(const struct conf_key *key, void *base)
{
    if (!key->fallback)
        return;
    struct value v = {VALUE_TEXT, .text = key->fallback};
    if (key->type == KEY_BOOL)
        v = (struct value){VALUE_BOOL, .yes = strcmp(key->fallback, "true") == 0};
    if (key->type == KEY_INT)
        v = (struct value){VALUE_INT, .whole = strtoll(key->fallback, NULL, 10)};
    if (key->type == KEY_FLOAT)
        v = (struct value){VALUE_FLOAT, .number = strtod(key->fallback, NULL)};
    (void)value_set(key, base, &v, NULL); /* a test sets each of them */
}

static bool is_pointer(const struct conf_key *key)
{
    return key->type == KEY_STRING || key->type == KEY_PATH || key->type == KEY_TOPIC ||
           key->type == KEY_SOURCE || key->type == KEY_LISTEN;
}

static void wipe(char **slot)
{
    if (*slot)
        explicit_bzero(*slot, strlen(*slot));
    free(*slot);
    *slot = NULL;
}

void value_free(const struct conf_key *key, void *base)
{
    if (is_pointer(key))
        wipe(place(key, base));
    if (key->type == KEY_BROKER || key->type == KEY_BROKERS) {
        struct conf_mqtt *m = place(key, base);
        for (int i = 0; i < m->n_brokers; i++) {
            wipe(&m->brokers[i].host);
            wipe(&m->brokers[i].url_shown);
        }
        free(m->brokers);
        m->brokers = NULL;
        m->n_brokers = 0;
    }
}

bool value_none(const struct conf_key *key, const void *base)
{
    const struct conf_mqtt *m = place(key, (void *)base);
    if (key->type == KEY_BROKER || key->type == KEY_BROKERS)
        return m->n_brokers == 0 || m->listed != (key->type == KEY_BROKERS);
    if (key->type == KEY_AREAS)
        return ((const struct polygons *)place(key, base))->n == 0;
    return is_pointer(key) && !*(char **)place(key, base);
}

/* libconfig's escapes for what would end the string, and ours for what would begin a secret. */
static void print_text(const char *text, FILE *to)
{
    size_t size = strlen(text) * 3 + 1; /* "***" may stand for a password of one character */
    char *shown = mem_new(size, 1);
    redact_text(shown, size, text);
    fputc('"', to);
    for (const char *p = shown; *p; p++) {
        if (*p == '"' || *p == '\\')
            fputc('\\', to);
        if (p[0] == '$' && p[1] == '{')
            fputc('$', to);
        fputc(*p, to);
    }
    fputc('"', to);
    free(shown);
}

/* The shortest decimal that is read as the same number, with a point, so that it is a float. */
static void print_float(double x, FILE *to)
{
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    fprintf(to, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void print_brokers(const struct conf_mqtt *m, FILE *to)
{
    if (m->listed)
        fputs("( ", to);
    for (int i = 0; i < m->n_brokers; i++) {
        const struct conf_broker *b = &m->brokers[i];
        bool ipv6 = strchr(b->host, ':');
        char *url = mem_format("mqtt%s://%s%s%s:%d", b->tls ? "s" : "", ipv6 ? "[" : "", b->host,
                ipv6 ? "]" : "", b->port);
        if (i)
            fputs(", ", to);
        print_text(url, to);
        free(url);
    }
    if (m->listed)
        fputs(" )", to);
}

void value_print(const struct conf_key *key, const void *base, FILE *to)
{
    const void *slot = place(key, base);
    char text[WHEN_TEXT];
    switch (key->type) {
    case KEY_BOOL: fputs(*(const bool *)slot ? "true" : "false", to); break;
    case KEY_INT: fprintf(to, "%d", *(const int *)slot); break;
    case KEY_FLOAT: print_float(*(const double *)slot, to); break;
    case KEY_HARDWARE:
    case KEY_NAME: print_text(slot, to); break;
    case KEY_ENUM: print_text(key->words[*(const int *)slot], to); break;
    case KEY_BROKER:
    case KEY_BROKERS: print_brokers(slot, to); break;
    case KEY_AREAS: area_print(slot, to); break;
    case KEY_SOURCE: print_text(((const struct conf_camera *)base)->url_shown, to); break;
    case KEY_DURATION:
        when_format_duration(text, *(const int64_t *)slot);
        print_text(text, to);
        break;
    case KEY_SIZE:
        value_format_size(text, *(const int64_t *)slot);
        print_text(text, to);
        break;
    default: print_text(key->flags & KEY_HIDDEN ? "***" : *(char *const *)slot, to); break;
    }
}
