/* needs: app/control base/err base/log base/mem base/redact base/thread base/url fake:mono */
#include "app/control.h"

#include "../fakes/fake_mono.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PLACES      (CONTROL_POLL_MAX - 1)
#define PATIENCE_US (5 * MONO_SECOND)
#define PATIENCE_MS 60000

struct rig {
    char dir[64], path[128];
    struct control *control;
    int asked;          /* commands that were answered */
    const char *answer; /* NULL: an echo of the command */
    uint64_t token;     /* of who asked "later" */
};

static char *answer(void *arg, const char *command, const json_t *request, uint64_t token)
{
    struct rig *r = arg;
    r->asked++;
    if (strcmp(command, "later") == 0) {
        r->token = token;
        return NULL;
    }
    if (strcmp(command, "add") == 0)
        return mem_format(
                "{\"sum\":%lld}", (long long)(json_integer_value(json_object_get(request, "a")) +
                                              json_integer_value(json_object_get(request, "b"))));
    if (r->answer)
        return mem_strdup(r->answer);
    return mem_format("{\"you asked\":\"%s\"}", command);
}

static int set_up(void **state)
{
    struct rig *r = mem_new(1, sizeof(*r));
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(
            r->dir, sizeof(r->dir), "%s/faced-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->path, sizeof(r->path), "%s/control.sock", r->dir);
    struct err e = {0};
    r->control = control_open(r->path, answer, r, &e);
    assert_string_equal(e.text, "");
    assert_non_null(r->control);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    control_close(r->control);
    assert_int_equal(access(r->path, F_OK), -1);
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
    fake_mono_reset();
    return 0;
}

/* As main does it, once. */
static void serve(struct rig *r, int timeout_ms)
{
    struct pollfd fds[CONTROL_POLL_MAX];
    size_t n = control_poll(r->control, fds);
    assert_in_range(n, 1, CONTROL_POLL_MAX);
    (void)poll(fds, n, timeout_ms);
    control_serve(r->control, fds, n);
}

/* Until nothing more happens by itself. */
static void serve_all(struct rig *r)
{
    struct pollfd fds[CONTROL_POLL_MAX];
    size_t n;
    while (n = control_poll(r->control, fds), poll(fds, n, 0) > 0)
        control_serve(r->control, fds, n);
    control_serve(r->control, fds, n); /* the tick */
}

static int client(const struct rig *r)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, r->path, strlen(r->path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void say(int fd, const char *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/* All that is there; "" when the connection has ended, NULL when it has not and nothing came. */
static const char *heard(int fd)
{
    static char text[8192];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return NULL;
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void assert_answer(int fd, const char *expected)
{
    const char *text = heard(fd);
    assert_non_null(text);
    assert_string_equal(text, expected);
    text = heard(fd); /* one answer, and it ends */
    assert_non_null(text);
    assert_string_equal(text, "");
    close(fd);
}

static void assert_error(int fd)
{
    const char *text = heard(fd);
    assert_non_null(text);
    json_t *j = json_loads(text, 0, NULL);
    assert_true(json_is_string(json_object_get(j, "error")));
    json_decref(j);
    assert_int_equal(text[strlen(text) - 1], '\n');
    close(fd);
}

struct call {
    const char *path, *command;
    int timeout_ms, result;
    char *answer;
    struct err e;
    atomic_bool done;
};

static struct call call_of(const struct rig *r, const char *command)
{
    return (struct call){.path = r->path, .command = command, .timeout_ms = PATIENCE_MS};
}

static void *call(void *arg)
{
    struct call *c = arg;
    c->result = control_call(c->path, c->command, c->timeout_ms, &c->answer, &c->e);
    atomic_store(&c->done, true);
    return NULL;
}

static void serve_calls(struct rig *r, struct call *calls, int n)
{
    pthread_t t[16];
    for (int i = 0; i < n; i++)
        assert_int_equal(thread_start(&t[i], "call", call, &calls[i]), 0);
    for (int i = 0; i < n; i++) {
        while (!atomic_load(&calls[i].done))
            serve(r, 10);
        assert_int_equal(thread_join(t[i], PATIENCE_MS), 0);
    }
}

static void a_command_and_its_answer(void **state)
{
    struct rig *r = *state;
    struct stat st;
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    struct call c[] = {call_of(r, "status"), call_of(r, "prune"), call_of(r, "no such thing")};
    serve_calls(r, c, 3);
    for (int i = 0; i < 3; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "{\"you asked\":\"%s\"}\n", c[i].command);
        assert_int_equal(c[i].result, 0);
        assert_string_equal(c[i].answer, expected);
        free(c[i].answer);
    }
    assert_int_equal(r->asked, 3);
}

static void a_command_has_arguments(void **state)
{
    struct rig *r = *state;
    static const char request[] = "{\"command\":\"add\",\"a\":40,\"b\":2}\n";
    int fd = client(r);
    say(fd, request, sizeof(request) - 1);
    serve_all(r);
    assert_answer(fd, "{\"sum\":42}\n");
}

/* Who has to wait does so for as long as it takes; and others are served meanwhile. */
static void an_answer_may_come_later(void **state)
{
    struct rig *r = *state;
    int fd = client(r);
    say(fd, "{\"command\":\"later\"}\n", 20);
    serve_all(r);
    assert_null(heard(fd));
    uint64_t token = r->token;
    assert_true(token != 0);
    fake_mono_ahead(100 * PATIENCE_US);
    struct call c = call_of(r, "status");
    serve_calls(r, &c, 1);
    assert_int_equal(c.result, 0);
    free(c.answer);
    assert_null(heard(fd));

    control_tell(r->control, token + 17, "{\"not\":\"his\"}", true);
    control_tell(r->control, token, "{\"progress\":1}", false);
    control_tell(r->control, token, "{\"progress\":2}", false); /* the first is not sent yet */
    serve_all(r);
    assert_string_equal(heard(fd), "{\"progress\":1}\n");
    say(fd, "what else he says is not heard\n", 31);
    fake_mono_ahead(100 * PATIENCE_US);
    serve_all(r);
    control_tell(r->control, token, "{\"progress\":3}", false);
    control_tell(r->control, token, "{\"done\":true}", true);
    control_tell(r->control, token, "{\"done\":\"twice\"}", true);
    serve_all(r);
    assert_answer(fd, "{\"progress\":3}\n{\"done\":true}\n");
    assert_int_equal(r->asked, 2);
}

static void who_goes_before_his_answer_leaves_his_place(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 3 * PLACES; i++) {
        int fd = client(r);
        say(fd, "{\"command\":\"later\"}\n", 20);
        serve_all(r);
        close(fd);
        serve_all(r);
        control_tell(r->control, r->token, "{}", true);
    }
    assert_int_equal(r->asked, 3 * PLACES);
    struct call c = call_of(r, "status");
    serve_calls(r, &c, 1);
    assert_int_equal(c.result, 0);
    free(c.answer);
}

#define LINES 200

static void join_line(const char *line, void *arg)
{
    char *lines = arg;
    size_t n = strlen(lines);
    (void)snprintf(lines + n, LINES - n, "%s", line);
}

static void *ask(void *arg)
{
    struct call *c = arg;
    static char lines[LINES];
    lines[0] = '\0';
    c->result = control_ask(
            c->path, "{\"command\":\"later\"}", c->timeout_ms, join_line, lines, &c->answer, &c->e);
    c->command = lines;
    atomic_store(&c->done, true);
    return NULL;
}

static void the_client_hears_the_progress_and_the_answer_apart(void **state)
{
    struct rig *r = *state;
    struct call c = call_of(r, "");
    pthread_t t;
    assert_int_equal(thread_start(&t, "ask", ask, &c), 0);
    while (!r->token)
        serve(r, 10);
    for (int i = 1; i <= 3; i++) {
        char line[40];
        (void)snprintf(line, sizeof(line), "{\"n\":%d}", i);
        control_tell(r->control, r->token, line, i == 3);
        serve(r, 10);
    }
    while (!atomic_load(&c.done))
        serve(r, 10);
    assert_int_equal(thread_join(t, PATIENCE_MS), 0);
    assert_int_equal(c.result, 0);
    assert_string_equal(c.command, "{\"n\":1}{\"n\":2}");
    assert_string_equal(c.answer, "{\"n\":3}\n");
    free(c.answer);
}

/* Without a descriptor to spare nobody can be let in: that must not keep main busy. */
static void without_descriptors_it_pauses(void **state)
{
    struct rig *r = *state;
    struct rlimit before, few;
    int late = client(r), taken[64], n_taken = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while ((taken[n_taken] = dup(late)) >= 0)
        n_taken++;
    struct pollfd fds[CONTROL_POLL_MAX];
    size_t n = control_poll(r->control, fds);
    assert_int_equal(poll(fds, n, 0), 1);
    control_serve(r->control, fds, n);
    n = control_poll(r->control, fds);
    assert_int_equal(poll(fds, n, 0), 0); /* quiet for a while */
    while (n_taken)
        close(taken[--n_taken]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    fake_mono_ahead(2 * MONO_SECOND);
    serve_all(r);
    say(late, "{\"command\":\"x\"}\n", 16);
    serve_all(r);
    assert_answer(late, "{\"you asked\":\"x\"}\n");
}

/* Far more than a socket holds: it is sent as the client reads, and others are served meanwhile. */
static void a_large_answer(void **state)
{
    struct rig *r = *state;
    size_t n = 4 << 20;
    char *large = mem_new(n + 1, 1);
    for (size_t i = 0; i < n; i++)
        large[i] = (char)('a' + i % 26);
    char *line = mem_format("%s\n", large);
    r->answer = large;
    int slow = client(r);
    say(slow, "{\"command\":\"a\"}\n", 16);
    serve_all(r);
    struct call c = call_of(r, "b");
    serve_calls(r, &c, 1);
    assert_int_equal(c.result, 0);
    assert_int_equal(strcmp(c.answer, line), 0);
    free(c.answer);

    /* He takes more now and then: slow, but not silent. */
    size_t got = 0;
    for (const char *text; !(text = heard(slow)) || *text;) {
        if (text) {
            assert_int_equal(memcmp(text, line + got, strlen(text)), 0);
            got += strlen(text);
        } else {
            fake_mono_ahead(PATIENCE_US - MONO_SECOND);
            serve_all(r);
        }
    }
    assert_int_equal(got, n + 1);
    close(slow);
    r->answer = NULL;
    free(large);
    free(line);
}

static void a_request_in_pieces(void **state)
{
    struct rig *r = *state;
    static const char request[] = "{ \"command\" : \"status\", \"v\": 1 }\r\n";
    int fd = client(r);
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        serve_all(r);
        assert_null(heard(fd));
        say(fd, request + i, 1);
    }
    serve_all(r);
    assert_answer(fd, "{\"you asked\":\"status\"}\n");
    assert_int_equal(r->asked, 1);
}

static void what_is_no_request(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *bytes;
        size_t n;
    } wrong[] = {
            {"\n", 1},
            {"status\n", 7},
            {"{}\n", 3},
            {"[\"command\"]\n", 12},
            {"{\"command\":5}\n", 14},
            {"{\"command\":null}\n", 17},
            {"{\"command\":\"status\"\n", 20},
            {"{\"command\":\"sta\\u0000tus\"}\n", 28},
            {"\0\0\0\n", 4},
            {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 28},
            {"\xff\xfe\x80\n", 4},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int fd = client(r);
        say(fd, wrong[i].bytes, wrong[i].n);
        serve_all(r);
        assert_error(fd);
    }
    char endless[5000]; /* without an end of line */
    memset(endless, '{', sizeof(endless));
    int fd = client(r);
    say(fd, endless, sizeof(endless));
    serve_all(r);
    assert_error(fd);
    assert_int_equal(r->asked, 0);
}

static void random_bytes_harm_nobody(void **state)
{
    struct rig *r = *state;
    const char *given = getenv("SEED");
    uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 10) : (uint32_t)mono_us();
    print_message("SEED=%u\n", seed);
    static const char alphabet[] = "{}[]\":,\\ncommdstatu 0\n\x80\xff";
    for (int k = 0; k < 500; k++) {
        int fd = client(r);
        serve_all(r);
        char bytes[200];
        size_t n = 0;
        for (size_t end = (seed >> 8) % sizeof(bytes); n < end; n++) {
            seed = seed * 1664525 + 1013904223;
            bytes[n] = alphabet[(seed >> 16) % sizeof(alphabet)];
        }
        say(fd, bytes, n);
        seed = seed * 1664525 + 1013904223;
        if (seed >> 31) { /* goes before he is answered */
            close(fd);
            serve_all(r);
            continue;
        }
        serve_all(r);
        close(fd);
        serve_all(r);
    }
    struct call c = call_of(r, "still there");
    serve_calls(r, &c, 1);
    assert_int_equal(c.result, 0);
    free(c.answer);
}

