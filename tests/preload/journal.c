/*
 * Writes down, in their order, what a program does to the files whose names begin with $JOURNAL_OF
 * and what it says on standard output, into $JOURNAL: for make torture, which builds from it what
 * a disk may hold after a power loss. One lock for all: what stands before another happened before.
 *
 * A record is four 64-bit numbers - the operation's letter, the offset or size, the lengths of the
 * name and of the data - and the two. The letters: w write, t truncate, s sync, u unlink, o output.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *to = getenv("JOURNAL");
    if (to)
        journal = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* The file behind the descriptor, if it is one of those. */
static const char *name_of(int fd, char *dst, size_t size)
{
    char link[40];
    const char *of = getenv("JOURNAL_OF");
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, dst, size - 1);
    if (n < 0)
        return NULL;
    dst[n] = 0;
    return of && strncmp(dst, of, strlen(of)) == 0 ? dst : NULL;
}

static void note(char letter, int64_t at, const char *name, const void *data, size_t n)
{
    const int64_t head[4] = {letter, at, (int64_t)strlen(name), (int64_t)n};
    const struct iovec parts[] = {
            {(void *)head, sizeof(head)},
            {(void *)name, strlen(name)},
            {(void *)data, n},
    };
    (void)!writev(journal, parts, 3);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    char buffer[4096];
    const char *name = fd == STDOUT_FILENO ? "" : name_of(fd, buffer, sizeof(buffer));
    if (!name || journal < 0)
        return REAL(write)(fd, bytes, n);
    pthread_mutex_lock(&lock);
    note(*name ? 'w' : 'o', *name ? lseek(fd, 0, SEEK_CUR) : 0, name, bytes, n);
    ssize_t r = REAL(write)(fd, bytes, n);
    pthread_mutex_unlock(&lock);
    return r;
}

#define PWRITE(call)                                                                               \
    ssize_t call(int fd, const void *bytes, size_t n, off64_t at)                                  \
    {                                                                                              \
        char buffer[4096];                                                                         \
        const char *name = name_of(fd, buffer, sizeof(buffer));                                    \
        pthread_mutex_lock(&lock);                                                                 \
        ssize_t r = REAL(call)(fd, bytes, n, at);                                                  \
        if (name && r > 0)                                                                         \
            note('w', at, name, bytes, (size_t)r);                                                 \
        pthread_mutex_unlock(&lock);                                                               \
        return r;                                                                                  \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define ONE(call, letter, parameters, arguments, at)                                               \
    int call parameters                                                                            \
    {                                                                                              \
        char buffer[4096];                                                                         \
        const char *name = name_of(fd, buffer, sizeof(buffer));                                    \
        pthread_mutex_lock(&lock);                                                                 \
        int r = REAL(call) arguments;                                                              \
        if (name && r == 0)                                                                        \
            note(letter, at, name, "", 0);                                                         \
        pthread_mutex_unlock(&lock);                                                               \
        return r;                                                                                  \
    }
ONE(ftruncate, 't', (int fd, off_t size), (fd, size), size)
ONE(ftruncate64, 't', (int fd, off64_t size), (fd, size), size)
ONE(fsync, 's', (int fd), (fd), 0)
ONE(fdatasync, 's', (int fd), (fd), 0)

int unlink(const char *path)
{
    const char *of = getenv("JOURNAL_OF");
    pthread_mutex_lock(&lock);
    int r = REAL(unlink)(path);
    if (r == 0 && of && strncmp(path, of, strlen(of)) == 0)
        note('u', 0, path, "", 0);
    pthread_mutex_unlock(&lock);
    return r;
}
