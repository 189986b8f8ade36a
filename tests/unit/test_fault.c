/* needs: source/fault base/err base/redact base/mem base/url */
#include "source/fault.h"

#include <errno.h>
#include <libavutil/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_names_are_there_and_differ(void **state)
{
    (void)state;
    for (int i = 0; i < SOURCE_FAULT_COUNT; i++) {
        assert_non_null(source_fault_name((enum source_fault)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(source_fault_name((enum source_fault)i),
                    source_fault_name((enum source_fault)k));
    }
}

static void test_codes(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum source_fault fault;
    } list[] = {
            {0, SOURCE_OK},
            {7, SOURCE_OK},
            {AVERROR_EOF, SOURCE_EOF},
            {AVERROR(ECONNREFUSED), SOURCE_REFUSED},
            {AVERROR(EHOSTUNREACH), SOURCE_UNREACHABLE},
            {AVERROR(ENETUNREACH), SOURCE_UNREACHABLE},
            {AVERROR(ETIMEDOUT), SOURCE_TIMEOUT},
            {AVERROR_HTTP_UNAUTHORIZED, SOURCE_AUTH},
            {AVERROR_HTTP_FORBIDDEN, SOURCE_AUTH},
            {AVERROR_HTTP_NOT_FOUND, SOURCE_NOT_FOUND},
            {AVERROR_HTTP_SERVER_ERROR, SOURCE_REFUSED},
            {AVERROR(EPROTONOSUPPORT), SOURCE_REFUSED},
            {AVERROR_STREAM_NOT_FOUND, SOURCE_NO_VIDEO},
            {AVERROR_INVALIDDATA, SOURCE_BROKEN},
            {AVERROR(ECONNRESET), SOURCE_BROKEN},
            {AVERROR(EIO), SOURCE_BROKEN},
            {AVERROR(ENOMEM), SOURCE_BROKEN},
            {AVERROR_BUG, SOURCE_BROKEN},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        assert_int_equal(fault_of(list[i].code), list[i].fault);
}

/* Each sentence begins with the thing, shows no password, and is whole. */
static void test_sentences(void **state)
{
    (void)state;
    struct fault_at at = {
            .shown = "rtsp://viewer:hidden@192.0.2.7/x",
            .averror = AVERROR_INVALIDDATA,
            .detail = "Could not open rtsp://viewer:hidden@192.0.2.7/x",
    };
    for (int i = 1; i < SOURCE_FAULT_COUNT; i++) {
        for (int k = 0; k < 4; k++) {
            struct err e = {0};
            at.network = k & 1;
            at.opening = k >> 1;
            assert_int_equal(fault_explain((enum source_fault)i, &at, &e), i);
            assert_memory_equal(e.text, "rtsp://viewer:***@192.0.2.7/x: ", 31);
            assert_null(strstr(e.text, "hidden"));
            assert_true(strlen(e.text) > 35 && strlen(e.text) < sizeof(e.text) - 1);
            assert_true(e.code < 0);
        }
    }
    assert_int_equal(fault_explain(SOURCE_AUTH, &at, NULL), SOURCE_AUTH);
}

static void test_what_a_person_reads(void **state)
{
    (void)state;
    struct err e = {0};
    struct fault_at at = {.shown = "rtsp://192.0.2.7/x", .network = 1, .opening = 1};
    at.timeout_ms = 10000;
    fault_explain(SOURCE_TIMEOUT, &at, &e);
    assert_non_null(strstr(e.text, "does not answer within 10 s"));
    at.opening = 0;
    fault_explain(SOURCE_TIMEOUT, &at, &e);
    assert_non_null(strstr(e.text, "has sent nothing for 10 s"));
    at.averror = AVERROR_HTTP_UNAUTHORIZED;
    fault_explain(SOURCE_AUTH, &at, &e);
    assert_non_null(strstr(e.text, "wrong user name or password (401)"));
    at.averror = AVERROR_HTTP_NOT_FOUND;
    fault_explain(SOURCE_NOT_FOUND, &at, &e);
    assert_non_null(strstr(e.text, "no such stream (404)"));
    at.averror = AVERROR(ECONNREFUSED);
    fault_explain(SOURCE_REFUSED, &at, &e);
    assert_non_null(strstr(e.text, "refused the connection"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_names_are_there_and_differ),
            cmocka_unit_test(test_codes),
            cmocka_unit_test(test_sentences),
            cmocka_unit_test(test_what_a_person_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
