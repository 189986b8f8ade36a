#include "app/passwd.h"

#include "app/ctl/ctl.h"
#include "conf/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct arguments {
    const char *file;
    bool remove;
};

static const struct argp_option options[] = {
        {"config", 'c', "FILE", 0, "The daemon's configuration; default " CTL_CONF_DEFAULT, 0},
        {"remove", 'r', NULL, 0, "Take the password away", 0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'c': a->file = arg; break;
    case 'r': a->remove = true; break;
    case ARGP_KEY_ARG:
        argp_error(state, "a password is no argument, for others see those: it is asked for, or "
                          "read from standard input");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

#define LINE (PASSWD_MAX + 2)

/* One line without an echo where there is a terminal. False: none came. */
static bool ask(const char *prompt, char line[LINE])
{
    struct termios was, quiet;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &was) == 0;
    if (terminal) { /* quiet before the prompt: who answers at once is neither shown nor flushed */
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fputs(prompt, stderr);
    }
    bool got = fgets(line, LINE, stdin) != NULL;
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
        fputc('\n', stderr);
    }
    line[got ? strcspn(line, "\r\n") : 0] = '\0';
    return got;
}

static int set(const char *path)
{
    char first[LINE] = "", second[LINE] = "";
    struct err e = {0};
    int code = CTL_OK;
    if (!ask("New password of the web page: ", first))
        code = ctl_fail(CTL_FAILED, "passwd", "no password came");
    else if (strlen(first) < PASSWD_MIN || strlen(first) > PASSWD_MAX)
        code = ctl_fail(
                CTL_FAILED, "passwd", "a password has %d to %d bytes", PASSWD_MIN, PASSWD_MAX);
    else if (isatty(STDIN_FILENO) && (!ask("Again: ", second) || strcmp(first, second) != 0))
        code = ctl_fail(CTL_FAILED, "passwd", "these two are not the same; nothing was changed");
    else if (passwd_set(path, first, &e) < 0)
        code = ctl_fail(CTL_FAILED, "passwd", "%s", e.text);
    else
        fprintf(stderr, "%s: set; it counts from now on, and everybody logs in anew\n", path);
    explicit_bzero(first, sizeof(first));
    explicit_bzero(second, sizeof(second));
    return code;
}

int ctl_passwd(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .doc = "Set the password of the web page. It is asked for, or read as a line of "
                   "standard input; only its hash is kept."};
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);
    struct conf *conf = ctl_conf("passwd", a.file);
    if (!conf)
        return CTL_CONFIG;
    int code;
    const char *path = conf->http.password_file;
    if (!a.remove)
        code = set(path);
    else if (unlink(path) == 0)
        code = CTL_OK;
    else
        code = ctl_fail(CTL_FAILED, "passwd", "%s: %m", path);
    conf_free(conf);
    return code;
}
