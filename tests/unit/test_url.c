/* needs: base/url base/mem */
#include "base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void encoding_is_reversible(void **state)
{
    (void)state;
    char all[256];
    for (int i = 1; i < 256; i++)
        all[i - 1] = (char)i;
    all[255] = '\0';
    char *encoded = url_encode(all);
    for (const char *p = encoded; *p; p++)
        assert_true(*p > ' ' && *p < 0x7f && !strchr("/:@?#[]\"<>&=+", *p));
    char *back = url_decode(encoded, strlen(encoded));
    assert_string_equal(back, all);
    free(encoded);
    free(back);
    encoded = url_encode("aZ09-._~ /");
    assert_string_equal(encoded, "aZ09-._~%20%2F");
    free(encoded);
}

static void what_is_not_encoded(void **state)
{
    (void)state;
    static const char *const bad[] = {"%", "a%4", "%zz", "%0", "%00", "%4g", "x%"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(url_decode(bad[i], strlen(bad[i])));
    char *s = url_decode("a%2fb%2Fc", 7); /* only so much of it; the second is not whole */
    assert_null(s);
    s = url_decode("a%2fb%2Fc", 5);
    assert_string_equal(s, "a/b");
    free(s);
}

static void schemes(void **state)
{
    (void)state;
    char s[8];
    assert_true(url_scheme("RTSP://h", s, sizeof(s)));
    assert_string_equal(s, "rtsp");
    static const char *const none[] = {
            "", "x", "/a/b://c", "://h", "rtsp:/h", "a b://h", "averylongscheme://h", "./x://y"};
    for (size_t i = 0; i < 7; i++) {
        assert_false(url_scheme(none[i], s, sizeof(s)));
        assert_string_equal(s, "");
    }
}

static void hosts_and_ports(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
        int port;
    } cases[] = {{"rtsp://h", "h", 0}, {"rtsp://h:554/x:y", "h", 554}, {"rtsp://u:p@h:1/", "h", 1},
            {"rtsp://u:p@x@h/", "h", 0}, {"x://[::1]", "::1", 0},
            {"x://u@[fe80::1]:8/", "fe80::1", 8}, {"x://h?a@b", "h", 0}, {"x://h#a:b", "h", 0},
            {"x://h:/", "h", 0}, {"x://h:65535", "h", 65535}, {"x:///path", NULL, 0},
            {"x://", NULL, 0}, {"x://:80", NULL, 0}, {"x://h:65536", NULL, 0},
            {"x://h:8a", NULL, 0}, {"x://[::1", NULL, 0}, {"x://[::1]x", NULL, 0},
            {"x://[]", NULL, 0}, {"x://::1/", NULL, 0}, {"x://u@", NULL, 0}, {"h:80", NULL, 0},
            {"x://h:-1", NULL, 0}, {"x://h:4294967376", NULL, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char host[32];
        int port;
        bool found = url_host(cases[i].url, host, sizeof(host), &port);
        if (found != (cases[i].host != NULL))
            fail_msg("%s", cases[i].url);
        if (found) {
            assert_string_equal(host, cases[i].host);
            assert_int_equal(port, cases[i].port);
        }
    }
    char small[4];
    int port;
    assert_false(url_host("x://abcd", small, sizeof(small), &port));
    assert_true(url_host("x://abc", small, sizeof(small), &port));
}

static void logins(void **state)
{
    (void)state;
    static const struct {
        const char *url, *login;
    } cases[] = {{"x://u:p@h", "u:p"}, {"x://u@h", "u"}, {"x://u:p@q@h/a@b", "u:p@q"},
            {"x://@h", ""}, {"x://h", NULL}, {"x://h/a@b", NULL}, {"x://h?a@b", NULL},
            {"x://", NULL}, {"u@h", NULL}, {"", NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *login;
        size_t n;
        bool found = url_login(cases[i].url, &login, &n);
        assert_int_equal(found, cases[i].login != NULL);
        if (found) {
            assert_int_equal(n, strlen(cases[i].login));
            assert_memory_equal(login, cases[i].login, n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(encoding_is_reversible),
            cmocka_unit_test(what_is_not_encoded),
            cmocka_unit_test(schemes),
            cmocka_unit_test(hosts_and_ports),
            cmocka_unit_test(logins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
