/* needs: store/dbfile store/verify store/reader store/crops store/schema store/sql base/err base/log base/mem base/mono base/redact base/url base/uuid flow/event flow/face flow/age base/when */
/*
 * A database that a disk, a crash or a stranger changed: of an earlier version (first byte even) or
 * of this one, then what is changed where. It is opened, brought to this version, checked and
 * read as daemon and facectl do it. Whatever was in it, there is a database afterwards, or a
 * sentence.
 */
#include "base/err.h"
#include "base/log.h"
#include "fuzz.h"
#include "store/dbfile.h"
#include "store/reader.h"
#include "store/schema.h"
#include "store/sql.h"
#include "store/verify.h"

#include <sqlite3.h>

#define SIZE_MAX_KB 1024

static char path[96];
static struct whole {
    uint8_t *bytes;
    size_t size;
} whole[2];

static struct whole load(const char *from)
{
    struct whole w = {malloc(SIZE_MAX_KB << 10), 0};
    FILE *f = fopen(from, "rb");
    HOLDS(w.bytes && f);
    w.size = fread(w.bytes, 1, SIZE_MAX_KB << 10, f);
    (void)fclose(f);
    HOLDS(w.size > 0);
    return w;
}

static void save(const uint8_t *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    HOLDS(f && fwrite(bytes, 1, size, f) == size);
    (void)fclose(f);
}

static void begin(void)
{
    log_open(LEVEL_NONE);
    (void)snprintf(path, sizeof(path), "%s/faced.db", take_folder());
    whole[0] = load("tests/data/faced-schema-1.db");
    save(whole[0].bytes, whole[0].size);
    struct sqlite3 *db = NULL;
    HOLDS(dbfile_open(path, &db, NULL) == 0);
    sqlite3_close(db);
    whole[1] = load(path);
}

/* Runs of bytes are written over, filled, moved; or the file ends early. */
static size_t change(struct input *in, uint8_t *bytes, size_t size)
{
    for (int i = 0; i < 64 && in->left > 0 && size > 0; i++) {
        uint8_t what = take_byte(in) % 8;
        /* Near the beginning of a page there is more to be broken. */
        size_t page = take_byte(in), at = page * 4096 + take_short(in) % 4096, n = take_byte(in);
        if (what == 7)
            size = at < size ? at : size;
        if (at >= size || at + n > size)
            continue;
        if (what < 3)
            take(in, bytes + at, n % 9);
        else if (what == 3)
            memset(bytes + at, take_byte(in), n);
        else if (what == 4)
            bytes[at] ^= (uint8_t)(1 << n % 8);
        else if (what == 5 && at + 4096 <= size)
            memmove(bytes + at, bytes + (n * (size_t)4096 + 4096 <= size ? n * (size_t)4096 : 0),
                    4096);
        else if (what == 6)
            memset(bytes + at, 0, n);
    }
    return size;
}

static int each_row(const struct face_row *row, void *arg)
{
    int *n = arg;
    (void)!(row->camera && strlen(row->camera));
    return ++*n > 1000;
}

static void each_finding(const char *finding, void *arg)
{
    (void)arg;
    HOLDS(*finding);
}

static void ask(void)
{
    struct err e = {0};
    int n = 0;
    struct face_filter f = {.limit = 100, .newest_first = true};
    struct reader *r = reader_open(path, &e);
    HOLDS(r || *e.text);
    if (r) {
        int64_t seq;
        char epoch[UUID_TEXT];
        (void)reader_faces(r, &f, each_row, &n, &e);
        (void)reader_last_seq(r, &seq, &e);
        reader_epoch(r, epoch);
        HOLDS(strlen(epoch) < sizeof(epoch));
    }
    reader_close(r);
    e = (struct err){0};
    int found = verify(path, each_finding, NULL, &e);
    HOLDS(found >= 0 || *e.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct sqlite3 *db = NULL;
    struct err e = {0};
    if (!*path)
        begin();
    empty_folder(take_folder());
    uint8_t what = take_byte(&in);
    const struct whole *w = &whole[what & 1];
    uint8_t *bytes = malloc(w->size);
    HOLDS(bytes);
    memcpy(bytes, w->bytes, w->size);
    size_t left = change(&in, bytes, w->size);
    save(bytes, left);
    free(bytes);
    ask(); /* before anybody mended it */
    int r = what & 2 ? dbfile_open_strict(path, &db, &e) : dbfile_open(path, &db, &e);
    HOLDS(r < 0 ? *e.text != '\0' : db != NULL);
    if (r == 0) {
        struct meta m;
        if (meta_read(db, &m) == SQLITE_OK)
            (void)meta_write(db, &m);
        sqlite3_close(db);
        ask();
    }
    empty_folder(take_folder());
    return 0;
}
