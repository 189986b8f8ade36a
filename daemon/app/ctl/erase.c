#include "app/ctl/ctl.h"
#include "app/ctl/order.h"
#include "base/mono.h"
#include "base/when.h"
#include "conf/load.h"
#include "flow/settings.h"
#include "store/reader.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    struct ctl_common common;
    struct erasure who;
    bool yes;
};

static const struct argp_option options[] = {
        {"camera", 'C', "NAME", 0, "Only of this camera", 0},
        {"since", 's', "T", 0, "Who came at T or later: 1h, 2d, a local date, RFC 3339", 0},
        {"until", 'u', "T", 0, "Who came before T", 0},
        {"yes", 'y', NULL, 0, "Do not ask", 0},
        {0},
};

static void parse_time(struct argp_state *state, const char *option, const char *text, int64_t *ret)
{
    if (when_parse(text, mono_wall_us(), ret) < 0 || *ret <= 0)
        argp_error(state, "--%s %s: expected 1h, 2d, 2026-11-23, '2026-11-23 17:40' or RFC 3339",
                option, text);
}

static void parse_camera(struct argp_state *state, const char *text, char *ret)
{
    if (!text[0] || strlen(text) >= NAME_SIZE)
        argp_error(state, "--camera '%s': a camera's name is expected", text);
    else
        memcpy(ret, text, strlen(text) + 1);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case 'C': parse_camera(state, arg, a->who.camera); break;
    case 's': parse_time(state, "since", arg, &a->who.since_us); break;
    case 'u': parse_time(state, "until", arg, &a->who.until_us); break;
    case 'y': a->yes = true; break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is expected", arg); break;
    case ARGP_KEY_END:
        if (!a->who.camera[0] && !a->who.since_us && !a->who.until_us)
            argp_error(state, "one of --since, --until and --camera is needed");
        if (!a->yes && !isatty(STDIN_FILENO))
            argp_error(state, "nobody can be asked here: --yes is needed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* 0: not known. */
static int64_t expected(const struct conf *conf, const struct erasure *who)
{
    int64_t n = 0;
    const struct face_filter filter = {
            .camera = who->camera[0] ? who->camera : NULL,
            .since_us = who->since_us,
            .until_us = who->until_us,
    };
    struct reader *r = reader_open(conf->database.path, NULL);
    if (r && reader_count(r, &filter, &n, NULL) < 0)
        n = 0;
    reader_close(r);
    return n;
}

static bool is_sure(int64_t n)
{
    char line[16] = "";
    fprintf(stderr, "Remove %lld records for good? [y/N] ", (long long)n);
    (void)fflush(stderr);
    return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

int ctl_erase(int argc, char **argv)
{
    static const struct argp argp = {
            .options = options,
            .parser = parse,
            .children = ctl_common,
            .doc = "Remove people for good: their records, observations, pictures and waiting "
                   "messages, from the file and from the sums of the audience."
                   "\vThe people are those whom `facectl events` lists with the same options. Who "
                   "is still there is spared. Copies made by `backup`, and what subscribers have "
                   "heard, are not reached.",
    };
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);
    struct conf *conf = ctl_conf("erase", a.common.file);
    if (!conf)
        return CTL_CONFIG;
    struct order order = {
            .name = "erase",
            .common = &a.common,
            .order = {.job = STORE_ERASE, .who = a.who},
            .total = expected(conf, &a.who),
            .done = "erased",
    };
    int code = CTL_OK;
    if (a.yes || is_sure(order.total))
        code = order_carry_out(&order, conf);
    else
        code = ctl_fail(CTL_FAILED, "erase", "nothing was removed");
    conf_free(conf);
    return code;
}
