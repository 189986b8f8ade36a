/*
 * The n-th call of a kind fails, for make torture. In the environment:
 *
 *     FAULT_KIND    alloc write sync read open trunc net
 *     FAULT_AT      which call fails, from 1; 0: none, they are only counted
 *     FAULT_FOR     how many fail from there on (1)
 *     FAULT_CODE    errno; 0 with write: half of it is written, as the kernel may do
 *     FAULT_SLEEP   milliseconds: these calls do not fail, they take so long
 *     FAULT_FROM    counting begins when a file whose name ends with this is opened; else at once
 *     FAULT_FILES   only files whose name begins with this (write sync read open trunc)
 *     FAULT_OWN     only allocations of the program itself and of the library that this names
 *     FAULT_REPORT  a file: "hit WHERE" when the call fails, "calls N" and "kept WHERE" at a clean
 *                   end: allocations since FAULT_FROM that nobody has freed
 *
 * WHERE is a module and the offset in it, for addr2line. net is every call on a socket, and
 * socket() itself. Standard output and error never fail: they tell what happened.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CALLER     __builtin_return_address(0)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static struct {
    char kind[8];
    long at, times, sleep_ms;
    int code;
    const char *from, *files, *report;
    const char *own;
    struct {
        uintptr_t begin, end;
    } owner[2]; /* the program, the library */
    atomic_bool counting;
    atomic_long calls;
} f;

/* ---- the report ---- */

static void say(const char *what, const void *where)
{
    Dl_info info = {0};
    char line[300];
    if (!f.report)
        return;
    (void)dladdr(where, &info);
    const char *file = info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
    int n = snprintf(line, sizeof(line), "%s %s+0x%lx\n", what, file ? file + 1 : "?",
            (unsigned long)((uintptr_t)where - (uintptr_t)info.dli_fbase));
    long fd = syscall(SYS_openat, AT_FDCWD, f.report, O_WRONLY | O_CREAT | O_APPEND, 0644);
    (void)syscall(SYS_write, fd, line, n);
    (void)syscall(SYS_close, fd);
}

/* ---- what is allocated and not freed ---- */

#define PLACES (1u << 18)
static struct {
    uintptr_t block;
    const void *by;
} places[PLACES];
static atomic_flag busy = ATOMIC_FLAG_INIT;

static size_t place_of(uintptr_t block)
{
    return (block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 46 & (PLACES - 1);
}

static void keep(void *p, const void *by)
{
    if (!p || !f.counting)
        return;
    while (atomic_flag_test_and_set(&busy))
        ;
    size_t i = place_of((uintptr_t)p);
    for (size_t n = 0; n < PLACES && places[i].block > 1; n++)
        i = (i + 1) % PLACES;
    places[i].block = (uintptr_t)p;
    places[i].by = by;
    atomic_flag_clear(&busy);
}

static void forget(const void *p)
{
    if (!p || !f.counting)
        return;
    while (atomic_flag_test_and_set(&busy))
        ;
    size_t i = place_of((uintptr_t)p);
    for (size_t n = 0; n < PLACES && places[i].block; n++, i = (i + 1) % PLACES) {
        if (places[i].block == (uintptr_t)p) {
            places[i].block = 1; /* was in use: whoever searches goes on */
            break;
        }
    }
    atomic_flag_clear(&busy);
}

/* ---- which call fails ---- */

static int find_owner(struct dl_phdr_info *info, size_t size, void *arg)
{
    int *n = arg, which = (*n)++ ? 1 : 0; /* the first is the program */
    (void)size;
    if (which && !(f.own && strstr(info->dlpi_name, f.own)))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type == PT_LOAD && h->p_flags & PF_X) {
            f.owner[which].begin = info->dlpi_addr + h->p_vaddr;
            f.owner[which].end = f.owner[which].begin + h->p_memsz;
        }
    }
    return which;
}

static long number(const char *variable, long otherwise)
{
    const char *text = getenv(variable);
    return text ? atol(text) : otherwise;
}

__attribute__((constructor)) static void begin(void)
{
    const char *kind = getenv("FAULT_KIND");
    (void)snprintf(f.kind, sizeof(f.kind), "%s", kind ? kind : "");
    f.at = number("FAULT_AT", 0);
    f.times = number("FAULT_FOR", 1);
    f.code = (int)number("FAULT_CODE", ENOMEM);
    f.sleep_ms = number("FAULT_SLEEP", 0);
    f.from = getenv("FAULT_FROM");
    f.files = getenv("FAULT_FILES");
    f.report = getenv("FAULT_REPORT");
    f.own = getenv("FAULT_OWN");
    int n = 0;
    dl_iterate_phdr(find_owner, &n);
    f.counting = !f.from;
}

__attribute__((destructor)) static void end(void)
{
    char line[40];
    if (!f.counting)
        return;
    f.counting = false;
    (void)snprintf(line, sizeof(line), "calls %ld in", f.calls);
    say(line, (void *)f.owner[0].begin);
    int said = 0;
    for (size_t i = 0; i < PLACES && said < 100; i++) {
        if (places[i].block > 1) {
            say("kept", places[i].by);
            said++;
        }
    }
}

static bool fails(const char *kind, const void *where)
{
    if (!f.counting || strcmp(kind, f.kind) != 0)
        return false;
    long n = ++f.calls;
    if (!f.at || n < f.at || n >= f.at + f.times)
        return false;
    if (n == f.at)
        say("hit", where);
    if (f.sleep_ms) {
        nanosleep(&(struct timespec){f.sleep_ms / 1000, f.sleep_ms % 1000 * 1000000}, NULL);
        return false;
    }
    errno = f.code;
    return true;
}

