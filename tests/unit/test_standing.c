/* needs: app/standing base/log base/mem base/mono base/redact base/thread base/url */
#include "app/standing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void tell(struct standing *s, uint64_t frames, bool asleep)
{
    struct session_stock stock = {.counts = {.frames = frames, .due = frames, .asleep = asleep},
            .decoded = true,
            .decoder = "software"};
    (void)standing_stock(s, &stock);
}

static uint64_t frames_of(struct standing *s)
{
    struct camera_status status;
    standing_read(s, &status);
    return status.counts.frames;
}

/* Else a camera's process could make a rate of it that is no number. */
static void counts_never_fall(void **state)
{
    (void)state;
    struct standing s;
    struct camera_status status;
    standing_init(&s, "none");
    standing_begin(&s);
    tell(&s, 100, true);
    tell(&s, 7, false);
    assert_int_equal(frames_of(&s), 100);
    standing_read(&s, &status);
    assert_int_equal(status.counts.due, 100);
    assert_false(status.counts.asleep);
    tell(&s, 120, false);
    assert_int_equal(frames_of(&s), 120);
    standing_end(&s);
    standing_begin(&s); /* another session counts from nothing, and adds to it */
    assert_int_equal(frames_of(&s), 120);
    tell(&s, 3, false);
    assert_int_equal(frames_of(&s), 123);
    standing_end(&s);
    standing_destroy(&s);
}

static void a_state_is_entered_once(void **state)
{
    (void)state;
    struct standing s;
    struct camera_status status;
    standing_init(&s, "none");
    assert_int_equal(standing_state(&s), CAMERA_CONNECTING);
    assert_true(standing_enter(&s, CAMERA_OFFLINE, "rtsp://u:secret@h/: refused"));
    assert_false(standing_enter(&s, CAMERA_OFFLINE, "rtsp://u:secret@h/: refused"));
    standing_read(&s, &status);
    assert_string_equal(status.trouble, "rtsp://u:***@h/: refused");
    assert_int_equal(status.state, CAMERA_OFFLINE);
    standing_begin(&s);
    assert_true(standing_online(&s, "h264 1920x1080"));
    assert_false(standing_online(&s, "h264 1920x1080"));
    standing_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(counts_never_fall),
            cmocka_unit_test(a_state_is_entered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
