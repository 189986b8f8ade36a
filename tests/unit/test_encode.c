/* needs: picture/encode picture/canvas flow/frame flow/scale base/err base/mem */
#include "picture/encode.h"

#include "picture/canvas.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Width and height from the frame header, SOF0 (ITU-T T.81, B.2.2). */
static void size_of(const struct jpeg *j, int *ret_width, int *ret_height)
{
    for (size_t i = 2; i + 9 < j->size && j->data[i] == 0xff;) {
        if (j->data[i + 1] == 0xc0) {
            *ret_height = j->data[i + 5] << 8 | j->data[i + 6];
            *ret_width = j->data[i + 7] << 8 | j->data[i + 8];
            return;
        }
        i += 2 + (size_t)(j->data[i + 2] << 8 | j->data[i + 3]);
    }
    fail_msg("no frame header");
}

static void check(int width, int height, int side)
{
    uint8_t *bgr = malloc((size_t)width * (size_t)height * 3);
    for (int i = 0; i < width * height * 3; i++)
        bgr[i] = (uint8_t)(i / 7);
    struct canvas *c = canvas_of_bgr(bgr, width, height, side);
    struct jpeg *j = encode_jpeg(c);
    canvas_free(c);
    assert_non_null(j);
    assert_memory_equal(j->data, "\xff\xd8", 2);
    assert_memory_equal(j->data + j->size - 2, "\xff\xd9", 2);
    int w = 0, h = 0, longer = width > height ? width : height;
    size_of(j, &w, &h);
    if (longer <= side) {
        assert_int_equal(w, width);
        assert_int_equal(h, height);
    } else {
        assert_int_equal(w > h ? w : h, side);
        assert_true(abs(w * height - h * width) <= longer * 2); /* in its own proportions */
    }
    free(j);
    free(bgr);
}

static void smaller_never_larger(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 320}, {17, 23}, {320, 240}, {321, 200}, {200, 900},
            {1000, 1000}, {2000, 3}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check(sizes[i][0], sizes[i][1], 320);
}

static void nothing_of_nothing(void **state)
{
    (void)state;
    uint8_t pixel[3] = {0};
    assert_null(canvas_of_bgr(pixel, 0, 1, 320));
    assert_null(canvas_of_bgr(pixel, 1, -1, 320));
}

static void a_file_is_what_its_name_says(void **state)
{
    (void)state;
    struct canvas *c = canvas_new(20, 10);
    struct err e = {0};
    assert_true(encode_knows("a.JPG") && encode_knows("/x/y.jpeg") && encode_knows("b.png"));
    assert_false(encode_knows("a.gif") || encode_knows("png") || encode_knows(""));
    assert_int_equal(encode_file(c, "a.gif", &e), -EINVAL);
    assert_non_null(strstr(e.text, ".jpg or .png"));
    assert_int_equal(encode_file(c, "/nowhere/a.png", &e), -ENOENT);
    assert_non_null(strstr(e.text, "/nowhere/a.png"));
    canvas_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(smaller_never_larger),
            cmocka_unit_test(nothing_of_nothing),
            cmocka_unit_test(a_file_is_what_its_name_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
