#include "app/control.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"

#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS     (CONTROL_POLL_MAX - 1)
#define REQUEST_MAX 4096
#define PATIENCE_US (5 * MONO_SECOND)
#define DEAF_US     MONO_SECOND /* after a failed accept() */

struct client {
    int fd; /* -1: free */
    int64_t since_us;
    char request[REQUEST_MAX];
    size_t got;
    uint64_t token; /* 0 while the request is not complete */
    bool later;     /* the answer is still to come */
    char *reply;    /* what is to be sent; NULL: nothing */
    size_t sent, length;
};

struct control {
    int fd;
    char *path;
    control_answer *answer;
    void *arg;
    uint64_t tokens;       /* given so far */
    int64_t deaf_until_us; /* nobody is taken in before */
    struct client clients[CLIENTS];
};

static int address(const char *path, struct sockaddr_un *ret, struct err *e)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path))
        return err_set(e, -ENAMETOOLONG, "%s: too long for a socket, at most %zu characters", path,
                sizeof(ret->sun_path) - 1);
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return 0;
}

/* Does a daemon answer there, be it too busy to? */
static bool in_use(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = fd >= 0 &&
               (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return yes;
}

/* Removes a socket that nobody listens on: a daemon that was killed left it. Never a file. */
static int clear_away(const char *path, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, -EEXIST, "%s: is there and is no socket; set `control`", path);
    (void)unlink(path);
    return 0;
}

static int listen_at(const char *path, struct err *e)
{
    struct sockaddr_un a;
    int r = address(path, &a, e);
    if (r < 0)
        return r;
    char *copy = mem_strdup(path);
    (void)mkdir(dirname(copy), 0755); /* /run/faced, when nobody made it; bind() tells if not */
    free(copy);
    if (in_use(&a))
        return err_set(
                e, -EADDRINUSE, "%s: another faced answers there; stop it, or set `control`", path);
    r = clear_away(path, e);
    if (r < 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || chmod(path, 0660) < 0 ||
            listen(fd, CLIENTS) < 0) {
        r = -errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, r, "cannot make the control socket %s: %s", path, err_name(r));
    }
    return fd;
}

struct control *control_open(const char *path, control_answer *answer, void *arg, struct err *e)
{
    int fd = listen_at(path, e);
    if (fd < 0)
        return NULL;
    struct control *c = mem_new(1, sizeof(*c));
    c->fd = fd;
    c->path = mem_strdup(path);
    c->answer = answer;
    c->arg = arg;
    for (int i = 0; i < CLIENTS; i++)
        c->clients[i].fd = -1;
    return c;
}

static void drop(struct client *cl)
{
    close(cl->fd);
    free(cl->reply);
    *cl = (struct client){.fd = -1};
}

void control_close(struct control *c)
{
    if (!c)
        return;
    for (int i = 0; i < CLIENTS; i++) {
        if (c->clients[i].fd >= 0)
            drop(&c->clients[i]);
    }
    close(c->fd);
    (void)unlink(c->path);
    free(c->path);
    free(c);
}

size_t control_poll(const struct control *c, struct pollfd *fds)
{
    size_t n = 0;
    bool deaf = mono_us() < c->deaf_until_us;
    fds[n++] = (struct pollfd){.fd = deaf ? -1 : c->fd, .events = POLLIN};
    for (int i = 0; i < CLIENTS; i++) {
        const struct client *cl = &c->clients[i];
        /* One whose answer is to come is read as well, to hear that he goes. */
        fds[n++] = (struct pollfd){.fd = cl->fd, .events = cl->reply ? POLLOUT : POLLIN};
    }
    return n;
}

/* Without a descriptor to spare the one who knocks stays at the door, and poll() would say so again
 * at once. */
static void greet(struct control *c, int64_t now)
{
    int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            c->deaf_until_us = now + DEAF_US;
        return;
    }
    for (int i = 0; i < CLIENTS; i++) {
        if (c->clients[i].fd < 0) {
            c->clients[i].fd = fd;
            c->clients[i].since_us = now;
            return;
        }
    }
    close(fd); /* it may come again */
}

/* One more line behind what is still to be sent. */
static void add_line(struct client *cl, const char *json)
{
    char *text = mem_format("%s%s\n", cl->reply ? cl->reply + cl->sent : "", json);
    free(cl->reply);
    cl->reply = text;
    cl->sent = 0;
    cl->length = strlen(text);
}

static void reply_to(struct control *c, struct client *cl)
{
    json_t *json = json_loads(cl->request, 0, NULL);
    const char *command = json_string_value(json_object_get(json, "command"));
    cl->token = ++c->tokens;
    char *body =
            command ? c->answer(c->arg, command, json, cl->token)
                    : mem_strdup(
                              "{\"error\":\"the request is not {\\\"command\\\":\\\"...\\\"}\"}");
    json_decref(json);
    cl->later = body == NULL;
    if (body)
        add_line(cl, body);
    free(body);
}

