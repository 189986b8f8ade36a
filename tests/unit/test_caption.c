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
            cmocka_unit_test(every_reason_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
