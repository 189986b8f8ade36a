/* needs: base/redact base/url base/mem */
#include "base/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const char *redacted(const char *text)
{
    static char out[1024];
    redact_text(out, sizeof(out), text);
    return out;
}

static void passwords_of_urls(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
            {"", ""},
            {"no URL here: a@b", "no URL here: a@b"},
            {"rtsp://viewer:geheim@192.0.2.7/x", "rtsp://viewer:***@192.0.2.7/x"},
            {"rtsp://viewer@192.0.2.7/x", "rtsp://viewer@192.0.2.7/x"},
            {"rtsp://192.0.2.7:554/x", "rtsp://192.0.2.7:554/x"},
            {"rtsp://:geheim@h", "rtsp://:***@h"},
            {"a rtsp://u:p@h/1 and http://v:q@i/2.", "a rtsp://u:***@h/1 and http://v:***@i/2."},
            {"(rtsp://u:p@h/1,rtsp://v:q@i/2)", "(rtsp://u:***@h/1,rtsp://v:***@i/2)"},
            {"{\"url\":\"rtsp://h:554/\",\"x\":\"a@b\"}",
                    "{\"url\":\"rtsp://h:554/\",\"x\":\"a@b\"}"},
            {"mqtt://u:p@ss@h", "mqtt://u:***@h"},
            {"mqtt://u:p:a:s@h", "mqtt://u:***@h"},
            {"http://u:pa/ss@h/x", "http://u:***@h/x"},
            {"http://u:pa?s#s@h/x", "http://u:***@h/x"},
            {"http://u:p'a'ss@h/x", "http://u:***@h/x"},
            {"http://[::1]:80/a@b", "http://[::1]:80/a@b"},
            {"http://u:p@[::1]:80/", "http://u:***@[::1]:80/"},
            {"http://h/path:x@y", "http://h/path:x@y"},
            {"cut http://u:gehe", "cut http://u:***"},
            {"not cut http://h:80", "not cut http://h:80"},
            {"mqtt://HOST[:PORT]", "mqtt://HOST[:PORT]"},
            {"http://h: mail a@b", "http://h: mail a@b"},
            {"http://h/v?user=admin&pwd=geheim&ch=1", "http://h/v?user=admin&pwd=***&ch=1"},
            {"rtsp://h/user=admin_password=geheim_channel=1/x",
                    "rtsp://h/user=admin_password=***/x"},
            {"http://h/?Token=geheim", "http://h/?Token=***"},
            {"password=soon is no URL", "password=soon is no URL"},
            {"http://h/?bypass=1", "http://h/?bypass=1"},
            {"://", "://"},
            {"://:@", "://:@"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(redacted(cases[i].text), cases[i].want);
}

static void known_secrets(void **state)
{
    (void)state;
    redact_add("s p/c");
    redact_add("geheim");
    redact_add("geheimnis");
    redact_add("nisse");
    redact_add("geheim");
    redact_add("xy"); /* too short to be searched for */
    assert_string_equal(redacted("a s p/c b s%20p%2Fc c"), "a *** b *** c");
    assert_string_equal(redacted("geheim geheimnis ungeheimer"), "*** *** un***er");
    assert_string_equal(redacted("geheimgeheim"), "******");
    assert_string_equal(redacted("geheimnisse!"), "***!"); /* they overlap */
    assert_string_equal(redacted("xy Geheim"), "xy Geheim");
    assert_string_equal(redacted("rtsp://geheim:geheimnis@h/?t=nisse"), "rtsp://***:***@h/?t=***");
    redact_clear();
    assert_string_equal(redacted("geheim"), "geheim");
}

/* Wherever the output or the input is cut, no more of a secret comes out than two characters. */
static void cut_anywhere(void **state)
{
    (void)state;
    static const char text[] = "x rtsp://u:GEHEIM@h/ y TRESOR z";
    redact_add("TRESOR");
    char in[sizeof(text)], out[128];
    for (size_t size = 1; size < sizeof(out); size++) {
        memset(out, '!', sizeof(out));
        redact_text(out, size, text);
        assert_true(strlen(out) < size);
        assert_null(strpbrk(out, "GEHIMTRSO"));
        if (size < sizeof(out))
            assert_int_equal(out[size], '!');
    }
    for (size_t n = 0; n < sizeof(text); n++) {
        memcpy(in, text, n);
        in[n] = '\0';
        redact_text(out, sizeof(out), in);
        assert_null(strpbrk(out, "GHIM"));
        assert_null(strstr(out, "TRE"));
        redact_cut(out, sizeof(out), in);
        assert_null(strpbrk(out, "GEHIMTRSO"));
    }
    redact_text(out, 0, text); /* writes nothing */
    redact_clear();
}

/* Whatever stands around it and whatever it is made of, a known secret does not come out. */
static void random_secrets(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    static const char letters[] = "ab:/@?#%&=. \"'<>\xc3\xa9";
    for (int round = 0; round < 2000; round++) {
        char secret[4][16], text[400] = "", out[1600];
        for (int i = 0; i < 4; i++) {
            int n = 3 + rand_r(&seed) % 12;
            for (int k = 0; k < n; k++)
                secret[i][k] = letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)];
            secret[i][n] = '\0';
            redact_add(secret[i]);
        }
        size_t n = 0;
        for (int i = 0; i < 12; i++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s", i & 1 ? "rtsp://u:" : "c",
                    secret[rand_r(&seed) % 4], i & 1 ? "@h/" : "d");
        redact_text(out, sizeof(out), text);
        for (int i = 0; i < 4; i++) {
            if (strstr(out, secret[i]))
                fail_msg("'%s' is in '%s' from '%s'", secret[i], out, text);
        }
        redact_clear();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(passwords_of_urls),
            cmocka_unit_test(known_secrets),
            cmocka_unit_test(cut_anywhere),
            cmocka_unit_test(random_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
