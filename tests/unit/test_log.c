/* needs: base/log base/mono base/redact base/url base/mem */
#include "base/log.h"

#include "base/mono.h"
#include "base/redact.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int capture, stderr_was;

static void begin(void)
{
    capture = memfd_create("log", MFD_CLOEXEC);
    stderr_was = dup(STDERR_FILENO);
    assert_true(capture >= 0 && dup2(capture, STDERR_FILENO) == STDERR_FILENO);
}

/* What was written to standard error since begin(). */
static const char *end(void)
{
    static char text[8192];
    assert_int_equal(dup2(stderr_was, STDERR_FILENO), STDERR_FILENO);
    close(stderr_was);
    ssize_t n = pread(capture, text, sizeof(text) - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    close(capture);
    return text;
}

static void open_with(const char *wish, enum log_level shown)
{
    assert_int_equal(wish ? setenv("FACED_LOG", wish, 1) : unsetenv("FACED_LOG"), 0);
    log_open(shown);
}

static void a_line(void **state)
{
    (void)state;
    open_with(NULL, LEVEL_INFO);
    begin();
    log_error("bus", "broker %s", "gone");
    log_camera("door");
    log_warn("source", "mute");
    log_camera(NULL);
    log_info("app", "ready");
    log_debug("app", "not shown");
    assert_string_equal(
            end(), "error bus: broker gone\nwarning source: door: mute\ninfo app: ready\n");
}

static void levels_by_topic(void **state)
{
    (void)state;
    static const struct {
        const char *wish, *lines;
    } cases[] = {{"error", "E"}, {"warning", "EW"}, {"debug", "EWIDd"}, {"nonsense", "EWI"},
            {"", "EWI"}, {"source:debug", "EWID"}, {"bus:debug", "EWId"}, {"source:error", "E"},
            {"source:warning,bus:debug", "EWd"}, {"bus:info,source:debug", "EWID"},
            {"source:nonsense", "EWI"}, {"resource:debug", "EWI"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_with(cases[i].wish, LEVEL_INFO);
        begin();
        log_error("source", "E");
        log_warn("source", "W");
        log_info("source", "I");
        log_debug("source", "D");
        log_debug("bus", "d");
        const char *text = end();
        char seen[16] = "";
        size_t n = 0;
        for (const char *p = text; (p = strchr(p, '\n')); p++)
            seen[n++] = p[-1];
        assert_string_equal(seen, cases[i].lines);
    }
    open_with(NULL, LEVEL_INFO);
}

static void lines_are_redacted(void **state)
{
    (void)state;
    redact_add("TRESOR");
    char filler[1100];
    memset(filler, 'x', sizeof(filler));
    begin();
    log_info("app", "open rtsp://u:GEHEIM@h/ with TRESOR");
    assert_string_equal(end(), "info app: open rtsp://u:***@h/ with ***\n");
    for (int n = 1000; n < 1040; n++) { /* wherever a long line is cut */
        begin();
        log_info("app", "%.*sTRESOR", n, filler);
        assert_null(strpbrk(end(), "TRESO"));
        begin();
        log_info("app", "%.*s://u:GEHEIM@h", n, filler);
        assert_null(strpbrk(end(), "GEHIM"));
    }
    redact_clear();
}

/* A camera's words cannot pretend to be a line of ours, nor reach the terminal. */
static void one_call_is_one_line(void **state)
{
    (void)state;
    begin();
    log_warn("source", "said: a\nerror app: b\r\x1b[2J\x7f");
    assert_string_equal(end(), "warning source: said: a error app: b  [2J \n");
}

static void complaints_at_growing_intervals(void **state)
{
    (void)state;
    struct log_limit l = {0};
    int64_t last = -1, gaps[16];
    int said = 0;
    for (int64_t t = 0; t < 20000 && said < 16; t++) { /* one failure each second */
        if (!log_due(&l, t * MONO_SECOND))
            continue;
        if (last >= 0) {
            gaps[said++] = t - last;
            assert_int_equal(l.held_back, t - last - 1);
        }
        last = t;
    }
    static const int64_t want[] = {60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
    assert_true(said >= 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(gaps[i], want[i]);
    assert_true(log_over(&l));
    assert_false(log_over(&l));
    assert_true(log_due(&l, 20000 * MONO_SECOND)); /* begins again */
    assert_int_equal(l.held_back, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_line),
            cmocka_unit_test(levels_by_topic),
            cmocka_unit_test(lines_are_redacted),
            cmocka_unit_test(one_call_is_one_line),
            cmocka_unit_test(complaints_at_growing_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
