#pragma once

/*
 * base/stop.c where pauses last as long as the test wants: a wait with a timeout ends when somebody
 * asks, or when the test lets its time pass, which moves fake_mono.c ahead by as much. So no test
 * waits for a back-off.
 *
 * Threads: any; at most one of them may be in a pause at a time.
 */

/* Waits until a thread pauses; for how long it means to, in ms. 0: nobody does within 30 s. */
int fake_stop_pause(void);

/* Lets the pause that fake_stop_pause() told of pass. */
void fake_stop_pass(void);
