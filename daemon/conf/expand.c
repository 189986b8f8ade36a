#include "conf/expand.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "base/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST 4096 /* bytes of a secret */
#define NAMES   128

/* A text that grows, and leaves nothing behind in the heap when it moves. */
struct text {
    char *s;
    size_t n, room;
};

static void append(struct text *t, const char *s, size_t n)
{
    if (!t->s || t->n + n >= t->room) {
        size_t room = (t->n + n + 1) * 2;
        char *larger = mem_new(room, 1);
        if (t->s) {
            memcpy(larger, t->s, t->n);
            explicit_bzero(t->s, t->n);
            free(t->s);
        }
        t->s = larger;
        t->room = room;
    }
    memcpy(t->s + t->n, s, n);
    t->n += n;
}

static void wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

/* Opens dir/name if it is there; -1: it is not. *ret_path is to be freed in any case. */
static int open_in(const char *dir, const char *name, char **ret_path)
{
    *ret_path = mem_format("%s/%s", dir, name);
    /* A pipe without a writer would keep us for ever. */
    return open(*ret_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* Reads the whole of fd into a new string without its last line end. NULL and an error else. */
static char *read_secret(int fd, const char *path, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        err_set(e, -EINVAL, "the secret %s is not a regular file", path);
        return NULL;
    }
    char *s = mem_new(LARGEST + 2, 1);
    size_t n = 0;
    ssize_t got;
    while (n <= LARGEST && (got = read(fd, s + n, LARGEST + 1 - n)) > 0)
        n += (size_t)got;
    if (n > 0 && s[n - 1] == '\n')
        n--;
    if (n > 0 && s[n - 1] == '\r')
        n--;
    s[n] = '\0';
    if (got < 0)
        err_set(e, -EINVAL, "cannot read the secret %s: %s", path, err_name(errno));
    else if (n == 0)
        err_set(e, -EINVAL, "the secret %s is empty", path);
    else if (n > LARGEST)
        err_set(e, -EINVAL, "the secret %s is larger than %d bytes", path, LARGEST);
    else if (strlen(s) != n)
        err_set(e, -EINVAL, "the secret %s contains a 0 byte", path);
    else if (st.st_mode & S_IROTH)
        log_warn("conf", "the secret %s can be read by everybody: chmod o-r it", path);
    if (got >= 0 && n > 0 && n <= LARGEST && strlen(s) == n)
        return s;
    explicit_bzero(s, LARGEST + 1);
    free(s);
    return NULL;
}

static char *from_file(const struct expand *x, const char *name, struct err *e)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY"); // NOLINT(concurrency-mt-unsafe)
    char *first = NULL, *second = NULL, *value = NULL;
    if (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        err_set(e, -EINVAL, "${file:NAME}: NAME is the name of a file, without slashes");
        return NULL;
    }
    int fd = credentials && *credentials ? open_in(credentials, name, &first) : -1;
    int looked = errno;
    const char *path = first;
    if (fd < 0 && !(first && looked != ENOENT)) {
        fd = open_in(x->secrets_dir, name, &second);
        looked = errno;
        path = second;
    }
    if (fd >= 0) {
        value = read_secret(fd, path, e);
        close(fd);
    } else if (looked != ENOENT) {
        err_set(e, -EINVAL, "cannot open the secret %s: %s", path, err_name(looked));
    } else {
        err_set(e, -EINVAL, "the secret '%s' is neither in %s nor in $CREDENTIALS_DIRECTORY (%s)",
                name, x->secrets_dir,
                credentials && *credentials ? credentials : "which is not set");
    }
    free(first);
    free(second);
    return value;
}

static char *from_env(const char *name, struct err *e)
{
    const char *value = getenv(name); // NOLINT(concurrency-mt-unsafe): nobody here sets one
    if (value && *value)
        return mem_strdup(value);
    err_set(e, -EINVAL, "the environment variable '%s' is %s", name, value ? "empty" : "not set");
    return NULL;
}

/* Only what can be shown in an error: a name with a line end in it is no name. */
static bool printable(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] <= ' ' || s[i] >= 0x7f)
            return false;
    }
    return true;
}

/* One "${...}" at text. Returns its length, or a negative errno. */
static int reference(const struct expand *x, const char *text, enum expand_use use, bool encode,
        struct text *real, struct text *shown, struct err *e)
{
    char name[NAMES];
    const char *end = strchr(text, '}'), *colon = strchr(text, ':');
    bool file = strncmp(text, "${file:", 7) == 0, env = strncmp(text, "${env:", 6) == 0;
    size_t n = end && colon && colon < end ? (size_t)(end - colon - 1) : 0;
    if (!(file || env) || n == 0 || n >= sizeof(name) || !printable(colon + 1, n))
        return err_set(e, -EINVAL,
                "'${' begins ${file:NAME} or ${env:NAME}; a literal '${' is written '$${'");
    memcpy(name, colon + 1, n);
    name[n] = '\0';
    if (use == EXPAND_PATH && file)
        return err_set(e, -EINVAL, "a path takes ${env:NAME} only: it is shown, and so no secret");

    int length = (int)(end + 1 - text);
    if (use != EXPAND_PATH)
        append(shown, "***", 3);
    if (use != EXPAND_PATH && !x->resolve) {
        append(real, "***", 3);
        return length;
    }
    char *value = file ? from_file(x, name, e) : from_env(name, e);
    if (!value)
        return -EINVAL;
    char *put = encode ? url_encode(value) : mem_strdup(value);
    append(real, put, strlen(put));
    if (use == EXPAND_PATH)
        append(shown, put, strlen(put));
    else
        redact_add(value);
    wipe(put);
    wipe(value);
    return length;
}

int expand_text(const struct expand *x, const char *text, enum expand_use use, char **ret_real,
        char **ret_shown, struct err *e)
{
    struct text real = {0}, shown = {0};
    char scheme[32];
    bool encode = use == EXPAND_URL && url_scheme(text, scheme, sizeof(scheme));
    int n = 0;
    for (const char *p = text; n >= 0 && *p;) {
        if (strncmp(p, "${", 2) == 0) {
            n = reference(x, p, use, encode, &real, &shown, e);
        } else {
            n = strncmp(p, "$${", 3) == 0 ? 3 : 1;
            append(&real, n == 3 ? "${" : p, n == 3 ? 2 : 1);
            append(&shown, n == 3 ? "${" : p, n == 3 ? 2 : 1);
        }
        p += n > 0 ? n : 0;
    }
    append(&real, "", 1); /* the 0 at the end */
    append(&shown, "", 1);
    if (n >= 0) {
        *ret_real = real.s;
        *ret_shown = shown.s;
        return 0;
    }
    explicit_bzero(real.s, real.n);
    free(real.s);
    free(shown.s);
    return n;
}