static void receive(struct control *c, struct client *cl)
{
    char more[64];
    bool asked = cl->token != 0; /* what else he says is not heard */
    ssize_t n = asked ? recv(cl->fd, more, sizeof(more), 0)
                      : recv(cl->fd, cl->request + cl->got, sizeof(cl->request) - 1 - cl->got, 0);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            drop(cl);
        return;
    }
    if (asked)
        return;
    cl->got += (size_t)n;
    cl->request[cl->got] = '\0';
    if (memchr(cl->request, '\n', cl->got) || cl->got == sizeof(cl->request) - 1)
        reply_to(c, cl);
}

static void transmit(struct client *cl, int64_t now)
{
    ssize_t n = send(cl->fd, cl->reply + cl->sent, cl->length - cl->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        drop(cl);
    if (n <= 0)
        return;
    cl->since_us = now; /* whoever reads, however slowly, gets it all */
    cl->sent += (size_t)n;
    if (cl->sent < cl->length)
        return;
    free(cl->reply);
    cl->reply = NULL;
    if (!cl->later)
        drop(cl);
}

void control_tell(struct control *c, uint64_t token, const char *json, bool last)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct client *cl = &c->clients[i];
        if (cl->fd < 0 || cl->token != token || !cl->later || (cl->reply && !last))
            continue;
        if (!cl->reply)
            cl->since_us = mono_us();
        cl->later = !last;
        add_line(cl, json);
    }
}

/* Is it his turn to do something? */
static bool is_awaited(const struct client *cl)
{
    return cl->reply || !cl->later;
}

void control_serve(struct control *c, const struct pollfd *fds, size_t n)
{
    int64_t now = mono_us();
    for (size_t i = 1; i < n; i++) {
        struct client *cl = &c->clients[i - 1];
        if (cl->fd < 0)
            continue;
        if (fds[i].revents && cl->fd == fds[i].fd) {
            if (cl->reply)
                transmit(cl, now);
            else
                receive(c, cl);
        } else if (is_awaited(cl) && now - cl->since_us > PATIENCE_US) {
            drop(cl);
        }
    }
    if (n > 0 && fds[0].revents)
        greet(c, now);
}

/* ------------------------------------------------------------- the client's side --- */

/* Calls each() for all lines but the last, which is the answer. */
static void take_lines(
        char *text, size_t *got, void (*each)(const char *line, void *arg), void *arg)
{
    char *line = text, *end;
    while ((end = memchr(line, '\n', *got - (size_t)(line - text))) && end + 1 < text + *got) {
        *end = '\0';
        if (each)
            each(line, arg);
        line = end + 1;
    }
    *got -= (size_t)(line - text);
    memmove(text, line, *got);
}

static int read_all(int fd, void (*each)(const char *line, void *arg), void *arg, char **ret_text)
{
    size_t size = 0, got = 0;
    char *text = NULL;
    for (;;) {
        if (got + 1 >= size) {
            size = size ? size * 2 : 4096;
            text = mem_grow(text, size, 1);
        }
        ssize_t n = recv(fd, text + got, size - 1 - got, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int failed = errno == EAGAIN ? ETIMEDOUT : errno;
            free(text);
            return -failed;
        }
        if (n == 0)
            break;
        got += (size_t)n;
        take_lines(text, &got, each, arg);
    }
    if (got == 0) { /* it had no place for one more client */
        free(text);
        return -EBUSY;
    }
    text[got] = '\0';
    *ret_text = text;
    return 0;
}

int control_ask(const char *path, const char *request, int timeout_ms,
        void (*each)(const char *line, void *arg), void *arg, char **ret_answer, struct err *e)
{
    struct sockaddr_un a;
    int r = address(path, &a, e);
    if (r < 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, -errno, "no socket: %s", err_name(errno));
    struct timeval wait = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));

    char *line = mem_format("%s\n", request);
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
        r = -errno;
    else if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
        r = -errno;
    else
        r = read_all(fd, each, arg, ret_answer);
    free(line);
    close(fd);
    if (r == -EAGAIN)
        r = -ETIMEDOUT;
    if (r == -ENOENT || r == -ECONNREFUSED)
        return err_set(e, r, "faced is not running (nobody answers at %s)", path);
    if (r == -EACCES)
        return err_set(e, r, "%s: permission denied; join the group `faced` or use sudo", path);
    if (r == -EBUSY || r == -ECONNRESET || r == -EPIPE)
        return err_set(e, r, "faced at %s has too many clients or is just ending; try again", path);
    if (r < 0)
        return err_set(e, r, "no answer from faced at %s: %s", path, err_name(r));
    return 0;
}

int control_call(
        const char *path, const char *command, int timeout_ms, char **ret_answer, struct err *e)
{
    char *request = mem_format("{\"command\":\"%s\"}", command);
    int r = control_ask(path, request, timeout_ms, NULL, NULL, ret_answer, e);
    free(request);
    return r;
}
