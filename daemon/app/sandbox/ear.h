#pragma once

#include "app/overload.h"
#include "app/sandbox/wire.h"
#include "flow/slot.h"

#include <stdbool.h>
#include <stdint.h>

struct beat;
struct rack;
struct stop;

/*
 * The decoding process's ear: a thread that hears the daemon, so that what decodes can look at the
 * daemon's signs whenever it likes, and is stopped, or ended with the daemon, in the midst of
 * anything. It also tells the daemon how the other thread fares.
 */
struct ear;

/* halt is asked when the session shall end; beat is the decoding thread's. Both outlive the
 * process. NULL: there is no thread to be had. */
struct ear *ear_start(int socket, struct stop *halt, const struct beat *beat);

const struct slot_face *ear_face(const struct ear *e);
const struct ease *ear_ease(const struct ear *e);

/* Waits for a free place on the shelf, for so long at most; -1: for ever, but for a stop. */
int ear_place(struct ear *e, const struct rack *r, int timeout_ms);

/* A picture has been sent: until the daemon has seen it the slot counts as full. */
void ear_sent(struct ear *e);

/* The daemon's answer to a WIRE_REACH: a connected socket, or a negative errno. */
int ear_reached(struct ear *e);
