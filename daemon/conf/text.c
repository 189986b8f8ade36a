#include "conf/text.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int text_read(const char *file, char **ret_text, size_t *ret_size, struct err *e)
{
    /* A pipe without a writer would keep us for ever. */
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(e, -errno, "cannot open %s: %s", file, err_name(errno));
    struct stat st;
    if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        close(fd);
        return err_set(e, -EISDIR, "%s is a folder, not a configuration file", file);
    }
    char *text = mem_new(TEXT_LARGEST + 2, 1);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, text + n, TEXT_LARGEST + 1 - n)) > 0)
        n += (size_t)got;
    int r = got < 0 ? -errno : 0;
    close(fd);
    if (r < 0)
        err_set(e, r, "cannot read %s: %s", file, err_name(r));
    else if (n > TEXT_LARGEST)
        r = err_set(e, -EFBIG, "%s is larger than 1 MB: that is no configuration file", file);
    if (r < 0) {
        explicit_bzero(text, n);
        free(text);
        return r;
    }
    *ret_text = text;
    *ret_size = n;
    return 0;
}

/* Where we are in the text. */
struct reader {
    const char *p;
    int line;
    bool line_begins; /* nothing but blanks since the line's begin */
};

static void step(struct reader *r, size_t n)
{
    for (; n > 0 && *r->p; n--, r->p++) {
        if (*r->p == '\n') {
            r->line++;
            r->line_begins = true;
        } else if (!isblank((unsigned char)*r->p)) {
            r->line_begins = false;
        }
    }
}

/* Over a string, which may go over several lines. false: it never ends. */
static bool skip_string(struct reader *r)
{
    step(r, 1);
    while (*r->p && *r->p != '"')
        step(r, *r->p == '\\' ? 2 : 1);
    bool ended = *r->p == '"';
    step(r, 1);
    return ended;
}

/* Over a comment if one begins here. */
static bool skip_comment(struct reader *r)
{
    if (*r->p == '#' || strncmp(r->p, "//", 2) == 0) {
        step(r, strcspn(r->p, "\n"));
        return true;
    }
    if (strncmp(r->p, "/*", 2) != 0)
        return false;
    const char *end = strstr(r->p + 2, "*/");
    step(r, end ? (size_t)(end + 2 - r->p) : strlen(r->p));
    return true;
}

/*
 * Over a number. libconfig holds plain integers and hexadecimal ones in 32 bits and cuts what is
 * longer. false: too large for that.
 */
static bool skip_number(struct reader *r)
{
    const char *start = r->p;
    bool hex = start[0] == '0' && (start[1] | 0x20) == 'x';
    size_t n = strspn(start, "0123456789abcdefABCDEFxX.L");
    step(r, n);
    size_t digits = strspn(start, "0123456789");
    if (hex)
        return n - 2 <= 7;
    if (start[digits] == '.' || (start[digits] | 0x20) == 'e' || start[digits] == 'L')
        return true;
    errno = 0;
    long long value = strtoll(start, NULL, 10);
    return errno == 0 && value <= INT_MAX;
}

int text_check(const char *file, const char *text, size_t size, struct err *e)
{
    if (memchr(text, '\0', size))
        return err_set(e, -EINVAL, "%s is not a text file", file);
    struct reader r = {text, 1, true};
    while (*r.p) {
        int line = r.line;
        if (skip_comment(&r))
            continue;
        if (*r.p == '"') {
            if (!skip_string(&r))
                return err_set(
                        e, -EINVAL, "%s:%d: the string that begins here never ends", file, line);
        } else if (r.line_begins && strncmp(r.p, "@include", 8) == 0) {
            return err_set(e, -EINVAL,
                    "%s:%d: @include is not supported: the configuration is one file", file, line);
        } else if (isdigit((unsigned char)*r.p)) {
            if (!skip_number(&r))
                return err_set(e, -EINVAL, "%s:%d: this number is too large", file, line);
        } else if (isalpha((unsigned char)*r.p)) {
            size_t n = 0;
            while (isalnum((unsigned char)r.p[n]) || (r.p[n] && strchr("-_*", r.p[n])))
                n++;
            step(&r, n);
        } else {
            step(&r, 1);
        }
    }
    return 0;
}
