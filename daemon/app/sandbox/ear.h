#pragma once

struct beat;
struct stop;

/*
 * The decoding process's ear: a thread that hears the daemon, so that what decodes is stopped, or
 * ended with the daemon, in the midst of anything. It also tells the daemon how the other thread
 * fares.
 */
struct ear;

/* halt is asked when the session shall end; beat is the decoding thread's. Both outlive the
 * process. NULL: there is no thread to be had. */
struct ear *ear_start(int socket, struct stop *halt, const struct beat *beat);

/* The daemon's answer to a WIRE_REACH: a connected socket, or a negative errno. */
int ear_reached(struct ear *e);
