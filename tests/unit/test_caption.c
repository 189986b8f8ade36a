/* needs: picture/caption flow/age */
#include "picture/caption.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct answers *a, const char *full, const char *brief)
{
    char text[CAPTION_TEXT];
    caption_full(text, a);
    assert_string_equal(text, full);
    caption_brief(text, a);
    assert_string_equal(text, brief);
}

static void expect_line(enum unknown gender, enum unknown age, const char *line)
{
    struct answers a = {.age_range = 2,
            .age_probability = 0.43f,
            .age_unknown = age,
            .female = true,
            .gender_probability = 0.97f,
            .gender_unknown = gender};
    char text[CAPTION_LINE];
    caption_line(text, &a);
    assert_string_equal(text, line);
}

/* A reason stands behind what it is the reason of. */
static void lines(void **state)
{
    (void)state;
    expect_line(UNKNOWN_NOT, UNKNOWN_NOT, "female 97 %, 8-12 43 %");
    expect_line(UNKNOWN_NOT_ESTIMATED, UNKNOWN_NOT, "gender ? (not estimated), 8-12 43 %");
    expect_line(UNKNOWN_NOT, UNKNOWN_BLURRED, "female 97 %, age ? (blurred)");
    expect_line(UNKNOWN_PROFILE, UNKNOWN_PROFILE, "unknown: seen from the side");
    expect_line(UNKNOWN_DISAGREE, UNKNOWN_OUT_OF_RANGE,
            "gender ? (the pictures disagree), age ? (not an age that the model learned)");
}

static void words(void **state)
{
    (void)state;
    struct answers a = {.age_range = 4,
            .age_years = 29,
            .age_probability = 0.714f,
            .female = true,
            .gender_probability = 0.97f};
    expect(&a, "female 97 %, 25-32 71 %", "F 25-32");
    a.age_probability = a.gender_probability = NAN;
    a.female = false;
    expect(&a, "male, 25-32", "M 25-32");
    a.age_unknown = UNKNOWN_PROFILE;
    expect(&a, "male, age ?", "M ?");
    a.gender_unknown = UNKNOWN_PROFILE;
    expect(&a, "unknown: seen from the side", "?");
    a.age_unknown = UNKNOWN_NOT;
    expect(&a, "gender ?, 25-32", "? 25-32");
}

static void every_reason_fits(void **state)
{
    (void)state;
    for (int reason = UNKNOWN_NOT + 1; reason < UNKNOWN_COUNT; reason++) {
        struct answers a = {
                .age_unknown = (enum unknown)reason, .gender_unknown = (enum unknown)reason};
        char text[CAPTION_TEXT];
        caption_full(text, &a);
        assert_non_null(strstr(text, caption_reason((enum unknown)reason)));
        assert_true(*caption_reason((enum unknown)reason));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(words),
            cmocka_unit_test(lines),
            cmocka_unit_test(every_reason_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
