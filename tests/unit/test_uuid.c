/* needs: base/uuid base/mem */
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void sorted_by_time_and_unique(void **state)
{
    (void)state;
    char last[UUID_TEXT] = "", id[UUID_TEXT];
    for (int64_t ms = 0; ms < 10000; ms++) {
        uuid_make(id, INT64_C(1795452008000000) + ms * 1000);
        assert_true(uuid_valid(id));
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        assert_true(strcmp(last, id) < 0);
        memcpy(last, id, sizeof(id));
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void unique_within_one_moment(void **state)
{
    (void)state;
    static char ids[10000][UUID_TEXT];
    for (int i = 0; i < 10000; i++)
        uuid_make(ids[i], 1);
    qsort(ids, 10000, sizeof(ids[0]), compare);
    for (int i = 1; i < 10000; i++)
        assert_int_not_equal(strcmp(ids[i - 1], ids[i]), 0);
}

/* The example of RFC 9562, A.6: 2022-02-22T19:22:22Z is 017f22e2-79b0. */
static void the_time_in_front(void **state)
{
    (void)state;
    char id[UUID_TEXT];
    uuid_make(id, INT64_C(1645557742000) * 1000 + 999);
    assert_memory_equal(id, "017f22e2-79b0-7", 15);
}

static void what_is_none(void **state)
{
    (void)state;
    assert_true(uuid_valid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"));
    static const char *const bad[] = {"", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", "017F22E2-79b0-7cc3-98c4-dc0c0c07398f",
            "017f22e2079b007cc3098c40dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
            "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(uuid_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(sorted_by_time_and_unique),
            cmocka_unit_test(unique_within_one_moment),
            cmocka_unit_test(the_time_in_front),
            cmocka_unit_test(what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
