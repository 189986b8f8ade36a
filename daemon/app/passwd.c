#include "app/passwd.h"

#include "base/mem.h"
#include "base/secret.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *path, const char *what, struct err *e)
{
    int r = -errno;
    return err_set(e, r, "%s: %s: %s", path, what, err_name(r));
}

/* Where the daemon's group is who may read. */
static void give_to_group(int fd, const char *path)
{
    struct stat st;
    char *copy = mem_strdup(path);
    if (stat(dirname(copy), &st) == 0)
        (void)!fchown(fd, (uid_t)-1, st.st_gid);
    free(copy);
}

static int write_line(int fd, const char *line)
{
    size_t n = strlen(line);
    if (write(fd, line, n) != (ssize_t)n || write(fd, "\n", 1) != 1)
        return -1;
    return fsync(fd);
}

int passwd_set(const char *path, const char *password, struct err *e)
{
    struct crypt_data *data = mem_new(1, sizeof(*data));
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    char *made = crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt));
    char *hash = made ? crypt_r(password, made, data) : NULL;
    if (!hash || hash[0] == '*') {
        free(data);
        return err_set(e, -ENOSYS, "crypt(3) cannot hash it");
    }
    char *temporary = mem_format("%s.new", path);
    int r = 0;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        r = fail(path, "cannot be written", e);
    } else {
        give_to_group(fd, path);
        if (fchmod(fd, 0640) < 0 || write_line(fd, hash) < 0 || rename(temporary, path) < 0) {
            r = fail(path, "cannot be written", e);
            (void)unlink(temporary);
        }
        close(fd);
    }
    explicit_bzero(data, sizeof(*data));
    free(data);
    free(temporary);
    return r;
}

static int read_hash(const char *path, char *ret, size_t size, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return fail(path, "cannot be read", e);
    bool got = fgets(ret, (int)size, f) != NULL;
    (void)fclose(f);
    ret[got ? strcspn(ret, "\r\n") : 0] = '\0';
    if (ret[0])
        return 0;
    return err_set(e, -EINVAL, "%s: there is no password in it: run facectl passwd", path);
}

int passwd_check(const char *path, const char *password, struct err *e)
{
    char hash[CRYPT_OUTPUT_SIZE];
    int r = read_hash(path, hash, sizeof(hash), e);
    if (r < 0)
        return r;
    struct crypt_data *data = mem_new(1, sizeof(*data));
    const char *made = crypt_r(password, hash, data);
    size_t n = strlen(hash);
    bool same = made && made[0] != '*' && strlen(made) == n && secret_equal(made, hash, n);
    explicit_bzero(data, sizeof(*data));
    free(data);
    explicit_bzero(hash, sizeof(hash));
    return same;
}
