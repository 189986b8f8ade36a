/* needs: app/overload sample/strain base/err base/log base/mem base/redact base/url fake:mono */
#include "app/overload.h"

#include "base/mono.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t now_us;

static void run(struct overload *o, int seconds, bool bad)
{
    struct strain_second x = {
            .sampled = 100, .lost = bad ? 90 : 0, .cameras = 4, .busy = bad ? 1 : 0.1};
    for (int i = 0; i < seconds; i++)
        overload_tick(o, &x, now_us += MONO_SECOND);
}

static void assert_json(const struct overload *o, const char *want)
{
    json_t *j = overload_json(o, now_us);
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(3));
    assert_string_equal(text, want);
    free(text);
    json_decref(j);
}

static void without_an_order_everything_is_done(void **state)
{
    (void)state;
    assert_true(ease_share(NULL) == 1 && !ease_keys(NULL) && !ease_active(NULL));
}

static void cameras_and_status_are_told_the_same(void **state)
{
    (void)state;
    struct overload *o = overload_new();
    const struct ease *e = overload_ease(o);
    char words[200];
    run(o, 60, false);
    assert_true(ease_share(e) == 1 && !ease_active(e) && !overload_since_us(o));
    assert_json(o, "{\"active\":false,\"for_s\":0,\"share\":1.0,\"key_frames_only\":false}");

    run(o, 4, true);
    assert_true(ease_share(e) == STRAIN_LEAST && !ease_keys(e) && ease_active(e));
    assert_json(o, "{\"active\":true,\"for_s\":1,\"share\":0.2,\"key_frames_only\":false}");
    overload_words(o, words, sizeof(words));
    assert_non_null(strstr(words, "20 %"));
    assert_null(strstr(words, "key frames"));

    run(o, 10, true);
    assert_true(ease_keys(e) && ease_active(e));
    overload_words(o, words, sizeof(words));
    assert_non_null(strstr(words, "key frames only"));

    run(o, 300, false);
    assert_true(ease_share(e) == 1 && !ease_active(e) && !overload_since_us(o));
    overload_free(o);
    overload_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(without_an_order_everything_is_done),
            cmocka_unit_test(cameras_and_status_are_told_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
