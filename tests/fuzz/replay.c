/*
 * The corpus without a fuzzer: PROGRAM FILE... gives each file to the target once, so that any
 * compiler can say whether what was found once is still mended. A crash ends it, and the last line
 * names the file.
 */
#include "fuzz.h"

static void replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    HOLDS(f && fseek(f, 0, SEEK_END) == 0);
    long n = ftell(f);
    HOLDS(n >= 0);
    rewind(f);
    /* Of its very size, so that a byte too far is seen. */
    uint8_t *data = malloc(n ? (size_t)n : 1);
    HOLDS(data && fread(data, 1, (size_t)n, f) == (size_t)n);
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(data, (size_t)n);
    free(data);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        fprintf(stderr, "%s\n", argv[i]);
        replay(argv[i]);
    }
    return 0;
}
