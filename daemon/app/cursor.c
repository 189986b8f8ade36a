#include "app/cursor.h"

#include "store/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int cursor_judge(struct reader *r, const char *epoch, int64_t *after_seq, char ret_epoch[UUID_TEXT],
        struct err *e)
{
    int64_t last = 0;
    reader_epoch(r, ret_epoch);
    if (epoch && strcmp(epoch, ret_epoch) != 0) {
        bool begins = *after_seq > 0;
        *after_seq = 0;
        return begins ? CURSOR_BEGINS : CURSOR_GOES_ON;
    }
    int failed = reader_last_seq(r, &last, e);
    if (failed < 0)
        return failed;
    if (*after_seq > last)
        return err_set(e, -ERANGE,
                "after %" PRId64 ": the last seq here is %" PRId64
                ", so yours is of another database: read this one (%s) from 0",
                *after_seq, last, ret_epoch);
    return CURSOR_GOES_ON;
}
