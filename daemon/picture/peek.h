#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the headers of a picture's file say, before anybody decodes it: of which kind it is, how
 * large the picture will be, how the camera was held, and whether the file's end is there.
 *
 * A decoder gives out half a picture without a word, and libavcodec turns none upright but as a
 * note beside it; so this little is read here. Every number in the file is hostile until it was
 * checked. Pure.
 *
 * JPEG: ITU-T T.81 annex B; Exif 2.32; PNG: W3C; GIF89a; WebP: RFC 9649; TIFF 6.0.
 */
enum picture_kind {
    PICTURE_OTHER,
    PICTURE_JPEG,
    PICTURE_PNG,
    PICTURE_WEBP,
    PICTURE_BMP,
    PICTURE_TIFF,
    PICTURE_GIF,
    PICTURE_HEIC, /* and AVIF: known by name, not read */
    PICTURE_KIND_COUNT,
};

struct peek {
    enum picture_kind kind;
    int64_t width, height; /* as stored; 0: the header does not say */
    int orientation;       /* 1 to 8, as Exif has it; 1: upright */
    bool whole;            /* the end is there, as far as headers tell */
    bool animated;         /* a WebP of several pictures */
};

void peek_at(const uint8_t *data, size_t size, struct peek *ret);