static bool is_ours(const char *name)
{
    return !f.files || strncmp(name, f.files, strlen(f.files)) == 0;
}

/* Does this call on a descriptor fail? A socket is "net", whatever is done with it. */
static bool fd_fails(const char *kind, int fd, const void *where)
{
    struct stat st;
    if (!f.counting || fd == 1 || fd == 2 || fstat(fd, &st) < 0)
        return false;
    if (S_ISSOCK(st.st_mode))
        return fails("net", where);
    if (!S_ISREG(st.st_mode) || strcmp(kind, f.kind) != 0)
        return false;
    char link[40], name[4096];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof(name) - 1);
    name[n > 0 ? n : 0] = 0;
    return is_ours(name) && fails(kind, where);
}

static bool name_fails(const char *name, const void *where)
{
    size_t n = strlen(name), m = f.from ? strlen(f.from) : 0;
    if (!f.counting && m && n >= m && strcmp(name + n - m, f.from) == 0)
        f.counting = true;
    return is_ours(name) && fails("open", where);
}

/* ---- memory ---- */

static _Thread_local bool for_program; /* a function of libc allocates in the program's name */

static bool is_own(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    return (at >= f.owner[0].begin && at < f.owner[0].end) ||
           (at >= f.owner[1].begin && at < f.owner[1].end);
}

static bool alloc_fails(const void *caller)
{
    return (!f.own || for_program || is_own(caller)) && fails("alloc", caller);
}

void *malloc(size_t size)
{
    if (alloc_fails(CALLER))
        return NULL;
    void *p = __libc_malloc(size);
    keep(p, CALLER);
    return p;
}

void *calloc(size_t n, size_t size)
{
    if (alloc_fails(CALLER))
        return NULL;
    void *p = __libc_calloc(n, size);
    keep(p, CALLER);
    return p;
}

void *realloc(void *old, size_t size)
{
    if (alloc_fails(CALLER))
        return NULL;
    forget(old);
    void *p = __libc_realloc(old, size);
    keep(p, CALLER);
    return p;
}

void free(void *p)
{
    forget(p);
    __libc_free(p);
}

#define IN_THE_PROGRAMS_NAME(call)                                                                 \
    for_program = is_own(CALLER);                                                                  \
    __auto_type result = call;                                                                     \
    for_program = false;                                                                           \
    return result

char *strdup(const char *s)
{
    IN_THE_PROGRAMS_NAME(REAL(strdup)(s));
}

void *reallocarray(void *p, size_t n, size_t size)
{
    IN_THE_PROGRAMS_NAME(REAL(reallocarray)(p, n, size));
}

int __vasprintf_chk(char **p, int flag, const char *format, va_list ap);
int __vasprintf_chk(char **p, int flag, const char *format, va_list ap)
{
    IN_THE_PROGRAMS_NAME(REAL(__vasprintf_chk)(p, flag, format, ap));
}

FILE *open_memstream(char **p, size_t *size)
{
    IN_THE_PROGRAMS_NAME(REAL(open_memstream)(p, size));
}

/* ---- files ---- */

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                      \
        va_end(ap);                                                                                \
        return name_fails(path, CALLER) ? -1 : REAL(name)(path, flags, mode);                      \
    }
OPEN(open)
OPEN(open64)

FILE *fopen(const char *path, const char *mode)
{
    if (name_fails(path, CALLER))
        return NULL;
    IN_THE_PROGRAMS_NAME(REAL(fopen)(path, mode));
}

FILE *fopen64(const char *path, const char *mode)
{
    return name_fails(path, CALLER) ? NULL : REAL(fopen64)(path, mode);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    if (fd_fails("write", fd, CALLER)) {
        if (f.code || n < 2)
            return -1;
        n /= 2;
    }
    return REAL(write)(fd, bytes, n);
}

#define PWRITE(name)                                                                               \
    ssize_t name(int fd, const void *bytes, size_t n, off64_t at)                                  \
    {                                                                                              \
        if (fd_fails("write", fd, CALLER)) {                                                       \
            if (f.code || n < 2)                                                                   \
                return -1;                                                                         \
            n /= 2;                                                                                \
        }                                                                                          \
        return REAL(name)(fd, bytes, n, at);                                                       \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t read(int fd, void *bytes, size_t n)
{
    return fd_fails("read", fd, CALLER) ? -1 : REAL(read)(fd, bytes, n);
}

#define PREAD(name)                                                                                \
    ssize_t name(int fd, void *bytes, size_t n, off64_t at)                                        \
    {                                                                                              \
        return fd_fails("read", fd, CALLER) ? -1 : REAL(name)(fd, bytes, n, at);                   \
    }
PREAD(pread)
PREAD(pread64)

int fsync(int fd)
{
    return fd_fails("sync", fd, CALLER) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return fd_fails("sync", fd, CALLER) ? -1 : REAL(fdatasync)(fd);
}

int ftruncate(int fd, off_t size)
{
    return fd_fails("trunc", fd, CALLER) ? -1 : REAL(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return fd_fails("trunc", fd, CALLER) ? -1 : REAL(ftruncate64)(fd, size);
}

/* ---- the network ---- */

int socket(int domain, int type, int protocol)
{
    return fails("net", CALLER) ? -1 : REAL(socket)(domain, type, protocol);
}

int connect(int fd, const struct sockaddr *to, socklen_t size)
{
    return fd_fails("net", fd, CALLER) ? -1 : REAL(connect)(fd, to, size);
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    return fd_fails("net", fd, CALLER) ? -1 : REAL(send)(fd, bytes, n, flags);
}

ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
    return fd_fails("net", fd, CALLER) ? -1 : REAL(recv)(fd, bytes, n, flags);
}
