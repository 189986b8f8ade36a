#pragma once

/*
 * The process that decodes one camera: the same program, started with CHILD_OPTION by
 * app/sandbox/host.c, which has put the two descriptors in their places. It gets the camera's
 * settings by the first message, gives up all rights (base/confine.h), runs one session
 * (app/session.h) and leaves.
 *
 * It has two threads: one decodes, the other hears the daemon, and ends the process at once when
 * that is gone.
 */
#define CHILD_OPTION    "--camera"
#define CHILD_SOCKET    3
#define CHILD_SHELF     4
#define CHILD_CONF_SIZE 65536

/* The exit status. */
int child_main(void);
