#pragma once

#include "base/err.h"
#include "flow/settings.h"

/*
 * The whole house, joined: what is born in which order, who is given whose slot or queue, what
 * main waits for, and the order of the end.
 *
 * Stop order is flow order - cameras, workers, store, bus - so that everything that was seen is
 * recorded, and everything recorded is offered to the broker. What hangs does not cost data: store
 * and bus are closed all the same, then the process leaves without it.
 */

/* What the file alone cannot tell: does libav here know the hardware that is to decode? 0, or
 * -EINVAL with a sentence that names the camera. */
int daemon_check(const struct conf *conf, struct err *e);

/*
 * Runs until a signal asks it to stop, or until `once` is reached (see camera_new). Takes conf
 * over. 0, or a negative errno with the reason in e when it could not start; all signals must be
 * blocked already.
 */
int daemon_run(struct conf *conf, int once, struct err *e);
