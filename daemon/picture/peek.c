#include "picture/peek.h"

#include <string.h>

struct bytes {
    const uint8_t *at;
    size_t size;
};

static struct bytes from(struct bytes b, size_t skip)
{
    return skip < b.size ? (struct bytes){b.at + skip, b.size - skip} : (struct bytes){NULL, 0};
}

static bool starts(struct bytes b, const char *with, size_t n)
{
    return b.size >= n && memcmp(b.at, with, n) == 0;
}

/* A number of n bytes at an offset; 0 beyond the end. */
static uint32_t number(struct bytes b, size_t offset, int n, bool big)
{
    uint32_t v = 0;
    b = from(b, offset);
    if (b.size < (size_t)n)
        return 0;
    for (int i = 0; i < n; i++)
        v |= (uint32_t)b.at[i] << 8 * (big ? n - 1 - i : i);
    return v;
}

/* ------------------------------------------------------------- TIFF, and Exif within others --- */

#define TAG_WIDTH       256
#define TAG_HEIGHT      257
#define TAG_OFFSETS     273 /* of the strips; for tiles: */
#define TAG_TILES       324
#define TAG_ORIENTATION 274
#define TAG_COUNTS      279 /* bytes of each strip; for tiles: */
#define TAG_TILE_COUNTS 325
#define TYPE_SHORT      3

/* The i-th number of an entry: few stand in it, many elsewhere. */
static uint32_t element(struct bytes file, struct bytes entry, uint32_t i, bool big)
{
    uint32_t n = number(entry, 4, 4, big);
    int size = number(entry, 2, 2, big) == TYPE_SHORT ? 2 : 4;
    if (i >= n)
        return 0;
    if ((uint64_t)n * (uint64_t)size <= 4)
        return number(entry, 8 + (size_t)i * (size_t)size, size, big);
    return number(file, number(entry, 8, 4, big) + (size_t)i * (size_t)size, size, big);
}

/* Is every strip within the file? */
static bool strips_there(struct bytes file, struct bytes offsets, struct bytes counts, bool big)
{
    uint32_t n = number(offsets, 4, 4, big);
    if (n > file.size)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t end = (uint64_t)element(file, offsets, i, big) + element(file, counts, i, big);
        if (end > file.size)
            return false;
    }
    return true;
}

static void read_tiff(struct bytes b, struct peek *p, bool with_size)
{
    bool big = starts(b, "MM", 2);
    if (!starts(b, "II*\0", 4) && !starts(b, "MM\0*", 4))
        return;
    size_t ifd = number(b, 4, 4, big);
    uint32_t entries = number(b, ifd, 2, big);
    struct bytes offsets = {NULL, 0}, counts = {NULL, 0};
    for (uint32_t i = 0; i < entries; i++) {
        struct bytes entry = from(b, ifd + 2 + 12 * (size_t)i);
        if (entry.size < 12)
            break;
        uint32_t tag = number(entry, 0, 2, big);
        uint32_t value = element(b, entry, 0, big);
        if (tag == TAG_ORIENTATION && value >= 1 && value <= 8)
            p->orientation = (int)value;
        if (tag == TAG_WIDTH && with_size)
            p->width = value;
        if (tag == TAG_HEIGHT && with_size)
            p->height = value;
        if (tag == TAG_OFFSETS || tag == TAG_TILES)
            offsets = entry;
        if (tag == TAG_COUNTS || tag == TAG_TILE_COUNTS)
            counts = entry;
    }
    if (with_size)
        p->whole = offsets.size && counts.size && strips_there(b, offsets, counts, big);
}

/* In JPEG always, in WebP sometimes, the TIFF stands behind a name. */
static void read_exif(struct bytes b, struct peek *p)
{
    read_tiff(starts(b, "Exif\0\0", 6) ? from(b, 6) : b, p, false);
}

/* ------------------------------------------------------------- the others --- */

