/* needs: app/trouble base/err base/mem base/mono base/when */
#include "app/trouble.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct troubles t;

static void nothing_is_wrong(void **state)
{
    (void)state;
    char line[64] = "x";
    t.n = 0;
    trouble_line(&t, line, sizeof(line));
    assert_string_equal(line, "");
    json_t *j = trouble_json(&t, 0);
    assert_int_equal(json_array_size(j), 0);
    json_decref(j);
}

static void the_first_two_and_how_many_more(void **state)
{
    (void)state;
    char line[256];
    t.n = 0;
    trouble_add(&t, "camera 'door'", 720, "it is dark");
    trouble_line(&t, line, sizeof(line));
    assert_string_equal(line, "; camera 'door', for 12 min: it is dark");
    trouble_add(&t, "broker", 3, "refuses us");
    trouble_add(&t, "camera 'hall'", 1, "x");
    trouble_add(&t, "camera 'yard'", 1, "x");
    trouble_line(&t, line, sizeof(line));
    assert_string_equal(line,
            "; camera 'door', for 12 min: it is dark; broker, for 3 s: refuses us; "
            "2 more, see facectl status");
}

/* Longer than any line that systemd shows, and more than anybody reads: cut, not overrun. */
static void too_much_of_it(void **state)
{
    (void)state;
    char text[1000], line[300];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    t.n = 0;
    for (int i = 0; i < TROUBLES_MAX + 10; i++)
        trouble_add(&t, text, i, text);
    assert_int_equal(t.n, TROUBLES_MAX + 10);
    for (size_t size = 1; size <= sizeof(line); size++) {
        memset(line, '!', sizeof(line));
        trouble_line(&t, line, size);
        assert_true(strlen(line) < size);
        for (size_t i = size; i < sizeof(line); i++)
            assert_int_equal(line[i], '!');
    }
    json_t *j = trouble_json(&t, 0);
    assert_int_equal(json_array_size(j), TROUBLES_MAX);
    json_decref(j);
}

static void since_when(void **state)
{
    (void)state;
    t.n = 0;
    trouble_add(&t, "camera", 60, "\xff no UTF-8");
    json_t *j = trouble_json(&t, INT64_C(1700000000) * 1000000);
    json_t *x = json_array_get(j, 0);
    assert_string_equal(json_string_value(json_object_get(x, "since")), "2023-11-14T22:12:20.000Z");
    assert_int_equal(json_integer_value(json_object_get(x, "for_s")), 60);
    assert_string_equal(json_string_value(json_object_get(x, "text")), "?");
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(nothing_is_wrong),
            cmocka_unit_test(the_first_two_and_how_many_more),
            cmocka_unit_test(too_much_of_it),
            cmocka_unit_test(since_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
