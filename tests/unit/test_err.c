/* needs: base/err */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void set_and_wrapped(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, -ENOENT, "no %s", "card"), -ENOENT);
    assert_int_equal(err_wrap(&e, "model '%s'", "x"), -ENOENT);
    assert_int_equal(err_wrap(&e, "worker %d", 2), -ENOENT);
    assert_int_equal(e.code, -ENOENT);
    assert_string_equal(e.text, "worker 2: model 'x': no card");
    assert_int_equal(err_set(NULL, -EINVAL, "%d", 1), -EINVAL);
    assert_true(err_wrap(NULL, "x") < 0);
}

/* Many a caller puts the old text into the new one. */
static void its_own_text_as_an_argument(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, -EIO, "inner");
    err_set(&e, -EIO, "outer (%s)", e.text);
    assert_string_equal(e.text, "outer (inner)");
    err_wrap(&e, "again %s", e.text);
    assert_string_equal(e.text, "again outer (inner): outer (inner)");
}

static void too_long_is_cut(void **state)
{
    (void)state;
    struct err e;
    char filler[400];
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    for (size_t n = 0; n < sizeof(filler); n++) {
        err_set(&e, -EIO, "%.*s", (int)n, filler);
        assert_int_equal(strlen(e.text), n < sizeof(e.text) ? n : sizeof(e.text) - 1);
        err_set(&e, -EIO, "abc");
        err_wrap(&e, "%.*s", (int)n, filler);
        assert_int_equal(strlen(e.text), n + 5 < sizeof(e.text) ? n + 5 : sizeof(e.text) - 1);
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(err_name(-ENOENT), "No such file or directory");
    assert_string_equal(err_name(ENOENT), err_name(-ENOENT));
    assert_string_equal(err_name(-99999), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(set_and_wrapped),
            cmocka_unit_test(its_own_text_as_an_argument),
            cmocka_unit_test(too_long_is_cut),
            cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