static bool is_frame_header(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static void read_jpeg(struct bytes b, struct peek *p)
{
    p->whole = false;
    for (b = from(b, 2); b.size >= 4 && b.at[0] == 0xff;) {
        uint8_t marker = b.at[1];
        if (marker == 0xff || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
            b = from(b, marker == 0xff ? 1 : 2);
            continue;
        }
        uint32_t length = number(b, 2, 2, true);
        if (is_frame_header(marker)) {
            p->height = number(b, 5, 2, true);
            p->width = number(b, 7, 2, true);
        }
        if (marker == 0xe1 && length > 8 && length <= b.size - 2 && starts(from(b, 4), "Exif", 4))
            read_exif((struct bytes){b.at + 4, length - 2}, p);
        if (marker == 0xda) { /* in what follows 0xff 0xd9 cannot be anything but the end */
            p->whole = memmem(b.at, b.size, "\xff\xd9", 2) != NULL;
            return;
        }
        b = from(b, 2 + (size_t)length);
    }
}

static void read_png(struct bytes b, struct peek *p)
{
    p->whole = false;
    p->width = number(b, 16, 4, true);
    p->height = number(b, 20, 4, true);
    for (b = from(b, 8); b.size >= 12;) {
        size_t length = number(b, 0, 4, true);
        if (starts(from(b, 4), "IEND", 4))
            p->whole = true;
        if (starts(from(b, 4), "eXIf", 4) && length <= b.size - 12)
            read_exif((struct bytes){b.at + 8, length}, p);
        b = from(b, 12 + length);
    }
}

static void read_webp(struct bytes b, struct peek *p)
{
    p->whole = number(b, 4, 4, false) + UINT64_C(8) <= b.size;
    for (b = from(b, 12); b.size >= 8;) {
        size_t length = number(b, 4, 4, false);
        if (starts(b, "VP8X", 4)) {
            p->width = (int64_t)number(b, 12, 3, false) + 1;
            p->height = (int64_t)number(b, 15, 3, false) + 1;
            p->animated = (number(b, 8, 1, false) & 2) != 0;
        } else if (starts(b, "VP8L", 4) && !p->width) {
            uint32_t sides = number(b, 9, 4, false);
            p->width = (sides & 0x3fff) + 1;
            p->height = (sides >> 14 & 0x3fff) + 1;
        } else if (starts(b, "VP8 ", 4) && !p->width) {
            p->width = number(b, 14, 2, false) & 0x3fff;
            p->height = number(b, 16, 2, false) & 0x3fff;
        } else if (starts(b, "EXIF", 4) && length <= b.size - 8) {
            read_exif((struct bytes){b.at + 8, length}, p);
        }
        b = from(b, 8 + length + (length & 1));
    }
}

static void read_bmp(struct bytes b, struct peek *p)
{
    int64_t width = (int32_t)number(b, 18, 4, false), height = (int32_t)number(b, 22, 4, false);
    p->width = width > 0 ? width : 0;
    p->height = height < 0 ? -height : height;
    uint64_t bits = number(b, 28, 2, false), packed = number(b, 30, 4, false), pixels;
    uint64_t row = p->width > 0 ? ((uint64_t)p->width * bits + 31) / 32 * 4 : 0;
    /* 0 and 3: rows as they are */
    if ((packed == 0 || packed == 3) && row > 0)
        p->whole = !__builtin_mul_overflow(row, (uint64_t)p->height, &pixels) && pixels <= b.size &&
                   number(b, 10, 4, false) <= b.size - pixels;
}

/* Past a chain of sub-blocks, each with its length in front; what is cut off leaves nothing. */
static struct bytes past_blocks(struct bytes b)
{
    while (b.size > 0 && b.at[0])
        b = from(b, 1 + (size_t)b.at[0]);
    return b.size > 0 ? (struct bytes){b.at + 1, b.size - 1} : (struct bytes){NULL, 0};
}

static size_t colours(uint32_t flags)
{
    return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

/* Only the first picture counts. */
static void read_gif(struct bytes b, struct peek *p)
{
    p->width = number(b, 6, 2, false);
    p->height = number(b, 8, 2, false);
    p->whole = false;
    b = from(b, 13 + colours(number(b, 10, 1, false)));
    while (b.size > 2 && b.at[0] == 0x21) /* an extension */
        b = past_blocks(from(b, 2));
    if (b.size < 11 || b.at[0] != 0x2c)
        return;
    b = from(b, 11 + colours(number(b, 9, 1, false)));
    while (b.size > 0 && b.at[0])
        b = from(b, 1 + (size_t)b.at[0]);
    p->whole = b.size > 0;
}

static bool is_heic(struct bytes b)
{
    static const char brands[][5] = {
            "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"};
    if (!starts(from(b, 4), "ftyp", 4))
        return false;
    for (size_t i = 0; i < sizeof(brands) / sizeof(brands[0]); i++) {
        if (starts(from(b, 8), brands[i], 4))
            return true;
    }
    return false;
}

void peek_at(const uint8_t *data, size_t size, struct peek *ret)
{
    static const struct {
        const char *magic;
        size_t length;
        enum picture_kind kind;
        void (*read)(struct bytes b, struct peek *p);
    } kinds[] = {
            {"\xff\xd8\xff", 3, PICTURE_JPEG, read_jpeg},
            {"\x89PNG\r\n\x1a\n", 8, PICTURE_PNG, read_png},
            {"GIF87a", 6, PICTURE_GIF, read_gif},
            {"GIF89a", 6, PICTURE_GIF, read_gif},
            {"BM", 2, PICTURE_BMP, read_bmp},
    };
    struct bytes b = {data, size};
    *ret = (struct peek){.orientation = 1, .whole = true};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (starts(b, kinds[i].magic, kinds[i].length)) {
            ret->kind = kinds[i].kind;
            kinds[i].read(b, ret);
            return;
        }
    }
    if (starts(b, "RIFF", 4) && starts(from(b, 8), "WEBP", 4)) {
        ret->kind = PICTURE_WEBP;
        read_webp(b, ret);
    } else if (starts(b, "II*\0", 4) || starts(b, "MM\0*", 4)) {
        ret->kind = PICTURE_TIFF;
        read_tiff(b, ret, true);
    } else if (is_heic(b)) {
        ret->kind = PICTURE_HEIC;
    }
}
