/* needs: picture/still picture/peek flow/frame flow/scale base/err base/mem */
/*
 * A picture that a stranger brings: any bytes. Either a frame within the bounds comes of it or a
 * sentence.
 */
#include "base/err.h"
#include "flow/frame.h"
#include "fuzz.h"
#include "picture/peek.h"
#include "picture/still.h"

#include <libavutil/log.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A stranger's limits are 50 megapixels, which take a second each. */
    static const struct still_limits limits = {.bytes = 1 << 20, .pixels = 1 << 18, .side = 512};
    struct peek p;
    struct err e = {0};
    av_log_set_level(AV_LOG_QUIET);
    peek_at(data, size, &p);
    HOLDS(p.kind >= PICTURE_OTHER && p.kind < PICTURE_KIND_COUNT);
    HOLDS(p.width >= 0 && p.height >= 0 && p.orientation >= 1 && p.orientation <= 8);
    struct frame *f = still_decode(data, size, "it", &limits, &e);
    HOLDS(f || strncmp(e.text, "it", 2) == 0);
    if (f) {
        HOLDS(frame_width(f) > 0 && frame_height(f) > 0);
        HOLDS((int64_t)frame_width(f) * frame_height(f) <= limits.pixels);
    }
    frame_unref(f);
    return 0;
}
