#include "flow/face.h"

static const char *const unknowns[UNKNOWN_COUNT] = {
        [UNKNOWN_NOT_ESTIMATED] = "not_estimated",
        [UNKNOWN_TOO_SMALL] = "too_small",
        [UNKNOWN_CUT_OFF] = "cut_off",
        [UNKNOWN_BLURRED] = "blurred",
        [UNKNOWN_PROFILE] = "profile",
        [UNKNOWN_EXPOSURE] = "exposure",
        [UNKNOWN_DISAGREE] = "disagree",
        [UNKNOWN_OUT_OF_RANGE] = "out_of_range",
        [UNKNOWN_LOW_CONFIDENCE] = "low_confidence",
};

static const char *const reasons[END_COUNT] = {
        [END_LEFT] = "left",
        [END_CAMERA_LOST] = "camera_lost",
        [END_SOURCE_ENDED] = "source_ended",
        [END_DISABLED] = "disabled",
        [END_REMOVED] = "removed",
        [END_SHUTDOWN] = "shutdown",
        [END_RESTART] = "restart",
};

const char *unknown_name(enum unknown reason)
{
    return unknowns[reason];
}

const char *end_reason_name(enum end_reason reason)
{
    return reasons[reason];
}
