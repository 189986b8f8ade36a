#pragma once

#include "app/session.h"

/*
 * A session (app/session.h) in a process of its own, which this one starts, feeds with what it
 * may know, and does not trust: a camera that is taken over reaches nothing but its own pictures.
 *
 * Whatever happens to the process - it crashes, hangs, leaks, or says what no honest one would -
 * ends the session with a fault like a lost connection, and costs its camera a few seconds. It is
 * connected to its camera's host and port, and to nothing else, by this one.
 *
 * Threads: the camera's, as with session_run().
 */
enum source_fault host_run(
        const struct session_order *order, const struct session_listener *listener, struct err *e);
