#include "picture/caption.h"

#include "flow/age.h"

#include <math.h>
#include <stdbool.h>
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

static void withheld(char *text, size_t size, const char *what, enum unknown reason, bool why)
{
    if (why)
        (void)snprintf(text, size, "%s ? (%s)", what, caption_reason(reason));
    else
        (void)snprintf(text, size, "%s ?", what);
}

static void both(char line[CAPTION_LINE], const struct answers *a, bool why)
{
    char gender[CAPTION_TEXT], age[CAPTION_TEXT];
    if (a->gender_unknown)
        withheld(gender, sizeof(gender), "gender", a->gender_unknown, why);
    else
        answer(gender, sizeof(gender), a->female ? "female" : "male", a->gender_probability);
    if (a->age_unknown)
        withheld(age, sizeof(age), "age", a->age_unknown, why);
    else
        answer(age, sizeof(age), age_range_name(a->age_range), a->age_probability);
    (void)snprintf(line, CAPTION_LINE, "%s, %s", gender, age);
}

void caption_full(char ret_text[CAPTION_TEXT], const struct answers *a)
{
    char line[CAPTION_LINE];
    both(line, a, false);
    if (a->age_unknown && a->gender_unknown)
        (void)snprintf(ret_text, CAPTION_TEXT, "unknown: %s", caption_reason(a->age_unknown));
    else
        (void)snprintf(ret_text, CAPTION_TEXT, "%.*s", CAPTION_TEXT - 1, line);
}

void caption_line(char ret_text[CAPTION_LINE], const struct answers *a)
{
    if (a->age_unknown && a->age_unknown == a->gender_unknown)
        (void)snprintf(ret_text, CAPTION_LINE, "unknown: %s", caption_reason(a->age_unknown));
    else
        both(ret_text, a, true);
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
