/* needs: conf/expand base/err base/mem base/log base/mono base/url base/redact */
#include "conf/expand.h"

#include "base/redact.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char credentials[64], secrets[64];

static void put(const char *dir, const char *name, const void *bytes, size_t n)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(credentials, sizeof(credentials), "%s/faced-test-XXXXXX", P_tmpdir);
    (void)snprintf(secrets, sizeof(secrets), "%s/faced-test-XXXXXX", P_tmpdir);
    if (!mkdtemp(credentials) || !mkdtemp(secrets))
        return -1;
    return setenv("CREDENTIALS_DIRECTORY", credentials, 1) | setenv("FACED_T", "va/lue", 1);
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"door", "both", "empty", "zero", "large", "crlf", "two"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", credentials, names[i]);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/%s", secrets, names[i]);
        (void)unlink(path);
    }
    redact_clear();
    return rmdir(credentials) | rmdir(secrets);
}

static void expands(const char *text, enum expand_use use, const char *want, const char *shown)
{
    struct expand x = {secrets, true};
    struct err e;
    char *real, *seen;
    if (expand_text(&x, text, use, &real, &seen, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    assert_string_equal(real, want);
    assert_string_equal(seen, shown);
    free(real);
    free(seen);
}

static void refused(const char *text, enum expand_use use, const char *part)
{
    struct expand x = {secrets, true};
    struct err e;
    char *real = NULL, *seen = NULL;
    assert_int_equal(expand_text(&x, text, use, &real, &seen, &e), -EINVAL);
    assert_null(real);
    if (!strstr(e.text, part))
        fail_msg("'%s' is not in '%s'", part, e.text);
}

static void text_without_secrets_stays(void **state)
{
    (void)state;
    expands("", EXPAND_TEXT, "", "");
    expands("a $ b $$ {c}", EXPAND_TEXT, "a $ b $$ {c}", "a $ b $$ {c}");
    expands("a$${file:x}b", EXPAND_TEXT, "a${file:x}b", "a${file:x}b");
    expands("$$${", EXPAND_TEXT, "$${", "$${");
}

static void values_take_their_place(void **state)
{
    (void)state;
    put(secrets, "door", "p@ss\n", 5);
    expands("x${file:door}y${env:FACED_T}", EXPAND_TEXT, "xp@ssyva/lue", "x***y***");
    expands("rtsp://u:${file:door}@h/${env:FACED_T}", EXPAND_URL, "rtsp://u:p%40ss@h/va%2Flue",
            "rtsp://u:***@h/***");
    /* not a URL before the value is there: it may be one as a whole */
    expands("${env:FACED_T}", EXPAND_URL, "va/lue", "***");
    expands("/x/${env:FACED_T}/y", EXPAND_PATH, "/x/va/lue/y", "/x/va/lue/y");
    char shown[64];
    redact_text(shown, sizeof(shown), "p@ss p%40ss va/lue");
    assert_string_equal(shown, "*** *** ***");
}

static void credentials_come_first(void **state)
{
    (void)state;
    put(credentials, "both", "first", 5);
    put(secrets, "both", "second", 6);
    expands("${file:both}", EXPAND_TEXT, "first", "***");
}

static void one_line_end_is_taken_off(void **state)
{
    (void)state;
    put(secrets, "two", "ab\n\n", 4);
    expands("${file:two}", EXPAND_TEXT, "ab\n", "***");
    put(secrets, "crlf", "ab\r\n", 4);
    expands("${file:crlf}", EXPAND_TEXT, "ab", "***");
}

static void unresolved(void **state)
{
    (void)state;
    struct expand x = {"/nonexistent", false};
    char *real, *seen;
    assert_int_equal(expand_text(&x, "a${file:nothere}b", EXPAND_TEXT, &real, &seen, NULL), 0);
    assert_string_equal(real, "a***b");
    assert_string_equal(seen, "a***b");
    free(real);
    free(seen);
}

static void errors_say_where_was_looked(void **state)
{
    (void)state;
    char both[256], large[5000];
    (void)snprintf(both, sizeof(both),
            "the secret 'nothere' is neither in %s nor in $CREDENTIALS_DIRECTORY (%s)", secrets,
            credentials);
    refused("${file:nothere}", EXPAND_TEXT, both);
    refused("${env:FACED_NOT_SET}", EXPAND_TEXT,
            "the environment variable 'FACED_NOT_SET' is not set");
    put(secrets, "empty", "\n", 1);
    refused("${file:empty}", EXPAND_TEXT, "is empty");
    put(secrets, "zero", "a\0b", 3);
    refused("${file:zero}", EXPAND_TEXT, "contains a 0 byte");
    memset(large, 'x', sizeof(large));
    put(secrets, "large", large, sizeof(large));
    refused("${file:large}", EXPAND_TEXT, "is larger than 4096 bytes");
    refused("${file:../x}", EXPAND_TEXT, "without slashes");
    refused("${file:..}", EXPAND_TEXT, "without slashes");
    refused("${file:.}", EXPAND_TEXT, "without slashes");
    refused("/x/${file:door}", EXPAND_PATH, "a path takes ${env:NAME} only");
    static const char *const malformed[] = {"${", "${}", "${file}", "${file:}", "${file:x",
            "${home}", "${ENV:X}", "a${x:y}", "${env:", "pass${word", "${env:A\nB}", "${file:a b}"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        refused(malformed[i], EXPAND_TEXT, "a literal '${' is written '$${'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(text_without_secrets_stays),
            cmocka_unit_test(values_take_their_place),
            cmocka_unit_test(credentials_come_first),
            cmocka_unit_test(one_line_end_is_taken_off),
            cmocka_unit_test(unresolved),
            cmocka_unit_test(errors_say_where_was_looked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
