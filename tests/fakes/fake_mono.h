#pragma once

#include <stdint.h>

/*
 * The clocks in the place of base/mono.c: the real ones, and ahead of them by as much as a test
 * says, so that a minute passes in no time. Waits on conditions go by the real clock: they last
 * as long as they are told, and longer by what this one is ahead.
 *
 * Threads: any.
 */
void fake_mono_ahead(int64_t us); /* so much further than before */
void fake_mono_reset(void);       /* the real time again; between tests */
