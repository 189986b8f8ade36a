/* needs: source/origin base/url base/mem */
#include "source/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum origin_kind kind;
    } list[] = {
            {"rtsp://192.0.2.7/stream2", ORIGIN_RTSP},
            {"RTSP://user:pa:ss@host:8554/", ORIGIN_RTSP},
            {"rtsps://host/x", ORIGIN_RTSPS},
            {"http://host/video.mjpg", ORIGIN_HTTP},
            {"https://host/a.mp4", ORIGIN_HTTP},
            {"/srv/clip.mp4", ORIGIN_FILE},
            {"clip.mp4", ORIGIN_FILE},
            {"./a:b/clip.mp4", ORIGIN_FILE},
            {"concat:a.mp4|b.mp4", ORIGIN_FILE},
            {"/srv/a://b.mp4", ORIGIN_FILE},
            {"file:///srv/clip.mp4", ORIGIN_FILE},
            {"/dev/video0", ORIGIN_WEBCAM},
            {"/dev/video12", ORIGIN_WEBCAM},
            {"file:///dev/video0", ORIGIN_WEBCAM},
            {"/dev/video", ORIGIN_FILE},
            {"/dev/video0.mp4", ORIGIN_FILE},
            {"ftp://host/x", ORIGIN_UNKNOWN},
            {"concat://x", ORIGIN_UNKNOWN},
            {"rtmp://host/live", ORIGIN_UNKNOWN},
            {"rtspx://host/", ORIGIN_UNKNOWN},
            {"://", ORIGIN_UNKNOWN},
            {"", ORIGIN_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (origin_kind(list[i].url) != list[i].kind)
            fail_msg("'%s' is of kind %d", list[i].url, (int)origin_kind(list[i].url));
    }
}

static void test_paths(void **state)
{
    (void)state;
    assert_string_equal(origin_path("file:///srv/a.mp4"), "/srv/a.mp4");
    assert_string_equal(origin_path("/srv/a.mp4"), "/srv/a.mp4");
    assert_string_equal(origin_path("rtsp://h/x"), "rtsp://h/x");
}

static void test_only_names_need_the_resolver(void **state)
{
    (void)state;
    assert_true(origin_needs_resolver("rtsp://camera.example/x"));
    assert_true(origin_needs_resolver("rtsp://u:p@localhost:8554/x"));
    assert_true(origin_needs_resolver("http://1.2.3.4.example/x"));
    assert_false(origin_needs_resolver("rtsp://192.0.2.7/x"));
    assert_false(origin_needs_resolver("rtsp://u:p@192.0.2.7:554/x"));
    assert_false(origin_needs_resolver("rtsp://[2001:db8::7]:554/x"));
    assert_false(origin_needs_resolver("rtsp://[fe80::1%eth0]/x"));
    assert_false(origin_needs_resolver("/srv/a.mp4"));
    assert_false(origin_needs_resolver("/dev/video0"));
}

/* No network source may open a file, no RTSP camera may lead to HTTP. */
static void test_protocols_stay_in_their_kind(void **state)
{
    (void)state;
    static const enum origin_kind network[] = {ORIGIN_RTSP, ORIGIN_RTSPS, ORIGIN_HTTP};
    for (size_t i = 0; i < 3; i++) {
        const char *list = origin_protocols(network[i], TRANSPORT_UDP);
        assert_null(strstr(list, "file"));
        assert_null(strstr(list, "pipe"));
        assert_null(strstr(list, "concat"));
        assert_null(strstr(list, "data"));
    }
    assert_null(strstr(origin_protocols(ORIGIN_RTSP, TRANSPORT_TCP), "http"));
    assert_null(strstr(origin_protocols(ORIGIN_RTSP, TRANSPORT_TCP), "udp"));
    assert_non_null(strstr(origin_protocols(ORIGIN_RTSP, TRANSPORT_UDP), "udp"));
    assert_null(strstr(origin_protocols(ORIGIN_RTSPS, TRANSPORT_UDP), "udp"));
    assert_string_equal(origin_protocols(ORIGIN_FILE, TRANSPORT_TCP), "file");
}

static void test_text(void **state)
{
    (void)state;
#define TEXT_ONLY(s) origin_text_only((const unsigned char *)(s), sizeof(s) - 1)
    assert_true(TEXT_ONLY("Dear camera,\r\n\tgood day.\n"));
    assert_true(TEXT_ONLY("#EXTM3U\nfile:///etc/passwd\n"));
    assert_true(TEXT_ONLY("gr\xc3\xbc\xc3\x9f dich\n"));
    assert_true(TEXT_ONLY("\x1b[31mred\x1b[0m\n"));
    assert_false(TEXT_ONLY("\0\0\0\x01\x67"));
    assert_false(TEXT_ONLY("GIF89a\xe0\x01\x0e\x01\xf7\x1f\0"));
    assert_false(TEXT_ONLY("\xff\xd8\xff\xe0"));
    assert_false(TEXT_ONLY(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_kinds),
            cmocka_unit_test(test_paths),
            cmocka_unit_test(test_only_names_need_the_resolver),
            cmocka_unit_test(test_protocols_stay_in_their_kind),
            cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