static void the_silent_are_dropped(void **state)
{
    struct rig *r = *state;
    size_t n = 4 << 20;
    char *large = mem_new(n + 1, 1);
    memset(large, 'x', n);
    r->answer = large;
    int mute = client(r), stuck = client(r), deaf = client(r);
    say(stuck, "{\"comm", 6);
    say(deaf, "{\"command\":\"a\"}\n", 16);
    serve_all(r);
    fake_mono_ahead(PATIENCE_US - MONO_SECOND);
    serve_all(r);
    assert_null(heard(mute));
    assert_null(heard(stuck));
    fake_mono_ahead(2 * MONO_SECOND);
    serve_all(r);
    assert_string_equal(heard(mute), "");
    assert_string_equal(heard(stuck), "");
    size_t got = 0;
    for (const char *text; (text = heard(deaf)) && *text;)
        got += strlen(text);
    assert_in_range(got, 1, n - 1); /* what was under way, and no more */
    close(mute);
    close(stuck);
    close(deaf);
    r->answer = NULL;
    free(large);
}

static void more_clients_than_places(void **state)
{
    struct rig *r = *state;
    int fd[PLACES];
    for (int i = 0; i < PLACES; i++) {
        fd[i] = client(r);
        serve_all(r);
    }
    int late = client(r);
    serve_all(r);
    assert_string_equal(heard(late), "");
    close(late);
    struct call c = call_of(r, "status");
    serve_calls(r, &c, 1); /* is told so, and not given an empty answer */
    assert_true(c.result < 0);
    assert_non_null(strstr(c.e.text, "try again"));
    assert_non_null(strstr(c.e.text, r->path));
    assert_int_equal(r->asked, 0);

    say(fd[3], "{\"command\":\"x\"}\n", 16);
    serve_all(r);
    assert_answer(fd[3], "{\"you asked\":\"x\"}\n");
    fd[3] = client(r); /* the place is free again */
    close(fd[5]);      /* and so is that of somebody who goes */
    serve_all(r);
    fd[5] = client(r);
    serve_all(r);
    for (int i = 0; i < PLACES; i++) {
        say(fd[i], "{\"command\":\"y\"}\n", 16);
        serve_all(r);
        assert_answer(fd[i], "{\"you asked\":\"y\"}\n");
    }
}

