#include "app/ctl/ctl.h"
#include "app/ctl/table.h"
#include "base/mem.h"
#include "conf/load.h"
#include "flow/settings.h"
#include "vision/card.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENDING ".card.json"

struct arguments {
    struct ctl_common common;
    bool verify;
    const char *fetch; /* a model's name */
};

static const struct argp_option options[] = {
        {"fetch", 'f', "NAME", 0, "Bring a model: its files by the catalogue, and its card", 0},
        {"verify", 'v', NULL, 0, "Compare each file with its card's checksum", 0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case 'f': a->fetch = arg; break;
    case 'v': a->verify = true; break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int is_card(const struct dirent *d)
{
    size_t n = strlen(d->d_name), end = strlen(ENDING);
    return n > end && strcmp(d->d_name + n - end, ENDING) == 0;
}

enum fitness {
    FIT_READY,
    FIT_ABSENT, /* a card may be there long before its weights are */
    FIT_WRONG,
};

/* And in words, for dst. */
static enum fitness judge(const struct card *card, bool verify, char *dst, size_t size)
{
    struct err e = {0};
    for (int i = 0; i < card->n_files; i++) {
        FILE *f = fopen(card->file[i].path, "re");
        if (!f) {
            (void)snprintf(dst, size, "%s: %s; `facectl models --fetch %s` brings it",
                    card->file[i].path, err_name(errno), card->name);
            return FIT_ABSENT;
        }
        (void)fclose(f);
    }
    bool wrong = verify && card_verify(card, &e) < 0;
    (void)snprintf(dst, size, "%s", wrong ? e.text : verify ? "ready, checked" : "ready");
    return wrong ? FIT_WRONG : FIT_READY;
}

static json_t *optional(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *card_json(const struct card *c, const char *state)
{
    json_t *j = json_object();
    json_object_set_new(j, "name", json_string(c->name));
    json_object_set_new(
            j, "kind", json_string(c->kind == CARD_DETECTOR ? "detector" : "attributes"));
    json_object_set_new(j, "state", json_string(state));
    json_object_set_new(j, "about", optional(c->about));
    json_object_set_new(j, "source", optional(c->source));
    json_object_set_new(j, "licence", optional(c->licence));
    json_object_set_new(j, "training_data", optional(c->training_data));
    json_object_set_new(j, "not_fit_for", optional(c->not_fit_for));
    json_object_set_new(j, "accuracy_published", optional(c->accuracy_published));
    json_object_set_new(j, "accuracy_measured", optional(c->accuracy_measured));
    if (c->kind == CARD_ATTRIBUTES)
        json_object_set_new(j, "ages", json_pack("[f, f]", c->age_min, c->age_max));
    json_t *files = json_array();
    for (int i = 0; i < c->n_files; i++)
        json_array_append_new(files, json_pack("{s:s, s:s, s:s?}", "role", c->file[i].role, "path",
                                             c->file[i].path, "sha256", c->file[i].sha256));
    json_object_set_new(j, "files", files);
    return j;
}

static void print_line(const char *title, const char *value)
{
    if (value)
        printf("  %-10s %s\n", title, value);
}

static void print_card(const struct card *c, const char *state)
{
    printf("%s (%s): %s\n", c->name, c->kind == CARD_DETECTOR ? "detector" : "attributes", state);
    print_line("about", c->about);
    if (c->kind == CARD_ATTRIBUTES)
        printf("  %-10s %.0f to %.0f\n", "ages", c->age_min, c->age_max);
    print_line("measured", c->accuracy_measured);
    print_line("published", c->accuracy_published);
    print_line("not for", c->not_fit_for);
    print_line("licence", c->licence);
    print_line("trained on", c->training_data);
    print_line("from", c->source);
    for (int i = 0; i < c->n_files; i++)
        printf("  %-10s %s\n", i ? "" : "files", c->file[i].path);
    putchar('\n');
}

/* Whoever has not fetched what is optional misses nothing; the configured models must be there. */
static bool is_bad(const struct card *card, enum fitness fitness, const struct conf *conf)
{
    return fitness == FIT_WRONG ||
           (fitness == FIT_ABSENT && (strcmp(card->name, conf->models.detector) == 0 ||
                                             strcmp(card->name, conf->models.attributes) == 0));
}

/* Prints or appends every card; the number of those that cannot be used. */
static int show(const struct conf *conf, struct dirent **names, int n, const struct arguments *a)
{
    json_t *list = json_array();
    int bad = 0;
    for (int i = 0; i < n; i++) {
        struct err e = {0};
        char *name = mem_strdup(names[i]->d_name);
        name[strlen(name) - strlen(ENDING)] = '\0';
        struct card *card = card_load(conf->models.dir, name, &e);
        free(name);
        if (!card) {
            ctl_fail(CTL_FAILED, "models", "%s", e.text);
            bad++;
            continue;
        }
        char state[512];
        bad += is_bad(card, judge(card, a->verify, state, sizeof(state)), conf);
        if (a->common.json)
            json_array_append_new(list, card_json(card, state));
        else
            print_card(card, state);
        card_free(card);
    }
    if (a->common.json)
        json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    if (a->common.json)
        putchar('\n');
    json_decref(list);
    return bad;
}

#define SCRIPT "fetch-model.sh"

/* Where this program is, without its name. */
static void own_folder(char *dst, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", dst, size - 1);
    dst[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(dst, '/');
    if (slash)
        *slash = '\0';
}

/*
 * Where the scripts are: as the environment says; else beside the models where they are installed,
 * as the program is installed below the same prefix, or in the source tree that it was built in.
 * NULL: nowhere, and said so.
 */
static char *script_of(const struct conf *conf)
{
    char own[PATH_MAX], tried[3 * PATH_MAX] = "";
    const char *said = getenv("FACED_FETCH"); // NOLINT(concurrency-mt-unsafe): one thread
    const bool named = said && *said;
    own_folder(own, sizeof(own));
    const struct {
        const char *folder, *below;
    } places[] = {
            {named ? said : conf->models.dir, named ? "" : "/../fetch"},
            {own, "/../share/faced/fetch"},
            {own, "/../../models"},
    };
    size_t n = named ? 1 : sizeof(places) / sizeof(places[0]), at = 0;
    for (size_t i = 0; i < n; i++) {
        char *script = mem_format("%s%s/" SCRIPT, places[i].folder, places[i].below);
        if (access(script, R_OK) == 0)
            return script;
        int len = snprintf(tried + at, sizeof(tried) - at, "%s%s%s", i ? ", " : "",
                places[i].folder, places[i].below);
        at += len > 0 && (size_t)len < sizeof(tried) - at ? (size_t)len : 0;
        free(script);
    }
    ctl_fail(CTL_FAILED, "models",
            "there is no " SCRIPT " in %s; install faced whole, or name its folder in FACED_FETCH",
            tried);
    return NULL;
}

/* Becomes the script, which says by itself what is wrong. */
static int fetch(const struct conf *conf, const char *name)
{
    char *script = script_of(conf);
    if (!script)
        return CTL_FAILED;
    execl("/bin/sh", "sh", script, name, conf->models.dir, (char *)NULL);
    int code = ctl_fail(CTL_FAILED, "models", "cannot run %s: %s", script, err_name(errno));
    free(script);
    return code;
}

int ctl_models(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .children = ctl_common,
            .doc = "Show the model cards: what each model is, where it comes from, how right it "
                   "is."};
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);

    struct conf *conf = ctl_conf("models", a.common.file);
    if (!conf)
        return CTL_CONFIG;
    if (a.fetch) {
        int failed = fetch(conf, a.fetch);
        conf_free(conf);
        return failed;
    }
    const char *dir = conf->models.dir;
    int code = CTL_OK;
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_card, alphasort);
    if (n < 0)
        code = ctl_fail(CTL_FAILED, "models", "cannot read %s: %s; set models.dir or FACED_MODELS",
                dir, err_name(errno));
    else if (n == 0)
        code = ctl_fail(CTL_FAILED, "models", "no model card in %s; run `make models`", dir);
    else if (show(conf, names, n, &a) > 0)
        code = CTL_FAILED;
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    conf_free(conf);
    return code;
}
