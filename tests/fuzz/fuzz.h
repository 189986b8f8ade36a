#pragma once

/*
 * What the fuzz targets share: the fuzzer's bytes as numbers and text, and properties.
 *
 * A target is one function, LLVMFuzzerTestOneInput(), which libFuzzer calls with what it makes up
 * (`make fuzz`) and tests/fuzz/replay.c with each file of the corpus (`make fuzz-check`). The same
 * bytes do the same each time: no time, no random number, nothing kept from call to call.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KIT __attribute__((unused)) static

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must be true whatever came in. */
#define HOLDS(property)                                                                            \
    do {                                                                                           \
        if (!(property)) {                                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #property);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct input {
    const uint8_t *data;
    size_t left;
};

/* The next n bytes, zeros behind the end. */
KIT void take(struct input *in, void *to, size_t n)
{
    size_t have = n < in->left ? n : in->left;
    memset(to, 0, n);
    if (have > 0)
        memcpy(to, in->data, have);
    in->data += have;
    in->left -= have;
}

KIT uint8_t take_byte(struct input *in)
{
    uint8_t v;
    take(in, &v, sizeof(v));
    return v;
}

KIT uint16_t take_short(struct input *in)
{
    uint16_t v;
    take(in, &v, sizeof(v));
    return v;
}

KIT int32_t take_int(struct input *in)
{
    int32_t v;
    take(in, &v, sizeof(v));
    return v;
}

/* Any float: NAN and infinities as well. */
KIT float take_float(struct input *in)
{
    float v;
    take(in, &v, sizeof(v));
    return v;
}

/* The bytes up to this one, or to the end, as text; to be freed. What is behind a 0 is not seen. */
KIT char *take_text(struct input *in, char until)
{
    const uint8_t *end = in->left ? memchr(in->data, until, in->left) : NULL;
    size_t n = end ? (size_t)(end - in->data) : in->left;
    char *text = malloc(n + 1);
    HOLDS(text);
    take(in, text, n);
    text[n] = '\0';
    if (end)
        (void)take_byte(in);
    return text;
}

/* A file in memory with what is left; its descriptor, and its path. */
KIT int take_file(struct input *in, char ret_path[64])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    HOLDS(fd >= 0 && write(fd, in->data, in->left) == (ssize_t)in->left);
    (void)snprintf(ret_path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

/* Removes the files of a folder; in a folder of ours there are no others. */
KIT void empty_folder(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        char one[512];
        (void)snprintf(one, sizeof(one), "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)unlink(one);
    }
    if (d)
        closedir(d);
}

static char fuzz_folder[64];

KIT void remove_folder(void)
{
    empty_folder(fuzz_folder);
    (void)rmdir(fuzz_folder);
}

/* A folder of this process's own in memory, made at the first call and removed at its end; after a
 * crash by fuzz.py, in whose folder ($FUZZ_FOLDER) it lies. */
KIT const char *take_folder(void)
{
    const char *in = getenv("FUZZ_FOLDER"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    if (!*fuzz_folder) {
        int n = snprintf(
                fuzz_folder, sizeof(fuzz_folder), "%s/faced-fuzz-XXXXXX", in ? in : "/dev/shm");
        HOLDS(n > 0 && (size_t)n < sizeof(fuzz_folder) && mkdtemp(fuzz_folder));
        HOLDS(atexit(remove_folder) == 0);
    }
    return fuzz_folder;
}
