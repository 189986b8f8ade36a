#include "app/ctl/ctl.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *does;
} commands[] = {
        {"image", ctl_image, "faces, ages and genders in pictures"},
        {"watch", ctl_watch, "the same, live, of a webcam, a file or a camera"},
        {"evaluate", ctl_evaluate, "how right the answers are, where the truth is known"},
        {"events", ctl_events, "the people seen"},
        {"audience", ctl_audience, "how many people, of which age and gender, for how long"},
        {"export", ctl_export, "the people who have left, for another database"},
        {"status", ctl_status, "what the daemon is doing now"},
        {"probe", ctl_probe, "can this camera be used?"},
        {"prune", ctl_prune, "remove what need not be kept any longer, now"},
        {"erase", ctl_erase, "remove people for good"},
        {"backup", ctl_backup, "a consistent copy of the database, while it is used"},
        {"verify", ctl_verify, "is the database sound?"},
        {"passwd", ctl_passwd, "set the password of the web page"},
        {"models", ctl_models, "the model cards: licence, ages, accuracy, checksum"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(FILE *to)
{
    fputs("Usage: facectl COMMAND [OPTION...]\n\n", to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].does);
    fputs("\n`facectl COMMAND --help` lists its options; `facectl --version` prints the version.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon is not running, 78 bad "
          "configuration.\n",
            to);
    return to == stderr ? CTL_USAGE : 0;
}

/* What was printed must have arrived: whoever reads it would take a part for the whole. */
static int finish(int code, const char *name)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code != CTL_OK)
        return code;
    return ctl_fail(CTL_FAILED, name, "cannot write to standard output: %s", err_name(errno));
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    log_open(LEVEL_ERROR);
    json_set_alloc_funcs(mem_alloc, free);
    if (argc < 2)
        return usage(stderr);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return usage(stdout);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("facectl " FACED_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return finish(commands[i].run(argc - 1, argv + 1), name);
    }
    fprintf(stderr, "facectl: there is no command '%s'; `facectl --help` lists them\n", name);
    return CTL_USAGE;
}
