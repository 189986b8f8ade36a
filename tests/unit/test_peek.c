/* needs: picture/peek */
#include "picture/peek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* A TIFF's header and a directory with width 300, height 200, orientation 6 and one strip. */
#define TIFF_LITTLE                                                                                \
    "II*\0\x08\0\0\0\x05\0"                                                                        \
    "\x00\x01\x03\0\x01\0\0\0\x2c\x01\0\0"                                                         \
    "\x01\x01\x03\0\x01\0\0\0\xc8\0\0\0"                                                           \
    "\x11\x01\x04\0\x01\0\0\0\x4a\0\0\0"                                                           \
    "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"                                                           \
    "\x17\x01\x04\0\x01\0\0\0\x04\0\0\0"
#define TIFF_BIG                                                                                   \
    "MM\0*\0\0\0\x08\0\x01"                                                                        \
    "\x01\x12\0\x03\0\0\0\x01\0\x03\0\0"

/* Frame header of 300x200, then a scan, then the end. */
#define JPEG_FRAME "\xff\xc0\0\x0b\x08\0\xc8\x01\x2c\x01\x01\x11\0"
#define JPEG_SCAN  "\xff\xda\0\x08\x01\x01\0\0\x3f\0\x12\x34"
#define JPEG_END   "\xff\xd9"

#define PNG_HEAD   "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x2c\0\0\0\xc8\x08\x02\0\0\0crc."

static const struct sample {
    const char *name;
    const uint8_t *data;
    size_t size;
    struct peek is;
} samples[] = {
        {"jpeg", BYTES("\xff\xd8" JPEG_FRAME JPEG_SCAN JPEG_END),
                {PICTURE_JPEG, 300, 200, 1, true, false}},
        {"jpeg, held upside down",
                BYTES("\xff\xd8\xff\xe1\0\x1e"
                      "Exif\0\0" TIFF_BIG JPEG_FRAME JPEG_SCAN JPEG_END),
                {PICTURE_JPEG, 300, 200, 3, true, false}},
        {"jpeg, cut", BYTES("\xff\xd8" JPEG_FRAME JPEG_SCAN),
                {PICTURE_JPEG, 300, 200, 1, false, false}},
        {"png", BYTES(PNG_HEAD "\0\0\0\0IDATcrc.\0\0\0\0IENDcrc."),
                {PICTURE_PNG, 300, 200, 1, true, false}},
        {"png, turned",
                BYTES(PNG_HEAD "\0\0\0\x16"
                               "eXIf" TIFF_BIG "crc.\0\0\0\0IENDcrc."),
                {PICTURE_PNG, 300, 200, 3, true, false}},
        {"png, cut", BYTES(PNG_HEAD "\0\0\0\x09IDATab"), {PICTURE_PNG, 300, 200, 1, false, false}},
        {"gif",
                BYTES("GIF89a\x2c\x01\xc8\0\0\0\0\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\x2c\x01\xc8\0\0"
                      "\x08\x02\x12\x34\0"),
                {PICTURE_GIF, 300, 200, 1, true, false}},
        {"gif, cut",
                BYTES("GIF87a\x2c\x01\xc8\0\0\0\0\x2c\0\0\0\0\x2c\x01\xc8\0\0\x08\x20\x12\x34"),
                {PICTURE_GIF, 300, 200, 1, false, false}},
        {"bmp, bottom up, cut",
                BYTES("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x2c\x01\0\0\x38\xff\xff\xff\x01\0\x18"
                      "\0\0\0\0\0"),
                {PICTURE_BMP, 300, 200, 1, false, false}},
        {"bmp, of a size that no number holds",
                BYTES("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\0"
                      "\xff"
                      "\xff\0\0\0\0"),
                {PICTURE_BMP, INT32_MAX, INT32_MAX, 1, false, false}},
        {"bmp, less than nothing wide",
                BYTES("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\xd4\xfe\xff\xff\xc8\0\0\0\x01\0\x18"
                      "\0\0\0\0\0"),
                {PICTURE_BMP, 0, 200, 1, true, false}},
        {"webp, lossless", BYTES("RIFF\x11\0\0\0WEBPVP8L\x05\0\0\0\x2f\x2b\xc1\x31\0"),
                {PICTURE_WEBP, 300, 200, 1, true, false}},
        {"webp, cut", BYTES("RIFF\x91\0\0\0WEBPVP8 \x90\0\0\0\0\0\0\x9d\x01\x2a\x2c\x01\xc8\0"),
                {PICTURE_WEBP, 300, 200, 1, false, false}},
        {"webp, animated", BYTES("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x2b\x01\0\xc7\0\0"),
                {PICTURE_WEBP, 300, 200, 1, true, true}},
        {"tiff", BYTES(TIFF_LITTLE "\0\0\0\0abcd"), {PICTURE_TIFF, 300, 200, 6, true, false}},
        {"tiff, cut", BYTES(TIFF_LITTLE "\0\0\0\0abc"), {PICTURE_TIFF, 300, 200, 6, false, false}},
        {"heic",
                BYTES("\0\0\0\x18"
                      "ftypheic\0\0\0\0"),
                {PICTURE_HEIC, 0, 0, 1, true, false}},
        {"avif",
                BYTES("\0\0\0\x18"
                      "ftypavif\0\0\0\0"),
                {PICTURE_HEIC, 0, 0, 1, true, false}},
        {"mp4",
                BYTES("\0\0\0\x18"
                      "ftypisom\0\0\0\0"),
                {PICTURE_OTHER, 0, 0, 1, true, false}},
        {"text", BYTES("hello"), {PICTURE_OTHER, 0, 0, 1, true, false}},
        {"nothing", (const uint8_t *)"", 0, {PICTURE_OTHER, 0, 0, 1, true, false}},
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void what_the_headers_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &samples[i];
        struct peek p;
        peek_at(s->data, s->size, &p);
        print_message("%s\n", s->name);
        assert_int_equal(p.kind, s->is.kind);
        assert_int_equal(p.width, s->is.width);
        assert_int_equal(p.height, s->is.height);
        assert_int_equal(p.orientation, s->is.orientation);
        assert_int_equal(p.whole, s->is.whole);
        assert_int_equal(p.animated, s->is.animated);
    }
}

