/* needs: vision/dnn_opencv base/err */
#include "base/err.h"
#include "vision/dnn.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *models;
static char dir[] = "/tmp/test_dnn.XXXXXX", path[256];

static const char *in(const char *folder, const char *name)
{
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    FILE *out = fopen(in(dir, name), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

/* Opens what must fail, with standard error caught: nothing may be printed there. */
static void refuse(const char *weights, const char *graph, const char *why)
{
    (void)fflush(stderr);
    int kept = dup(2), caught = open(dir, O_TMPFILE | O_RDWR, 0600);
    assert_true(kept >= 0 && caught >= 0 && dup2(caught, 2) == 2);
    struct err e = {0};
    struct dnn *d = dnn_open(weights, graph, &e);
    assert_int_equal(dup2(kept, 2), 2);
    char text[400] = "";
    assert_true(pread(caught, text, sizeof(text) - 1, 0) >= 0);
    close(kept);
    close(caught);
    if (d || e.code >= 0 || !e.text[0] || strchr(e.text, '\n'))
        fail_msg("%s: %s: not refused in one line: %s", weights, why, e.text);
    assert_string_equal(text, "");
    const char *slash = strrchr(weights, '/');
    if (!strstr(e.text, slash ? slash + 1 : weights))
        fail_msg("%s: %s: the file is not named: %s", weights, why, e.text);
}

static void what_is_no_model_is_one_sentence(void **state)
{
    (void)state;
    static const char *const names[] = {"m.onnx", "m.pb", "m.caffemodel", "m.txt"};
    static const char text[] = "This is not a model.\nIt is a letter.\n";
    uint8_t noise[5000];
    unsigned seed = 20261123;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(rand_r(&seed) >> 3);
    char graph[128];
    (void)snprintf(graph, sizeof(graph), "%s/g.prototxt", dir);
    write_file("g.prototxt", text, sizeof(text) - 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool caffe = strstr(names[i], "caffe") != NULL;
        refuse(in(dir, "absent.onnx"), NULL, "absent");
        write_file(names[i], "", 0);
        refuse(in(dir, names[i]), caffe ? graph : NULL, "empty");
        write_file(names[i], text, sizeof(text) - 1);
        refuse(in(dir, names[i]), caffe ? graph : NULL, "text");
        write_file(names[i], noise, sizeof(noise));
        refuse(in(dir, names[i]), caffe ? graph : NULL, "noise");
        refuse(in(dir, names[i]), NULL, "without its graph");
        (void)unlink(in(dir, names[i]));
    }
    (void)unlink(graph);
}

static void need_models(void)
{
    if (!models || access(in(models, "face_detection_yunet_2023mar.onnx"), R_OK) != 0) {
        print_message("skipped: FACED_MODELS does not name a folder with the models\n");
        skip();
    }
}

static uint8_t *read_model(const char *name, size_t *ret_n)
{
    FILE *f = fopen(in(models, name), "rb");
    assert_non_null(f);
    uint8_t *bytes = malloc(1 << 20);
    *ret_n = fread(bytes, 1, 1 << 20, f);
    assert_int_equal(fclose(f), 0);
    return bytes;
}

static void a_truncated_model_is_one_sentence(void **state)
{
    (void)state;
    need_models();
    size_t n;
    uint8_t *bytes = read_model("face_detection_yunet_2023mar.onnx", &n);
    for (size_t part = 1; part < 8; part++) {
        write_file("cut.onnx", bytes, n * part / 8);
        refuse(in(dir, "cut.onnx"), NULL, "cut");
    }
    (void)unlink(in(dir, "cut.onnx"));
    free(bytes);
}

static const struct dnn_prep prep = {.width = 64, .height = 32, .scale = 1};

static void a_net_runs_and_its_outputs_have_their_shapes(void **state)
{
    (void)state;
    need_models();
    struct err e = {0};
    struct dnn *d = dnn_open(in(models, "face_detection_yunet_2023mar.onnx"), NULL, &e);
    assert_string_equal(e.text, "");
    uint8_t *bgr = calloc(64 * 32, 3);
    static const char *const names[] = {"cls_8", "kps_16"};
    struct dnn_output out[2];
    for (int round = 0; round < 2; round++) {
        assert_int_equal(dnn_run(d, bgr, 64, 32, &prep, names, 2, out, &e), 0);
        assert_int_equal(out[0].n, 8 * 4);
        assert_int_equal(out[1].n, 4 * 2 * 10);
        for (size_t i = 0; i < out[0].n; i++)
            assert_true(out[0].data[i] >= 0 && out[0].data[i] <= 1);
    }
    free(bgr);
    dnn_close(d);
}

/* What OpenCV throws at run time comes back as an error, and the net lives on. */
static void no_exception_crosses(void **state)
{
    (void)state;
    need_models();
    struct err e = {0};
    struct dnn *d = dnn_open(in(models, "face_detection_yunet_2023mar.onnx"), NULL, &e);
    uint8_t *bgr = calloc(64 * 32, 3);
    static const char *const wrong[] = {"no_such_output"}, *const right[] = {"cls_8"};
    struct dnn_output out;
    assert_true(dnn_run(d, bgr, 64, 32, &prep, wrong, 1, &out, &e) < 0);
    assert_non_null(strstr(e.text, "face_detection_yunet_2023mar.onnx"));
    struct dnn_prep bad = prep;
    bad.width = -5;
    assert_true(dnn_run(d, bgr, 64, 32, &bad, right, 1, &out, &e) < 0);
    assert_true(dnn_run(d, bgr, 0, 32, &prep, right, 1, &out, NULL) < 0);
    assert_true(dnn_run(d, bgr, 1 << 30, 1 << 30, &bad, right, 1, &out, NULL) < 0);
    assert_int_equal(dnn_run(d, bgr, 64, 32, &prep, right, 1, &out, &e), 0);
    free(bgr);
    dnn_close(d);
    dnn_close(NULL);
}

static int setup(void **state)
{
    (void)state;
    models = getenv("FACED_MODELS");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_no_model_is_one_sentence),
            cmocka_unit_test(a_truncated_model_is_one_sentence),
            cmocka_unit_test(a_net_runs_and_its_outputs_have_their_shapes),
            cmocka_unit_test(no_exception_crosses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
