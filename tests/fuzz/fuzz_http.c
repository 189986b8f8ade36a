/* needs: app/web/web app/web/door app/web/gate app/web/reply app/web/routes app/web/api app/web/questions app/web/live app/web/news app/web/metrics app/audience app/rows app/cursor app/passwd store/reader store/sums store/dbfile store/schema store/sql picture/annotate picture/canvas picture/caption picture/encode picture/layout conf/load conf/group conf/value conf/schema conf/address conf/area conf/expand conf/text flow/age flow/box flow/event flow/face flow/frame flow/scale flow/polygon base/err base/log base/mem base/mono base/redact base/secret base/sha256 base/thread base/url base/utf8 base/uuid base/when */
/*
 * Requests to the real web server, over loopback, with a database and a camera's picture behind it
 * and without models. First byte odd: the rest is sent as it is; even: the first line is method and
 * path, lines up to an empty one are headers, and what follows is the body. With 2 they go to a
 * server with a password, with 4 and a body as well from somebody who has logged in there.
 *
 * Whatever is sent, what comes back is an answer of HTTP/1.x or nothing, and the server goes on:
 * the next request is answered, which every 64th time is asked. Who has no password sees nothing of
 * what is behind it.
 */
#include "app/passwd.h"
#include "app/web/live.h"
#include "app/web/news.h"
#include "app/web/photo.h"
#include "app/web/web.h"
#include "base/log.h"
#include "conf/load.h"
#include "flow/frame.h"
#include "fuzz.h"
#include "store/dbfile.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>

#define PASSWORD "battery staple"
#define HIDDEN   "behind-the-door" /* the camera's name at the server with the password */

static struct sockaddr_in open_at, locked_at;
static struct view_links view;
static struct frame *picture;

/* ------------------------------------------------------------- photos are switched off --- */

struct photo *photo_new(const struct conf *conf, struct err *e)
{
    (void)conf;
    (void)e;
    return NULL;
}

void photo_free(struct photo *p)
{
    (void)p;
}

int photo_start(struct photo *p)
{
    (void)p;
    return 0;
}

void photo_stop(struct photo *p)
{
    (void)p;
}

bool photo_enter(struct photo *p)
{
    (void)p;
    return false;
}

void photo_leave(struct photo *p)
{
    (void)p;
}

void photo_look(struct photo *p, struct photo_job *job)
{
    (void)p;
    (void)job;
}

/* ------------------------------------------------------------- the server --- */

static void make_database(const char *path)
{
    static uint8_t bytes[1 << 20];
    struct sqlite3 *db = NULL;
    FILE *from = fopen("tests/data/faced-schema-1.db", "rb"), *to = fopen(path, "wb");
    HOLDS(from && to);
    size_t n = fread(bytes, 1, sizeof(bytes), from);
    HOLDS(fwrite(bytes, 1, n, to) == n);
    (void)fclose(from);
    (void)fclose(to);
    HOLDS(dbfile_open(path, &db, NULL) == 0);
    sqlite3_close(db);
}

/* A port that nobody has just now. */
static void find_port(struct sockaddr_in *at)
{
    socklen_t size = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    HOLDS(fd >= 0 && bind(fd, (struct sockaddr *)at, sizeof(*at)) == 0);
    HOLDS(getsockname(fd, (struct sockaddr *)at, &size) == 0);
    close(fd);
}

static void serve(struct sockaddr_in *at, const char *camera, const char *password_file)
{
    static struct live *live;
    const char *dir = take_folder();
    char text[1024], file[64];
    struct conf *conf = NULL;
    struct err e = {0};
    find_port(at);
    (void)snprintf(text, sizeof(text),
            "node = \"%s\"; database: { path = \"%s/faced.db\"; }; http: { listen = "
            "\"127.0.0.1:%d\"; photo = false; password_file = \"%s/%s\"; }; "
            "cameras: ({ name = \"%s\"; url = \"clip.mp4\"; });",
            camera, dir, ntohs(at->sin_port), dir, password_file, camera);
    struct input in = {(const uint8_t *)text, strlen(text)};
    int fd = take_file(&in, file);
    if (conf_load(file, 0, &conf, &e) < 0)
        fprintf(stderr, "%s\n", e.text);
    HOLDS(conf);
    close(fd);
    if (!live)
        live = live_new();
    view = live_links(live);
    struct web_links links = {live, news_new(conf->database.path)};
    struct web *web = web_open(conf, &links, NULL, &e);
    if (!web)
        fprintf(stderr, "%s\n", e.text);
    HOLDS(web);
    (void)snprintf(text, sizeof(text),
            "{\"version\":\"1\",\"cameras\":{\"%s\":{\"state\":\"streaming\"}}}", camera);
    web_status(web, strdup(text));
}

