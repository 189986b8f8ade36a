/* needs: base/sha256 base/err base/mem */
#include "base/sha256.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const char *sum(const void *bytes, size_t n)
{
    static char text[SHA256_TEXT];
    char path[64];
    int fd = memfd_create("sum", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct err e;
    if (sha256_file(path, text, &e) < 0)
        fail_msg("%s", e.text);
    close(fd);
    return text;
}

/* FIPS 180-4's examples, as NIST publishes them. */
static void known_sums(void **state)
{
    (void)state;
    assert_string_equal(
            sum("", 0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(
            sum("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char *million = malloc(1000000); /* longer than any buffer */
    memset(million, 'a', 1000000);
    assert_string_equal(sum(million, 1000000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    char text[SHA256_TEXT] = "before";
    struct err e;
    assert_int_equal(sha256_file("/nonexistent", text, &e), -ENOENT);
    assert_string_equal(e.text, "cannot open /nonexistent: No such file or directory");
    assert_int_equal(sha256_file("/", text, &e), -EISDIR);
    assert_string_equal(text, "before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(known_sums),
            cmocka_unit_test(what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
