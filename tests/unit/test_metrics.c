/* needs: app/web/metrics base/mem */
#include "app/web/metrics.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *of(const char *json)
{
    json_t *j = json_loads(json, 0, NULL);
    assert_non_null(j);
    char *text = metrics_text(j);
    json_decref(j);
    return text;
}

static void each_camera_has_its_label(void **state)
{
    (void)state;
    char *text = of("{\"version\":\"0.1.0\",\"uptime_s\":5,\"cameras\":{"
                    "\"door\":{\"frames\":100,\"state\":\"online\",\"enabled\":true,\"people\":2},"
                    "\"hall\":{\"frames\":7,\"state\":\"offline\",\"enabled\":false}},"
                    "\"broker\":{\"connected\":true,\"sent\":3},\"inference_ms\":null,"
                    "\"overload\":{\"active\":true,\"share\":0.25}}");
    assert_non_null(strstr(text, "# TYPE faced_camera_frames_total counter\n"
                                 "faced_camera_frames_total{camera=\"door\"} 100\n"
                                 "faced_camera_frames_total{camera=\"hall\"} 7\n"));
    assert_non_null(strstr(text, "faced_camera_people{camera=\"door\"} 2\n"));
    assert_null(strstr(text, "faced_camera_people{camera=\"hall\"}"));
    assert_non_null(strstr(text, "faced_camera_enabled{camera=\"hall\"} 0\n"));
    assert_non_null(strstr(text, "faced_camera_state{camera=\"hall\",state=\"offline\"} 1\n"));
    assert_non_null(strstr(text, "faced_broker_connected 1\n"));
    assert_non_null(strstr(text, "faced_build_info{version=\"0.1.0\"} 1\n"));
    assert_non_null(strstr(text, "faced_overload 1\n"));
    assert_non_null(strstr(text, "faced_overload_share 0.25\n"));
    assert_null(strstr(text, "faced_inference_seconds")); /* what is not known is left out */
    free(text);
}

static void without_a_broker_there_are_no_numbers_of_it(void **state)
{
    (void)state;
    char *text = of("{\"broker\":null,\"cameras\":{}}");
    assert_null(strstr(text, "faced_broker"));
    assert_non_null(strstr(text, "faced_build_info"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_camera_has_its_label),
            cmocka_unit_test(without_a_broker_there_are_no_numbers_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