static void begin(void)
{
    static uint8_t bgr[96 * 64 * 3];
    char path[96];
    struct err e = {0};
    log_open(LEVEL_NONE);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(path, sizeof(path), "%s/faced.db", take_folder());
    make_database(path);
    (void)snprintf(path, sizeof(path), "%s/password", take_folder());
    HOLDS(passwd_set(path, PASSWORD, &e) == 0);
    picture = frame_from_bgr(bgr, 96, 64);
    serve(&open_at, "door", "none");
    serve(&locked_at, HIDDEN, "password");
}

/* Sends it, and how much came back of the answer's beginning. A stream of news never ends. */
static size_t ask(
        const struct sockaddr_in *at, const void *data, size_t size, char *ret, size_t room)
{
    static char more[1 << 16];
    struct timeval patience = {0, 20000};
    struct linger none = {1, 0}; /* a port for each request would soon be used up */
    size_t got = 0;
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    HOLDS(fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    (void)!send(fd, data, size, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    while ((n = recv(fd, got < room ? ret + got : more, got < room ? room - got : sizeof(more),
                    0)) > 0)
        got += got < room ? (size_t)n : 0;
    close(fd);
    return got;
}

/* The cookie of somebody who has the password, with its name. */
static void log_in(char *ret, size_t room)
{
    static const char request[] =
            "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 29\r\n\r\n{\"password\":\"" PASSWORD "\"}";
    char answer[1024];
    size_t got = ask(&locked_at, request, sizeof(request) - 1, answer, sizeof(answer) - 1);
    answer[got] = '\0';
    const char *cookie = strstr(answer, "Set-Cookie: ");
    HOLDS(!got || cookie);
    (void)snprintf(ret, room, "%.*s", cookie ? (int)strcspn(cookie + 12, ";") : 0,
            cookie ? cookie + 12 : "");
}

/* What a browser makes of it. */
static size_t compose(struct input *in, const char *cookie, char *to, size_t room)
{
    char *line = take_text(in, '\n');
    int n = snprintf(to, room, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s%s", line,
            cookie ? "Cookie: " : "", cookie ? cookie : "", cookie ? "\r\n" : "");
    free(line);
    size_t used = n > 0 && (size_t)n < room ? (size_t)n : 0;
    for (int i = 0; i < 16 && used > 0 && in->left > 0; i++) {
        line = take_text(in, '\n');
        bool last = !*line;
        n = last ? 0 : snprintf(to + used, room - used, "%s\r\n", line);
        used = n >= 0 && (size_t)n < room - used ? used + (size_t)n : 0;
        free(line);
        if (last)
            break;
    }
    if (used == 0 || used + in->left + 64 > room)
        return 0;
    used += (size_t)snprintf(to + used, room - used, "Content-Length: %zu\r\n\r\n", in->left);
    size_t body = in->left;
    take(in, to + used, body);
    return used + body;
}

static void look(void)
{
    static const struct portrait somebody = {.box = {10, 10, 20, 20}, .person = true};
    view.seen(view.arg, "door", picture, &somebody, 1);
    view.seen(view.arg, HIDDEN, picture, &somebody, 1);
}

static void is_hidden(const char *answer, size_t got, const void *request, size_t n)
{
    /* An answer may repeat what was asked. */
    if (!memmem(request, n, HIDDEN, strlen(HIDDEN)) && !memmem(request, n, PASSWORD, 4))
        HOLDS(!memmem(answer, got, HIDDEN, strlen(HIDDEN)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char request[16384], answer[65536];
    static const char again[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    static unsigned times;
    struct input in = {data, size};
    char cookie[128];
    if (!open_at.sin_family)
        begin();
    uint8_t how = take_byte(&in);
    const struct sockaddr_in *at = how & 2 ? &locked_at : &open_at;
    bool known = how & 2 && how & 4 && !(how & 1);
    const void *what = in.data;
    size_t n = in.left;
    if (known)
        log_in(cookie, sizeof(cookie));
    look();
    if (!(how & 1)) {
        n = compose(&in, known ? cookie : NULL, request, sizeof(request));
        what = request;
    }
    size_t got = ask(at, what, n, answer, sizeof(answer));
    if (got >= 7)
        HOLDS(memcmp(answer, "HTTP/1.", 7) == 0);
    if (how & 2 && !known)
        is_hidden(answer, got, what, n);
    if (times++ % 64 == 0) {
        got = ask(at, again, sizeof(again) - 1, answer, sizeof(answer));
        HOLDS(got < 12 || memcmp(answer + 8, " 200", 4) == 0);
    }
    return 0;
}
