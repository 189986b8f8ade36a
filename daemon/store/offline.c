#include "base/mono.h"
#include "store/dbfile.h"
#include "store/keeper.h"
#include "store/writer.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>

#define TELL_EVERY (MONO_SECOND / 10)

/* A file that is not there is not made: there would be nothing in it to work on. */
static int must_exist(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return 0;
    return err_set(e, -errno, "database '%s': it is not there (%s)", path, err_name(errno));
}

static void carry_out(struct keeper *k, struct writer *w,
        void (*each)(const struct store_progress *progress, void *arg), void *arg)
{
    int64_t told_us = 0;
    while (k->progress.running) {
        int64_t wait_us = keeper_due_us(k) - mono_us(); /* for somebody who holds the file */
        if (wait_us > 0)
            (void)poll(NULL, 0, (int)(wait_us / 1000) + 1);
        keeper_turn(k, w);
        if (mono_us() - told_us >= TELL_EVERY) {
            told_us = mono_us();
            each(&k->progress, arg);
        }
    }
}

int store_work(const struct store_options *options, const struct store_order *order,
        void (*each)(const struct store_progress *progress, void *arg), void *arg,
        struct store_progress *ret_progress, struct err *e)
{
    int r = must_exist(options->path, e);
    if (r < 0)
        return r;
    struct store_options strict = *options;
    strict.strict = true;
    struct writer *w = writer_open(&strict, e);
    if (!w)
        return e->code;
    struct keeper k;
    keeper_init(&k, true, mono_us());
    r = keeper_order(&k, order, mono_us());
    if (r == 0)
        carry_out(&k, w, each, arg);
    if (r == 0 && k.progress.code == 0 && k.progress.cannot_shrink) {
        r = writer_rewrite(w, e);
        k.progress.cannot_shrink = r < 0;
    }
    if (k.progress.code == -EUCLEAN)
        r = dbfile_refuse_damaged(options->path, k.progress.text, e);
    else if (k.progress.code < 0)
        r = err_set(e, k.progress.code, "database '%s': %s", options->path, k.progress.text);
    writer_close(w);
    *ret_progress = k.progress;
    return r;
}
