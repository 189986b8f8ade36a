/* needs: flow/message base/mem */
#include "flow/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static void holds_copies(void **state)
{
    (void)state;
    char topic[] = "door/faces", json[] = "{}";
    struct message *m = message_new(7, 8, topic, json);
    topic[0] = json[0] = 'x';
    assert_int_equal(m->row, 7);
    assert_int_equal(m->msg, 8);
    assert_string_equal(m->topic, "door/faces");
    assert_string_equal(m->json, "{}");
    message_free(m);
    message_free(NULL);
}

static bool late(int64_t decided, int64_t decided_boot, int64_t now, int64_t now_boot)
{
    struct message *m = message_new(1, 1, "t", "{}");
    m->decided_us = decided;
    m->decided_boot_us = decided_boot;
    bool replayed = message_replayed(m, now, now_boot);
    message_free(m);
    return replayed;
}

static void more_than_ten_seconds_is_late(void **state)
{
    (void)state;
    const int64_t wall = 1795452008 * SECOND, boot = 500 * SECOND;
    assert_false(late(wall, boot, wall, boot));
    assert_false(late(wall, boot, wall, boot + 10 * SECOND));
    assert_true(late(wall, boot, wall, boot + 10 * SECOND + 1));
    /* in the same boot a step of the wall clock is nothing, forward or back */
    assert_false(late(wall, boot, wall + 3600 * SECOND, boot + SECOND));
    assert_true(late(wall, boot, wall - 3600 * SECOND, boot + 11 * SECOND));
    /* from another boot only the wall clock is left */
    assert_false(late(wall, -1, wall + 10 * SECOND, 5 * SECOND));
    assert_true(late(wall, -1, wall + 10 * SECOND + 1, 5 * SECOND));
    assert_true(late(wall, -1, wall + 86400 * SECOND, 0));
    /* decided in the boot's first moment */
    assert_false(late(wall, 0, wall, SECOND));
    assert_true(late(wall, 0, wall, 11 * SECOND));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(holds_copies),
            cmocka_unit_test(more_than_ten_seconds_is_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
