#include "app/ctl/ctl.h"
#include "app/ctl/order.h"
#include "base/mono.h"
#include "conf/load.h"
#include "flow/settings.h"
#include "store/reader.h"

struct arguments {
    struct ctl_common common;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case ARGP_KEY_ARG: argp_error(state, "'%s': no argument is expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* Those that are too old; how many go because of the size nobody knows before. */
static int64_t expected(const struct conf *conf)
{
    int64_t n = 0, before_us = mono_wall_us() - conf->database.retention_us;
    struct reader *r = conf->database.retention_us ? reader_open(conf->database.path, NULL) : NULL;
    if (r && reader_count_before(r, before_us, &n, NULL) < 0)
        n = 0;
    reader_close(r);
    return n;
}

int ctl_prune(int argc, char **argv)
{
    static const struct argp argp = {
            .parser = parse,
            .children = ctl_common,
            .doc = "Remove the records that are older than database.retention, and the oldest "
                   "while the database is larger than database.max_size.",
    };
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);
    struct conf *conf = ctl_conf("prune", a.common.file);
    if (!conf)
        return CTL_CONFIG;
    const struct order order = {
            .name = "prune",
            .common = &a.common,
            .order = {.job = STORE_PRUNE},
            .total = expected(conf),
            .done = "removed",
    };
    int code = order_carry_out(&order, conf);
    conf_free(conf);
    return code;
}
