#include "app/daemon.h"
#include "app/models.h"
#include "app/sandbox/child.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "conf/dump.h"
#include "conf/load.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum long_option {
    OPTION_CHECK = 256,
    OPTION_DUMP,
    OPTION_ONCE,
};

struct arguments {
    const char *file;
    bool check, dump;
    int once; /* -1: not given */
};

const char *argp_program_version = "faced " FACED_VERSION;
error_t argp_err_exit_status = 2;

static const struct argp_option options[] = {
        {"config", 'c', "FILE", 0, "The configuration; default /etc/faced/faced.conf", 0},
        {"check-config", OPTION_CHECK, NULL, 0, "Say whether the configuration is right and leave",
                0},
        {"dump-config", OPTION_DUMP, NULL, 0,
                "Print the effective configuration, secrets redacted, and leave", 0},
        {"once", OPTION_ONCE, "N", 0,
                "Stop after N sampled frames of each camera, however long that takes; 0: when "
                "every file "
                "source has ended",
                0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'c': a->file = arg; break;
    case OPTION_CHECK: a->check = true; break;
    case OPTION_DUMP: a->dump = true; break;
    case OPTION_ONCE: {
        char *end;
        errno = 0;
        long n = strtol(arg, &end, 10);
        if (errno || *end || end == arg || n < 0 || n > 1000000000)
            argp_error(state, "--once %s: a number of frames from 0 on is expected", arg);
        a->once = (int)n;
        break;
    }
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': no argument is expected; the configuration is given by -c", arg);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Watch cameras, keep one record for each person who appears, publish it over MQTT."
               "\vExit codes: 0 done, 1 failed, 2 wrong usage, 78 bad configuration.",
};

/* Before the first thread, so that every one inherits it, a library's too. */
static void block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    /* Those that a thread raises by its own fault must keep their deadly meaning. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    /* And those by which a person at a terminal acts on a job. */
    sigdelset(&all, SIGQUIT);
    sigdelset(&all, SIGTSTP);
    sigdelset(&all, SIGTTIN);
    sigdelset(&all, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

/* What was printed must have arrived: a full disk is no success. */
static int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    log_error("main", "cannot write to standard output: %s", err_name(errno));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], CHILD_OPTION) == 0)
        return child_main();
    struct arguments a = {.file = "/etc/faced/faced.conf", .once = -1};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    log_open(LEVEL_INFO);
    json_set_alloc_funcs(mem_alloc, free);

    struct conf *conf = NULL;
    struct err e = {0};
    if (conf_load(a.file, 0, &conf, &e) < 0 || daemon_check(conf, &e) < 0) {
        log_error("conf", "%s", e.text);
        conf_free(conf);
        return EX_CONFIG;
    }
    /* A folder that is not there may lie on a disk that comes later: that is tried again. */
    int models = a.dump ? 0 : models_check(conf, &e);
    if (models < 0 && (a.check || models != -ENOENT)) {
        log_error("conf", "%s: %s", a.file, e.text);
        conf_free(conf);
        redact_clear();
        return EX_CONFIG;
    }
    if (a.check || a.dump) {
        if (a.dump)
            conf_dump(conf, stdout);
        else
            printf("%s: ok, %d camera%s\n", a.file, conf->n_cameras,
                    conf->n_cameras == 1 ? "" : "s");
        conf_free(conf);
        redact_clear();
        return finish_output();
    }

    block_signals();
    e = (struct err){0};
    int r = daemon_run(conf, a.once, &e);
    if (r < 0)
        log_error("main", "%s", e.text);
    redact_clear();
    if (r == -ENOKEY) /* the page needs a password: trying again would not bring one */
        return EX_CONFIG;
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
