#include "picture/caption.h"

#include "flow/age.h"

#include <math.h>
#include <stdio.h>

const char *caption_reason(enum unknown reason)
{
    static const char *const words[UNKNOWN_COUNT] = {
            [UNKNOWN_NOT] = "",
            [UNKNOWN_NOT_ESTIMATED] = "not estimated",
            [UNKNOWN_TOO_SMALL] = "too small",
            [UNKNOWN_CUT_OFF] = "cut off",
            [UNKNOWN_BLURRED] = "blurred",
            [UNKNOWN_PROFILE] = "seen from the side",
            [UNKNOWN_EXPOSURE] = "too dark or too bright",
            [UNKNOWN_DISAGREE] = "the pictures disagree",
            [UNKNOWN_OUT_OF_RANGE] = "not an age that the model learned",
            [UNKNOWN_LOW_CONFIDENCE] = "not sure enough",
    };
    return words[reason];
}

static void answer(char *text, size_t size, const char *value, float probability)
{
    if (isnan(probability))
        (void)snprintf(text, size, "%s", value);
    else
        (void)snprintf(text, size, "%s %.0f %%", value, (double)probability * 100);
}

void caption_full(char ret_text[CAPTION_TEXT], const struct answers *a)
{
    char gender[24] = "gender ?", age[24] = "age ?";
    if (a->age_unknown && a->gender_unknown) {
        (void)snprintf(ret_text, CAPTION_TEXT, "unknown: %s", caption_reason(a->age_unknown));
        return;
    }
    if (!a->gender_unknown)
        answer(gender, sizeof(gender), a->female ? "female" : "male", a->gender_probability);
    if (!a->age_unknown)
        answer(age, sizeof(age), age_range_name(a->age_range), a->age_probability);
    (void)snprintf(ret_text, CAPTION_TEXT, "%s, %s", gender, age);
}

void caption_brief(char ret_text[CAPTION_TEXT], const struct answers *a)
{
    const char *gender = a->gender_unknown ? "?" : a->female ? "F" : "M";
    if (a->age_unknown && a->gender_unknown)
        (void)snprintf(ret_text, CAPTION_TEXT, "?");
    else
        (void)snprintf(ret_text, CAPTION_TEXT, "%s %s", gender,
                a->age_unknown ? "?" : age_range_name(a->age_range));
}
