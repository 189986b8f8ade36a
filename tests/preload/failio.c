/*
 * Writing fails, as on a disk that has become read-only or broken: every write() and fsync() to a
 * file whose name begins with $FAILIO_AT fails while $FAILIO_BY is there, with the number of the
 * error that stands in it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 0: go on; else the error. */
static int trouble(int fd)
{
    const char *at = getenv("FAILIO_AT"), *by = getenv("FAILIO_BY");
    char link[40], name[4096], text[16] = "";
    if (!at || !by || access(by, F_OK) < 0)
        return 0;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof(name) - 1);
    if (n < 0 || strncmp(name, at, strlen(at)) != 0)
        return 0;
    int how = open(by, O_RDONLY | O_CLOEXEC);
    if (how < 0)
        return 0;
    n = read(how, text, sizeof(text) - 1);
    close(how);
    return n > 0 ? atoi(text) : EIO;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_FIRST(fd)                                                                             \
    do {                                                                                           \
        int code = trouble(fd);                                                                    \
        if (code) {                                                                                \
            errno = code;                                                                          \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t n)
{
    FAIL_FIRST(fd);
    return REAL(write)(fd, bytes, n);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    FAIL_FIRST(fd);
    return REAL(pwrite64)(fd, bytes, n, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    FAIL_FIRST(fd);
    return REAL(pwrite)(fd, bytes, n, at);
}

int fsync(int fd)
{
    FAIL_FIRST(fd);
    return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    FAIL_FIRST(fd);
    return REAL(fdatasync)(fd);
}
