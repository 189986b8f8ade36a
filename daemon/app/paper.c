#include "app/paper.h"

#include <string.h>

#define REST (PAPER_WHOLE - PAPER_SIDE)

static void crop(const uint8_t *whole, int x, int y, uint8_t *ret)
{
    for (int row = 0; row < PAPER_SIDE; row++) {
        const uint8_t *from = whole + ((size_t)(y + row) * PAPER_WHOLE + (size_t)x) * 3;
        memcpy(ret + (size_t)row * PAPER_SIDE * 3, from, (size_t)PAPER_SIDE * 3);
    }
}

static void mirror(const uint8_t *from, uint8_t *ret)
{
    for (int row = 0; row < PAPER_SIDE; row++) {
        for (int i = 0; i < PAPER_SIDE; i++)
            memcpy(ret + ((size_t)row * PAPER_SIDE + (size_t)i) * 3,
                    from + ((size_t)row * PAPER_SIDE + (size_t)(PAPER_SIDE - 1 - i)) * 3, 3);
    }
}

int paper_crops(const uint8_t *whole, bool oversample, uint8_t *const ret[PAPER_CROPS])
{
    static const struct {
        int x, y;
    } places[PAPER_CROPS / 2] = {{REST / 2, REST / 2}, {0, 0}, {REST, 0}, {0, REST}, {REST, REST}};
    int n = 0;
    for (int i = 0; i < (oversample ? PAPER_CROPS / 2 : 1); i++) {
        crop(whole, places[i].x, places[i].y, ret[n++]);
        if (oversample) {
            mirror(ret[n - 1], ret[n]);
            n++;
        }
    }
    return n;
}
