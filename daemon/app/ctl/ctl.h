#pragma once

#include "base/err.h"

#include <argp.h>
#include <stdbool.h>

struct conf;
struct json_t;

/*
 * facectl's subcommands, one file each, and the few things that they share.
 *
 * Each gets its own arguments (argv[0] is the subcommand's name) and returns the exit code. What
 * was asked for goes to standard output and nothing else does; sentences about trouble go to
 * standard error through ctl_fail().
 */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_NOT_RUNNING = 3,
    CTL_CONFIG = 78,
};

int ctl_image(int argc, char **argv);
int ctl_evaluate(int argc, char **argv);
int ctl_watch(int argc, char **argv);
int ctl_events(int argc, char **argv);
int ctl_export(int argc, char **argv);
int ctl_audience(int argc, char **argv);
int ctl_passwd(int argc, char **argv);
int ctl_status(int argc, char **argv);
int ctl_probe(int argc, char **argv);
int ctl_models(int argc, char **argv);
int ctl_prune(int argc, char **argv);
int ctl_erase(int argc, char **argv);
int ctl_backup(int argc, char **argv);
int ctl_verify(int argc, char **argv);

/* "facectl events: TEXT" on standard error, redacted; returns the code. */
int ctl_fail(enum ctl_exit code, const char *command, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * A file's name in a document. JSON is UTF-8, and a name may be any bytes: of one that is not,
 * `key` gets what can be read of it, and `key`_encoded all of it, percent-encoded.
 */
void ctl_put_name(struct json_t *j, const char *key, const char *name);

/* argp_parse() whose usage lines name "facectl COMMAND" and whose errors exit with 2. */
void ctl_parse(const struct argp *argp, int argc, char **argv, void *input);

/* The options that most subcommands have, -c and --json, as an argp child: it is given its
 * struct by `state->child_inputs[0] = ...` at ARGP_KEY_INIT. */
struct ctl_common {
    const char *file;
    bool json;
};
extern const struct argp_child ctl_common[];

/*
 * The configuration by which database, models and socket are found; its secrets are not resolved.
 * file NULL: /etc/faced/faced.conf. Prints what is wrong and returns NULL if it cannot be used.
 */
struct conf *ctl_conf(const char *command, const char *file);
#define CTL_CONF_DEFAULT "/etc/faced/faced.conf"
