/* needs: conf/dump conf/load conf/group conf/value conf/schema conf/address conf/area conf/expand conf/text base/err base/mem base/log base/mono base/url base/redact base/when base/utf8 flow/polygon */
/*
 * A configuration file: flags, then the text. What is accepted can be printed;
 * what is refused says so with the name of the file.
 */
#include "base/log.h"
#include "base/redact.h"
#include "conf/dump.h"
#include "conf/load.h"
#include "fuzz.h"

/* libconfig 1.5 forgets a string at each syntax error. */
const char *__lsan_default_suppressions(void);
__attribute__((used)) const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

/* What ${env:FUZZ} is; the fuzzer finds it, and may then write it where he likes. */
#define SECRET "a secret of the environment"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct conf *c = NULL;
    struct err e = {0};
    char path[64];
    log_open(LEVEL_NONE);
    (void)setenv("FUZZ", SECRET, 1);
    unsigned flags = take_byte(&in) & (CONF_NO_SECRETS | CONF_NO_CAMERAS | CONF_NO_FILE);
    bool written = in.left && memmem(in.data, in.left, SECRET, strlen(SECRET));
    int fd = take_file(&in, path);
    int r = conf_load(path, flags, &c, &e);
    close(fd);
    if (r < 0) {
        HOLDS(!c && strncmp(e.text, path, strlen(path)) == 0);
        HOLDS(written || !strstr(e.text, SECRET));
    } else {
        char *text = NULL;
        size_t n = 0;
        FILE *to = open_memstream(&text, &n);
        HOLDS(to);
        conf_dump(c, to);
        (void)fclose(to);
        HOLDS(written || !strstr(text, SECRET));
        free(text);
    }
    conf_free(c);
    redact_clear();
    return 0;
}
