#pragma once

#include "app/ctl/ctl.h"
#include "store/store.h"

/*
 * prune and erase: the daemon does them when it runs, since it is the only writer; else they are
 * done here on the file, under the daemon's lock.
 */
struct order {
    const char *name; /* of the subcommand */
    const struct ctl_common *common;
    struct store_order order;
    int64_t total;    /* records that are expected to go, for the bar; 0: nobody knows */
    const char *done; /* "erased" */
};

/* Shows the progress, prints what has gone. The exit code. */
int order_carry_out(const struct order *o, const struct conf *conf);
