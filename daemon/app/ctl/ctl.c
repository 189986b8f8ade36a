#include "app/ctl/ctl.h"

#include "base/mem.h"
#include "base/redact.h"
#include "base/url.h"
#include "conf/load.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int ctl_fail(enum ctl_exit code, const char *command, const char *fmt, ...)
{
    char raw[1024], text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    redact_text(text, sizeof(text), raw);
    fprintf(stderr, "facectl %s: %s\n", command, text);
    return (int)code;
}

void ctl_put_name(struct json_t *j, const char *key, const char *name)
{
    json_t *text = json_string(name);
    if (text) {
        json_object_set_new(j, key, text);
        return;
    }
    char *ascii = mem_strdup(name), *whole = url_encode(name);
    char *other = mem_format("%s_encoded", key);
    for (char *p = ascii; *p; p++) {
        if (*p & 0x80)
            *p = '?';
    }
    json_object_set_new(j, key, json_string(ascii));
    json_object_set_new(j, other, json_string(whole));
    free(ascii);
    free(whole);
    free(other);
}

void ctl_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = CTL_USAGE;
    static char name[64];
    (void)snprintf(name, sizeof(name), "facectl %s", argv[0]);
    argv[0] = name; /* argp shows it in usage lines and errors */
    argp_parse(argp, argc, argv, 0, NULL, input);
}

static const struct argp_option common_options[] = {
        {"config", 'c', "FILE", 0, "The daemon's configuration; default " CTL_CONF_DEFAULT, 0},
        {"json", 'j', NULL, 0, "One JSON document", 0},
        {0},
};

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct ctl_common *common = state->input;
    switch (key) {
    case 'c': common->file = arg; break;
    case 'j': common->json = true; break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp common_argp = {.options = common_options, .parser = parse_common};
const struct argp_child ctl_common[] = {{&common_argp, 0, NULL, 0}, {0}};

struct conf *ctl_conf(const char *command, const char *file)
{
    /* Without a file given, the defaults are as good as an absent one. */
    unsigned flags = CONF_NO_SECRETS | CONF_NO_CAMERAS | (file ? 0 : CONF_NO_FILE);
    struct conf *conf = NULL;
    struct err e = {0};
    if (conf_load(file ? file : CTL_CONF_DEFAULT, flags, &conf, &e) < 0) {
        ctl_fail(CTL_CONFIG, command, "%s", e.text);
        return NULL;
    }
    return conf;
}
