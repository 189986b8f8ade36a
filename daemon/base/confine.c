#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY    65534
#define FILES_MAX 64

/*
 * Landlock's later rights: the headers of the oldest system that we build on end at version 2.
 * https://docs.kernel.org/userspace-api/landlock.html
 */
#define FS_TRUNCATE  (1ULL << 14) /* 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* 5 */
#define NET_BIND     (1ULL << 0)  /* 4 */
#define NET_CONNECT  (1ULL << 1)
#define SCOPE_ALL    3ULL /* 6: abstract sockets and signals */

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

/* ------------------------------------------------------------- limits --- */

static int limit(int what, rlim_t value)
{
    struct rlimit l;
    if (getrlimit(what, &l) < 0)
        return -errno;
    l.rlim_cur = l.rlim_max = value < l.rlim_max ? value : l.rlim_max;
    return setrlimit(what, &l) < 0 ? -errno : 0;
}

static int set_limits(const struct confine *c)
{
#ifdef __SANITIZE_ADDRESS__ /* its shadow would count, all 16 TB */
    const bool shadow = true;
#else
    const bool shadow = false;
#endif
    int r = limit(RLIMIT_CORE, 0);
    if (r == 0 && !shadow)
        r = limit(RLIMIT_DATA, c->memory);
    if (r == 0)
        r = limit(RLIMIT_NOFILE, FILES_MAX);
    return r;
}

static int drop_privileges(void)
{
    /* A service is not root; a container and a test may be. */
    if (geteuid() == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                setresuid(NOBODY, NOBODY, NOBODY) < 0)
            return -errno;
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2] = {0};
    const struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capget, &header, has) < 0)
        return -errno;
    /* A service has none, and may not even call this. */
    if (memcmp(has, none, sizeof(has)) != 0 && syscall(SYS_capset, &header, none) < 0)
        return -errno;
    /* Nor may neighbours of the same user look into it. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return 0;
}

/* ------------------------------------------------------------- Landlock --- */

static uint64_t fs_rights(int version)
{
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (version >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        rights |= FS_TRUNCATE;
    if (version >= 5)
        rights |= FS_IOCTL_DEV;
    return rights;
}

static int allow_path(int ruleset, const struct confine_path *p, int version)
{
    int fd = open(p->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno; /* what is not there needs no right */
    uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE;
    if (p->write)
        rights |= LANDLOCK_ACCESS_FS_WRITE_FILE | FS_IOCTL_DEV;
    struct landlock_path_beneath_attr rule = {
            .allowed_access = rights & fs_rights(version), .parent_fd = fd};
    long r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    r = r < 0 ? -errno : 0;
    close(fd);
    return (int)r;
}

/* The version; 0: the kernel has none. */
static int enter_landlock(const struct confine *c)
{
    int version =
            (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version <= 0)
        return 0;
    struct ruleset_attr attr = {.fs = fs_rights(version)};
    size_t size = sizeof(attr.fs);
    if (version >= 4) {
        attr.net = NET_BIND | NET_CONNECT;
        size += sizeof(attr.net);
    }
    if (version >= 6) {
        attr.scoped = SCOPE_ALL;
        size += sizeof(attr.scoped);
    }
    int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (fd < 0)
        return -errno;
    int r = 0;
    for (size_t i = 0; r == 0 && i < c->n_paths; i++)
        r = allow_path(fd, &c->paths[i], version);
    if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        r = -errno;
    close(fd);
    return r < 0 ? r : version;
}

/* ------------------------------------------------------------- seccomp --- */

static const int harmless[] = {SCMP_SYS(brk), SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_nanosleep), SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(exit),
        SCMP_SYS(exit_group), SCMP_SYS(fstat), SCMP_SYS(futex), SCMP_SYS(getcpu),
        SCMP_SYS(getpeername), SCMP_SYS(getpid), SCMP_SYS(getrandom), SCMP_SYS(getrusage),
        SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(gettid), SCMP_SYS(gettimeofday),
        SCMP_SYS(lseek), SCMP_SYS(madvise), SCMP_SYS(membarrier), SCMP_SYS(mremap),
        SCMP_SYS(munmap), SCMP_SYS(nanosleep), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pread64),
        SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
        SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
        SCMP_SYS(set_robust_list), SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(sigaltstack),
        SCMP_SYS(time), SCMP_SYS(uname), SCMP_SYS(write), SCMP_SYS(writev)};

/* Nothing that we use has a reason to call these: whoever does is not us any more. */
static const int deadly[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
        SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
        SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_open), SCMP_SYS(mount), SCMP_SYS(unshare),
        SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
        SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(perf_event_open),
        SCMP_SYS(kexec_load), SCMP_SYS(init_module)};