static void what_a_dead_daemon_left_is_replaced(void **state)
{
    struct rig *r = *state;
    control_close(r->control);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, r->path, strlen(r->path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    assert_int_equal(access(r->path, F_OK), 0);
    struct err e = {0};
    char *text = NULL;
    assert_int_equal(control_call(r->path, "status", 1000, &text, &e), -ECONNREFUSED);
    assert_non_null(strstr(e.text, "not running"));

    r->control = control_open(r->path, answer, r, &e);
    assert_non_null(r->control);
    struct call c = call_of(r, "status");
    serve_calls(r, &c, 1);
    assert_int_equal(c.result, 0);
    free(c.answer);
}

static void a_living_daemon_keeps_its_socket(void **state)
{
    struct rig *r = *state;
    int fd[64], n = 0;
    for (int full = 0; full < 2; full++) { /* also one that is too busy to take anybody */
        struct err e = {0};
        assert_null(control_open(r->path, answer, NULL, &e));
        assert_int_equal(e.code, -EADDRINUSE);
        assert_non_null(strstr(e.text, r->path));
        assert_non_null(strstr(e.text, "another faced"));
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        memcpy(a.sun_path, r->path, strlen(r->path) + 1);
        for (bool room = true; room && n < 64; n++) {
            fd[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
            room = connect(fd[n], (const struct sockaddr *)&a, sizeof(a)) == 0;
        }
        assert_in_range(n, 1, 63);
    }
    struct err e = {0};
    char *text = NULL;
    assert_int_equal(control_call(r->path, "status", 20, &text, &e), -ETIMEDOUT);
    assert_non_null(strstr(e.text, "no answer"));
    for (int i = 0; i < n; i++)
        close(fd[i]);
    serve_all(r);
    struct call c = call_of(r, "status");
    serve_calls(r, &c, 1); /* and it goes on as before */
    assert_int_equal(c.result, 0);
    free(c.answer);
}

static void a_file_is_not_removed(void **state)
{
    struct rig *r = *state;
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/notes", r->dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
    struct err e = {0};
    assert_null(control_open(path, answer, NULL, &e));
    assert_int_equal(e.code, -EEXIST);
    assert_non_null(strstr(e.text, path));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4);
    assert_int_equal(unlink(path), 0);

    assert_null(control_open(r->dir, answer, NULL, &e)); /* nor a folder */
    assert_int_equal(access(r->path, F_OK), 0);
}

static void a_path_that_cannot_be(void **state)
{
    struct rig *r = *state;
    char path[300];
    int n = snprintf(path, sizeof(path), "%s/", r->dir);
    memset(path + n, 'x', 150);
    path[n + 150] = '\0';
    struct err e = {0};
    assert_null(control_open(path, answer, NULL, &e));
    assert_int_equal(e.code, -ENAMETOOLONG);
    assert_non_null(strstr(e.text, "107"));
    char *text = NULL;
    assert_int_equal(control_call(path, "status", 1000, &text, &e), -ENAMETOOLONG);

    (void)snprintf(path, sizeof(path), "%s/no/such/control.sock", r->dir);
    assert_null(control_open(path, answer, NULL, &e));
    assert_int_equal(e.code, -ENOENT);
    assert_non_null(strstr(e.text, path));
    assert_int_equal(control_call(path, "status", 1000, &text, &e), -ENOENT);
    assert_non_null(strstr(e.text, "not running"));
    assert_null(text);
    assert_null(control_open(path, answer, NULL, NULL));
}

/* One folder is made: the one below /run that nobody made for a daemon started by hand. */
static void the_folder_is_made(void **state)
{
    struct rig *r = *state;
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/run/control.sock", r->dir);
    struct err e = {0};
    struct control *c = control_open(path, answer, NULL, &e);
    assert_non_null(c);
    control_close(c);
    assert_int_equal(access(path, F_OK), -1);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
    control_close(NULL);
}

static void closing_drops_who_is_there(void **state)
{
    struct rig *r = *state;
    int a = client(r), b = client(r);
    say(b, "{\"command\":\"x\"}\n", 16);
    serve(r, 0);
    serve(r, 0); /* both are in, one with a request that is not answered yet */
    control_close(r->control);
    r->control = NULL;
    assert_string_equal(heard(a), "");
    assert_string_equal(heard(b), "");
    close(a);
    close(b);
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            IN_RIG(a_command_and_its_answer),
            IN_RIG(a_command_has_arguments),
            IN_RIG(an_answer_may_come_later),
            IN_RIG(who_goes_before_his_answer_leaves_his_place),
            IN_RIG(the_client_hears_the_progress_and_the_answer_apart),
            IN_RIG(without_descriptors_it_pauses),
            IN_RIG(a_large_answer),
            IN_RIG(a_request_in_pieces),
            IN_RIG(what_is_no_request),
            IN_RIG(random_bytes_harm_nobody),
            IN_RIG(the_silent_are_dropped),
            IN_RIG(more_clients_than_places),
            IN_RIG(what_a_dead_daemon_left_is_replaced),
            IN_RIG(a_living_daemon_keeps_its_socket),
            IN_RIG(a_file_is_not_removed),
            IN_RIG(a_path_that_cannot_be),
            IN_RIG(the_folder_is_made),
            IN_RIG(closing_drops_who_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