/* An upload that ends within its Exif is not turned by what lies behind it in memory. */
static void what_lies_behind_the_end_does_not_count(void **state)
{
    (void)state;
    static const uint8_t data[] = "\xff\xd8\xff\xe1\0\x1e"
                                  "Exif\0\0II*\0\x08\0\0\0\x01\0"
                                  "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
    size_t size = sizeof(data) - 1;
    struct peek p;
    peek_at(data, size - 2, &p);
    assert_int_equal(p.orientation, 1);
    peek_at(data, size - 1, &p);
    assert_int_equal(p.orientation, 1);
}

/* In memory of exactly that size, so that a sanitizer sees a byte too far. */
static void peek_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    memcpy(copy + 1, data, size);
    struct peek p;
    peek_at(copy + 1, size, &p);
    assert_in_range(p.kind, PICTURE_OTHER, PICTURE_HEIC);
    assert_in_range(p.orientation, 1, 8);
    assert_true(p.width >= 0 && p.height >= 0);
    free(copy);
}

static void every_beginning_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t n = 0; n <= samples[i].size; n++)
            peek_copy(samples[i].data, n);
    }
}

static void every_damage_is_survived(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    printf("SEED=%u\n", seed);
    for (int turn = 0; turn < 200000; turn++) {
        uint8_t data[256];
        const struct sample *s = &samples[(size_t)rand_r(&seed) % SAMPLES];
        memcpy(data, s->data, s->size);
        for (int k = rand_r(&seed) % 6; k >= 0 && s->size; k--)
            data[(size_t)rand_r(&seed) % s->size] = (uint8_t)(rand_r(&seed) >> 8);
        peek_copy(data, s->size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_the_headers_say),
            cmocka_unit_test(what_lies_behind_the_end_does_not_count),
            cmocka_unit_test(every_beginning_is_survived),
            cmocka_unit_test(every_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