static int allow(scmp_filter_ctx f, int call)
{
    return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 0);
}

/* Only where of this argument the bits in mask are value. */
static int allow_masked(scmp_filter_ctx f, int call, unsigned arg, uint64_t mask, uint64_t value)
{
    return seccomp_rule_add(
            f, SCMP_ACT_ALLOW, call, 1, SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

/* By their types (Documentation/userspace-api/ioctl/ioctl-number.rst): video and media devices, DRM
 * and its buffers and fences, nvidia. Terminals and sockets are none of them. */
static const char *device_calls(const struct confine *c)
{
    return c->drivers ? "V|db>F" : c->devices ? "V" : "";
}

static int add_rules(scmp_filter_ctx f, const struct confine *c)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(harmless) / sizeof(harmless[0]); i++)
        r = allow(f, harmless[i]);
    for (size_t i = 0; r == 0 && i < sizeof(deadly) / sizeof(deadly[0]); i++)
        r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
    uint64_t code = c->drivers ? 0 : PROT_EXEC; /* that no memory may have */
    /* These two the limit of memory does not count. */
    uint64_t uncounted = MAP_GROWSDOWN | (c->devices ? 0 : MAP_SHARED);
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                SCMP_A2(SCMP_CMP_MASKED_EQ, code, 0), SCMP_A3(SCMP_CMP_MASKED_EQ, uncounted, 0));
    if (r == 0)
        r = allow_masked(f, SCMP_SYS(mprotect), 2, code, 0);
    /* A datagram's address would be anybody's. */
    if (r == 0)
        r = allow_masked(f, SCMP_SYS(sendto), 4, UINT64_MAX, 0);
    /* abort() sends it to itself. */
    if (r == 0)
        r = allow_masked(f, SCMP_SYS(tgkill), 0, UINT32_MAX, (uint64_t)getpid());
    /* A signal for whoever a descriptor is said to belong to. */
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 2,
                SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, F_SETFL),
                SCMP_A2(SCMP_CMP_MASKED_EQ, O_ASYNC, 0));
    static const int descriptor_calls[] = {F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC};
    for (size_t i = 0; r == 0 && i < sizeof(descriptor_calls) / sizeof(descriptor_calls[0]); i++)
        r = allow_masked(f, SCMP_SYS(fcntl), 1, UINT32_MAX, (uint64_t)descriptor_calls[i]);
    if (r == 0)
        r = allow_masked(f, SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME);
    /* clone3() hides its flags in memory; the C library then takes clone(). */
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (r == 0 && c->threads)
        r = allow_masked(f, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
    for (const char *type = device_calls(c); r == 0 && *type; type++)
        r = allow_masked(f, SCMP_SYS(ioctl), 1, 0xff00, (uint64_t)(unsigned char)*type << 8);
    if (r == 0 && c->drivers)
        r = allow_masked(f, SCMP_SYS(ioctl), 1, 0xff00, 0); /* one of nvidia's devices */
    if (r == 0 && c->n_paths > 0)
        r = allow(f, SCMP_SYS(openat));
    if (r == 0 && c->binds)
        r = allow(f, SCMP_SYS(bind));
    /* The C library's fstat() is this one with an empty name, into which no filter can look. */
    if (r == 0 && (c->n_paths > 0 || c->sizes))
        r = allow(f, SCMP_SYS(newfstatat));
    return r;
}

/* 1, or 0 where the kernel has none. */
static int enter_seccomp(const struct confine *c)
{
    if (prctl(PR_GET_SECCOMP) < 0)
        return 0;
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!f)
        return -ENOMEM;
    int r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
    if (r == 0)
        r = add_rules(f, c);
    if (r == 0)
        r = seccomp_load(f);
    seccomp_release(f);
    return r < 0 ? r : 1;
}

int confine_rights(const struct confine *c, struct confine_layers *ret, struct err *e)
{
    int r = set_limits(c);
    if (r < 0)
        return err_set(e, r, "cannot limit the process: %s", err_name(r));
    r = drop_privileges();
    if (r < 0)
        return err_set(e, r, "cannot drop privileges: %s", err_name(r));
    ret->landlock = enter_landlock(c);
    if (ret->landlock < 0)
        return err_set(e, ret->landlock, "Landlock: %s", err_name(ret->landlock));
    return 0;
}

int confine_calls(const struct confine *c, struct confine_layers *ret, struct err *e)
{
    int r = enter_seccomp(c);
    if (r < 0)
        return err_set(e, r, "seccomp: %s", err_name(r));
    ret->seccomp = r;
    return 0;
}
