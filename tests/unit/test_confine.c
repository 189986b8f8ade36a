/* needs: base/confine base/err */
#include "base/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/videodev2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMORY ((size_t)256 << 20)

/* ------------------------------------------------------------- tries, in a confined process --- */

/* Each returns 0 when it could do what it wanted. */

static int reads_a_file(void)
{
    return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int writes_a_file(void)
{
    return open("/tmp/confined", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

static int looks_for_a_file(void)
{
    struct stat st;
    return stat("/etc/passwd", &st) < 0 ? errno : 0;
}

static int makes_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int given = -1; /* a TCP socket from before, that is not connected */
static struct sockaddr_in there;

static int connects_one(void)
{
    return connect(given, (struct sockaddr *)&there, sizeof(there)) < 0 ? errno : 0;
}

static int listens(void)
{
    return listen(given, 1) < 0 ? errno : 0;
}

static int sends_anywhere(void)
{
    return sendto(given, "x", 1, 0, (struct sockaddr *)&there, sizeof(there)) < 0 ? errno : 0;
}

static int forks(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}

static int signals_its_parent(void)
{
    return kill(getppid(), 0) < 0 ? errno : 0;
}

static int makes_code(void)
{
    void *p = mmap(
            NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int makes_code_of_data(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}

static int takes_a_gigabyte(void)
{
    void *p = mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int becomes_root(void)
{
    return setuid(0) < 0 ? errno : 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static int starts_a_thread(void)
{
    pthread_t thread;
    int r = pthread_create(&thread, NULL, nothing, NULL);
    return r ? r : pthread_join(thread, NULL);
}

static int executes(void)
{
    char *argv[] = {(char *)"true", NULL};
    return execv("/bin/true", argv) < 0 ? errno : 0;
}

static int traces_its_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? errno : 0;
}

static pid_t parent;

static int opens_its_parent_s_memory(void)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)parent);
    return open(path, O_RDWR) < 0 ? errno : 0;
}

static int takes(int flags)
{
    size_t size = (size_t)1 << 30;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int takes_shared_memory(void)
{
    return takes(MAP_SHARED);
}

static int takes_a_stack(void)
{
    return takes(MAP_PRIVATE | MAP_GROWSDOWN);
}

static int asks_for_signals(void)
{
    return fcntl(given, F_SETFL, O_ASYNC) < 0 ? errno : 0;
}

static int gives_a_socket_away(void)
{
    return ioctl(given, SIOCSPGRP, &parent) < 0 ? errno : 0;
}

static int types_for_its_terminal(void)
{
    return ioctl(STDIN_FILENO, TIOCSTI, "x") < 0 ? errno : 0;
}

static int asks_a_camera(void)
{
    struct v4l2_capability c;
    return ioctl(given, VIDIOC_QUERYCAP, &c) < 0 ? errno : 0;
}

static int works(void)
{
    void *p = malloc(1 << 20);
    char c = 'x';
    int r = p && write(STDERR_FILENO, &c, 0) == 0 ? 0 : EIO;
    free(p);
    return r;
}

static int aborts(void)
{
    abort();
}

static sem_t confined;

/* Ends the process with what came of it. */
static void *try_later(void *what)
{
    int (*const *try)(void) = what;
    while (sem_wait(&confined) < 0) {
    }
    _exit((*try)());
}

static void confine_and_try(int (*what)(void), const struct confine *rights, bool elsewhere)
{
    struct confine_layers layers;
    struct err e = {0};
    pthread_t other;
    if (confine_rights(rights, &layers, &e) < 0)
        _exit(255);
    if (elsewhere && pthread_create(&other, NULL, try_later, &what) != 0)
        _exit(255);
    if (confine_calls(rights, &layers, &e) < 0 || !layers.seccomp)
        _exit(255);
    if (elsewhere) {
        sem_post(&confined);
        pthread_join(other, NULL);
    }
    _exit(what());
}

static int status_of(int (*what)(void), const struct confine *rights, bool elsewhere)
{
    pid_t pid = fork();
    if (pid == 0)
        confine_and_try(what, rights, elsewhere);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* The exit status of a confined process that tries this, or its signal, negative; the same of the
 * thread that was started in between. */
static int try_it(int (*what)(void), const struct confine *rights)
{
    int r = status_of(what, rights, false);
    assert_int_equal(status_of(what, rights, true), r);
    return r;
}

/* ------------------------------------------------------------- tests --- */

static void what_could_do_harm_is_refused(void **state)
{
    (void)state;
    static int (*const tries[])(void) = {reads_a_file, writes_a_file, looks_for_a_file,
            makes_a_socket, connects_one, listens, sends_anywhere, forks, signals_its_parent,
            makes_code, makes_code_of_data, becomes_root, starts_a_thread, takes_shared_memory,
            takes_a_stack, asks_for_signals, gives_a_socket_away, asks_a_camera};
    struct confine rights = {.memory = MEMORY};
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        int r = try_it(tries[i], &rights);
        if (r != EPERM)
            fail_msg("try %zu: %d", i, r);
    }
    assert_int_equal(try_it(takes_a_gigabyte, &rights), ENOMEM);
    assert_int_equal(try_it(works, &rights), 0);
}

static void what_nothing_honest_does_is_deadly(void **state)
{
    (void)state;
    struct confine rights = {.memory = MEMORY};
    assert_int_equal(try_it(executes, &rights), -SIGSYS);
    assert_int_equal(try_it(traces_its_parent, &rights), -SIGSYS);
    assert_int_equal(try_it(aborts, &rights), -SIGABRT);
}

static void files_are_read_beneath_the_paths_alone(void **state)
{
    (void)state;
    const struct confine_path etc = {"/etc", false}, tmp = {"/tmp", false};
    struct confine rights = {.memory = MEMORY, .paths = &etc, .n_paths = 1};
    assert_int_equal(try_it(reads_a_file, &rights), 0);
    assert_int_equal(try_it(writes_a_file, &rights), EACCES);
    rights.paths = &tmp;
    assert_int_equal(try_it(reads_a_file, &rights), EACCES);
    assert_int_equal(try_it(writes_a_file, &rights), EACCES);
    assert_int_equal(try_it(opens_its_parent_s_memory, &rights), EACCES);
}

static void devices_are_spoken_with_and_nothing_else(void **state)
{
    (void)state;
    struct confine rights = {.memory = MEMORY, .devices = true};
    for (int drivers = 0; drivers < 2; drivers++) {
        rights.drivers = drivers;
        assert_int_equal(try_it(gives_a_socket_away, &rights), EPERM);
        assert_int_equal(try_it(types_for_its_terminal, &rights), EPERM);
        assert_int_equal(try_it(asks_for_signals, &rights), EPERM);
        assert_int_equal(try_it(takes_a_stack, &rights), EPERM);
        assert_int_equal(try_it(asks_a_camera, &rights), ENOTTY); /* a socket is none */
        assert_int_equal(try_it(takes_shared_memory, &rights), 0);
    }
}

static void threads_and_code_only_where_they_are_allowed(void **state)
{
    (void)state;
    struct confine rights = {.memory = MEMORY, .threads = true};
    assert_int_equal(try_it(starts_a_thread, &rights), 0);
    assert_int_equal(try_it(forks, &rights), EPERM);
    assert_int_equal(try_it(makes_code, &rights), EPERM);
    rights.drivers = true;
    assert_int_equal(try_it(makes_code, &rights), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_could_do_harm_is_refused),
            cmocka_unit_test(what_nothing_honest_does_is_deadly),
            cmocka_unit_test(files_are_read_beneath_the_paths_alone),
            cmocka_unit_test(devices_are_spoken_with_and_nothing_else),
            cmocka_unit_test(threads_and_code_only_where_they_are_allowed),
    };
    there = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9)};
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    given = socket(AF_INET, SOCK_STREAM, 0);
    sem_init(&confined, 0, 0);
    parent = getpid();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
