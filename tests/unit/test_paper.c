/* needs: app/paper */
#include "app/paper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* A pixel of a picture in which each is different. */
static uint8_t pixel(int x, int y, int channel)
{
    return (uint8_t)(channel == 0 ? x : channel == 1 ? y : (x * 7 + y * 13));
}

static void check(const uint8_t *crop, int left, int top, bool mirrored)
{
    for (int y = 0; y < PAPER_SIDE; y++) {
        for (int x = 0; x < PAPER_SIDE; x++) {
            int from = mirrored ? PAPER_SIDE - 1 - x : x;
            for (int c = 0; c < 3; c++)
                assert_int_equal(crop[((size_t)y * PAPER_SIDE + (size_t)x) * 3 + (size_t)c],
                        pixel(left + from, top + y, c));
        }
    }
}

static void crops(void **state)
{
    (void)state;
    uint8_t *whole = malloc((size_t)PAPER_WHOLE * PAPER_WHOLE * 3), *crop[PAPER_CROPS];
    for (int y = 0; y < PAPER_WHOLE; y++) {
        for (int x = 0; x < PAPER_WHOLE; x++) {
            for (int c = 0; c < 3; c++)
                whole[((size_t)y * PAPER_WHOLE + (size_t)x) * 3 + (size_t)c] = pixel(x, y, c);
        }
    }
    for (int i = 0; i < PAPER_CROPS; i++)
        crop[i] = malloc((size_t)PAPER_SIDE * PAPER_SIDE * 3);
    assert_int_equal(paper_crops(whole, false, crop), 1);
    check(crop[0], 14, 14, false);
    assert_int_equal(paper_crops(whole, true, crop), PAPER_CROPS);
    static const int places[PAPER_CROPS / 2][2] = {{14, 14}, {0, 0}, {29, 0}, {0, 29}, {29, 29}};
    for (int i = 0; i < PAPER_CROPS; i++) {
        check(crop[i], places[i / 2][0], places[i / 2][1], i % 2);
        free(crop[i]);
    }
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(crops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
