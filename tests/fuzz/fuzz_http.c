/* needs: app/web/web app/web/door app/web/gate app/web/reply app/web/routes app/web/api app/web/questions app/web/live app/web/news app/web/metrics app/audience app/rows app/passwd store/reader store/sums store/dbfile store/schema store/sql picture/annotate picture/canvas picture/caption picture/encode picture/layout conf/load conf/value conf/schema conf/address conf/area conf/expand conf/text flow/age flow/box flow/event flow/face flow/frame flow/scale flow/polygon base/err base/log base/mem base/mono base/redact base/secret base/sha256 base/thread base/url base/utf8 base/uuid base/when */
/*
 * Requests to the real web server, over loopback, with a database behind it and without models.
 * After a first byte that is odd the rest is sent as it is; after an even one the first line is
 * method and path, lines up to an empty one are headers, and what follows is the body.
 *
 * Whatever is sent, what comes back is an answer of HTTP/1.x or nothing, and the server goes on:
 * the next request is answered, which every 64th time is asked.
 */
#include "app/web/live.h"
#include "app/web/news.h"
#include "app/web/photo.h"
#include "app/web/web.h"
#include "base/log.h"
#include "conf/load.h"
#include "fuzz.h"
#include "store/dbfile.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>

static struct sockaddr_in at;

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
static void find_port(void)
{
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    HOLDS(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    HOLDS(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    close(fd);
}

static void begin(void)
{
    static char path[96], text[1024];
    const char *dir = take_folder();
    struct conf *conf = NULL;
    struct err e = {0};
    log_open(LEVEL_NONE);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(path, sizeof(path), "%s/faced.db", dir);
    make_database(path);
    find_port();
    (void)snprintf(text, sizeof(text),
            "database: { path = \"%s\"; }; http: { listen = \"127.0.0.1:%d\"; photo = false; "
            "password_file = \"%s/none\"; }; cameras: ({ name = \"door\"; url = \"clip.mp4\"; });",
            path, ntohs(at.sin_port), dir);
    struct input in = {(const uint8_t *)text, strlen(text)};
    char file[64];
    int fd = take_file(&in, file);
    if (conf_load(file, 0, &conf, &e) < 0)
        fprintf(stderr, "%s\n", e.text);
    HOLDS(conf);
    close(fd);
    struct web_links links = {live_new(), news_new(conf->database.path)};
    struct web *web = web_open(conf, &links, NULL, &e);
    if (!web)
        fprintf(stderr, "%s\n", e.text);
    HOLDS(web);
    char *status = strdup("{\"version\":\"1\",\"cameras\":{\"door\":{\"state\":\"streaming\"}}}");
    web_status(web, status);
}

/* Sends it, and how much came back of the answer's beginning. A stream of news never ends. */
static size_t ask(const void *data, size_t size, char *ret, size_t room)
{
    static char more[1 << 16];
    struct timeval patience = {0, 20000};
    struct linger none = {1, 0}; /* a port for each request would soon be used up */
    size_t got = 0;
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    HOLDS(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
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

/* What a browser makes of it. */
static size_t compose(struct input *in, char *to, size_t room)
{
    char *line = take_text(in, '\n');
    int n = snprintf(to, room, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n", line);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char request[16384], answer[64];
    static const char again[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    static unsigned times;
    struct input in = {data, size};
    if (!at.sin_family)
        begin();
    size_t got;
    if (take_byte(&in) & 1) {
        got = ask(in.data, in.left, answer, sizeof(answer));
    } else {
        size_t n = compose(&in, request, sizeof(request));
        got = ask(request, n, answer, sizeof(answer));
    }
    if (got >= 7)
        HOLDS(memcmp(answer, "HTTP/1.", 7) == 0);
    if (times++ % 64 == 0) {
        got = ask(again, sizeof(again) - 1, answer, sizeof(answer));
        HOLDS(got < 12 || memcmp(answer + 8, " 200", 4) == 0);
    }
    return 0;
}
