#include "app/sandbox/spawn.h"

#include "app/sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Above the numbers that the child finds them under. */
#define ABOVE 16

extern char **environ;

/* What tells the dynamic linker and the sanitizers how to run this very build, and our log. */
static bool is_needed(const char *variable)
{
    static const char *const names[] = {"LD_LIBRARY_PATH=", "LD_PRELOAD=", "ASAN_OPTIONS=",
            "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=", "FACED_LOG="};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static void choose_environment(char **ret, size_t n)
{
    size_t k = 0;
    for (char **v = environ; *v && k + 1 < n; v++) {
        if (is_needed(*v))
            ret[k++] = *v;
    }
    ret[k] = NULL;
}

pid_t spawn_child(const char *camera, int socket, int shelf, struct err *e)
{
    char *environment[16];
    char *argv[] = {(char *)"faced", (char *)CHILD_OPTION, (char *)camera, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    pid_t pid = -1;
    int a = fcntl(socket, F_DUPFD_CLOEXEC, ABOVE);
    int b = fcntl(shelf, F_DUPFD_CLOEXEC, ABOVE);
    choose_environment(environment, sizeof(environment) / sizeof(environment[0]));
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, a, CHILD_SOCKET);
    posix_spawn_file_actions_adddup2(&actions, b, CHILD_SHELF);
    /* Not every library closes what it opens on exec: libmosquitto's connection would go along. */
    posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_SHELF + 1);
    int r = a < 0 || b < 0
                    ? EMFILE
                    : posix_spawn(&pid, "/proc/self/exe", &actions, &attr, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (a >= 0)
        close(a);
    if (b >= 0)
        close(b);
    if (r == 0)
        return pid;
    return err_set(e, -r, "cannot start a process for it: %s", err_name(r));
}

const char *spawn_reap(pid_t pid, char *buffer, size_t size)
{
    int status = 0;
    kill(pid, SIGKILL); /* no news for one that has ended */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        (void)snprintf(buffer, size, "tried what no decoder does, and was ended");
    else if (WIFSIGNALED(status))
        (void)snprintf(buffer, size, "crashed (%s)", sigabbrev_np(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        (void)snprintf(buffer, size, "left with status %d", WEXITSTATUS(status));
    else
        return NULL;
    return buffer;
}
