#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Gives up for good whatever a process does not need that decodes what strangers send: so that one
 * that is taken over reaches nothing.
 *
 * Afterwards it can read and write descriptors that it has, ask for memory and the time, and leave.
 * It opens no file but beneath the paths that are named, makes no socket and connects none,
 * executes nothing, signals and traces nobody, has no capability, leaves no core dump, and is
 * not root. What is impossible to allow without allowing harm answers EPERM, as libraries try this
 * and that; what no library has a reason to try (exec, ptrace, another's memory) ends the process.
 *
 * Layers, each as far as the kernel has it: no_new_privs and limits, Landlock for files, TCP and
 * signals (seccomp cannot look into a path or an address), seccomp for system calls.
 *
 * Threads: Landlock and the privileges are the calling thread's and of those that it starts from
 * then on: the first step comes before there are any. Seccomp is everybody's at once, and allows no
 * more threads: so it is the second step, with those between that are ours.
 */
struct confine_path {
    const char *path;
    bool write; /* and not only to be read */
};

struct confine {
    size_t memory; /* bytes of data at most */
    bool threads;  /* it may start threads */
    bool devices;  /* and talk to cameras by ioctl(), and map their memory */
    bool drivers;  /* and to graphics cards, and load code from the files that it may read */
    bool binds;    /* and bind sockets that it was given */
    bool sizes;    /* and ask for files' sizes, which it could then do by name as well */
    const struct confine_path *paths;
    size_t n_paths; /* 0: it opens nothing */
};

/* What holds, for the log. */
struct confine_layers {
    bool seccomp;
    int landlock; /* the version that the kernel speaks; 0: none */
};

/* Limits, privileges, Landlock; then the system calls. Negative: it does not hold, and the process
 * must leave. A layer that the kernel does not have is no failure. */
int confine_rights(const struct confine *c, struct confine_layers *ret, struct err *e);
int confine_calls(const struct confine *c, struct confine_layers *ret, struct err *e);
