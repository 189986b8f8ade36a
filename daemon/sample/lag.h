#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How long a stream's packets had waited when they were read, and what to do about it.
 *
 * A camera sends a picture when it is made. What its stamp says and what the clock says when it is
 * read differ by a constant; what the difference exceeds the smallest one by is time spent waiting
 * unread, because whoever decodes was not given the time. The smallest difference is let grow by a
 * thousandth, for no camera's clock is ours.
 *
 * A reader who is late and does not catch up throws packets away, undecoded, until a key frame
 * comes that is not late. Reading alone costs next to nothing, so who does nothing else and is
 * as late as before has nothing left to read: then it is the camera's clock that has stopped for a
 * while, and not the reader who is late. A clock that is set back or far ahead begins anew.
 *
 * Pure; one per open source.
 */
#define LAG_NO_STAMP INT64_MIN
#define LAG_OLD_US   600000 /* more is late; a picture is let go undelivered */

enum lag_order {
    LAG_DECODE,
    LAG_SKIP,   /* neither decode nor keep it */
    LAG_RESUME, /* a key frame: decode it, and what follows on it alone */
};

struct lag {
    bool begun, skipping;
    int64_t stamp_us, read_us; /* of the latest packet */
    int64_t best_us;           /* the smallest difference */
    int64_t late_us;           /* of the latest packet */
    /* how late it was when it was last judged; since_us 0: not late then */
    int64_t since_us, then_us;
};

void lag_init(struct lag *l);

/* stamp_us: the stream's own time in the order of decoding, or LAG_NO_STAMP: it cannot be told. */
enum lag_order lag_packet(struct lag *l, int64_t stamp_us, int64_t read_us, bool key);
