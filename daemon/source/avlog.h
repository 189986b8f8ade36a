#pragma once

#include <stdbool.h>

/*
 * What libav says by the way, and the two things in it that nothing else tells.
 *
 * That a packet was lost or a reference is missing stands in its log only: no frame is flagged.
 * Each line is therefore looked at, noted for the thread it was said on - one camera, because
 * decoders have one thread each - and passed on as a debug line without the object's address. A
 * line that repeats is counted instead.
 *
 * Threads: the notes belong to the calling thread. source_log_init() turns it on.
 */

/* Was there a sign of lost or damaged data since the last call? Takes the note away. */
bool avlog_take_damage(void);

/* The same for a picture refused for its size. */
bool avlog_take_too_large(void);

/* The last complaint of this thread since avlog_forget(), "" without one; valid until the next. */
const char *avlog_complaint(void);

/* Did a name fail to resolve since then? */
bool avlog_unresolved(void);

void avlog_forget(void);
