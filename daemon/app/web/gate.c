#include "app/web/gate.h"

#include "app/passwd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/secret.h"
#include "conf/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define SESSIONS    64
#define IDLE_US     (12 * 3600 * MONO_SECOND)     /* unused for so long a session ends, */
#define AGE_US      (7 * 24 * 3600 * MONO_SECOND) /* and after so long anyway */
#define STRANGERS   256
#define TRIES       5
#define WAIT_US     (30 * MONO_SECOND)
#define WAIT_MAX_US (900 * MONO_SECOND)

struct session {
    char token[GATE_TOKEN]; /* "": free */
    int64_t born_us, used_us;
};

/* Somebody who was wrong. */
struct stranger {
    char address[64]; /* "": free */
    int failures;
    int64_t latest_us, until_us;
};

struct gate {
    /* set at birth */
    const struct conf *conf;
    bool public;
    uint8_t key[SECRET_DIGEST];

    pthread_mutex_t lock; /* a leaf */
    /* protected by lock */
    struct stat file; /* of the password, as it was when the sessions began */
    bool there;
    bool known; /* `good` holds */
    uint8_t good[SECRET_DIGEST];
    struct session sessions[SESSIONS];
    struct stranger strangers[STRANGERS];
};

struct gate *gate_new(const struct conf *conf)
{
    struct gate *g = mem_new(1, sizeof(*g));
    char host[ADDRESS_TEXT] = "";
    g->conf = conf;
    g->public =
            address_listen(conf->http.listen, host, NULL, NULL) < 0 || !address_is_loopback(host);
    secret_random(g->key, sizeof(g->key));
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void gate_free(struct gate *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    explicit_bzero(g, sizeof(*g));
    free(g);
}

/* ------------------------------------------------------------- by which name, from where --- */

static bool is_one_of(const char *list, const char *name, size_t n)
{
    for (const char *at = list; at && *at;) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ", ");
        if (length == n && n > 0 && strncasecmp(at, name, n) == 0)
            return true;
        at += length;
    }
    return false;
}

/* The name in "name:port" or "[::1]:port", without them. */
static const char *name_in(const char *host, size_t *ret_n)
{
    if (host[0] == '[') {
        *ret_n = strcspn(host + 1, "]");
        return host + 1;
    }
    *ret_n = strcspn(host, ":");
    return host;
}

bool gate_knows_host(const struct gate *g, const char *host)
{
    char text[ADDRESS_TEXT];
    unsigned char bytes[sizeof(struct in6_addr)];
    size_t n;
    if (!host)
        return false;
    const char *name = name_in(host, &n);
    if (is_one_of("localhost", name, n) || is_one_of(g->conf->http.names, name, n))
        return true;
    if (n == 0 || n >= sizeof(text))
        return false;
    memcpy(text, name, n);
    text[n] = '\0';
    /* an address is nobody's name */
    return inet_pton(host[0] == '[' ? AF_INET6 : AF_INET, text, bytes) == 1;
}

bool gate_is_own_page(
        const struct gate *g, const char *origin, const char *fetch_site, const char *host)
{
    if (fetch_site && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
        return false;
    if (!origin)
        return true;
    const char *at = strstr(origin, "://");
    size_t n;
    if (!at || !host)
        return false;
    if (strcasecmp(at + 3, host) == 0)
        return true;
    /* behind a proxy the browser calls us by one of our names, and the proxy by an address */
    const char *name = name_in(at + 3, &n);
    return is_one_of(g->conf->http.names, name, n);
}

/* ------------------------------------------------------------- the password --- */

/* Under the lock. When the password is another one, everybody has to show it anew. */
static void look_at_file(struct gate *g)
{
    struct stat now = {0};
    bool there = stat(g->conf->http.password_file, &now) == 0 || errno != ENOENT;
    bool same = there == g->there && now.st_ino == g->file.st_ino &&
                now.st_mtim.tv_sec == g->file.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == g->file.st_mtim.tv_nsec;
    if (same)
        return;
    g->there = there;
    g->file = now;
    g->known = false;
    explicit_bzero(g->sessions, sizeof(g->sessions));
}

bool gate_is_locked(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    look_at_file(g);
    bool locked = g->public || g->there;
    pthread_mutex_unlock(&g->lock);
    return locked;
}

/* Under the lock: his place, else the one that has been quiet for the longest time. */
static struct stranger *stranger(struct gate *g, const char *address)
{
    struct stranger *oldest = &g->strangers[0];
    for (int i = 0; i < STRANGERS; i++) {
        struct stranger *s = &g->strangers[i];
        if (strcmp(s->address, address) == 0)
            return s;
        if (s->latest_us < oldest->latest_us)
            oldest = s;
    }
    *oldest = (struct stranger){0};
    (void)snprintf(oldest->address, sizeof(oldest->address), "%s", address);
    return oldest;
}

/* An attempt counts as wrong until it was right: many at the same time are many. */
static bool may_try(struct gate *g, const char *address, int *ret_wait_s)
{
    int64_t now = mono_us();
    struct stranger *s = stranger(g, address);
    if (s->until_us > now) {
        *ret_wait_s = (int)((s->until_us - now) / MONO_SECOND) + 1;
        return false;
    }
    s->latest_us = now;
    if (++s->failures >= TRIES) {
        int64_t wait = WAIT_US << (s->failures - TRIES < 8 ? s->failures - TRIES : 8);
        s->until_us = now + (wait < WAIT_MAX_US ? wait : WAIT_MAX_US);
    }
    return true;
}

static enum gate_answer compare(struct gate *g, const char *address, const char *password)
{
    struct err e = {0};
    int right = strlen(password) <= PASSWD_MAX
                        ? passwd_check(g->conf->http.password_file, password, &e)
                        : 0;
    if (right < 0)
        log_error("web", "nobody can log in: %s", e.text);
    else if (!right)
        log_warn("web", "a wrong password from %s", address);
    return right < 0 ? GATE_BROKEN : right ? GATE_OPEN : GATE_WRONG;
}

enum gate_answer gate_password(
        struct gate *g, const char *address, const char *password, int *ret_wait_s)
{
    uint8_t digest[SECRET_DIGEST];
    secret_digest(g->key, password, digest);
    pthread_mutex_lock(&g->lock);
    look_at_file(g);
    bool known = g->known && secret_equal(digest, g->good, sizeof(digest));
    bool may = known || may_try(g, address, ret_wait_s);
    pthread_mutex_unlock(&g->lock);
    if (!may)
        return GATE_WAIT;
    enum gate_answer answer = known ? GATE_OPEN : compare(g, address, password);
    if (answer == GATE_OPEN && !known) {
        pthread_mutex_lock(&g->lock);
        *stranger(g, address) = (struct stranger){0};
        memcpy(g->good, digest, sizeof(digest));
        g->known = true;
        pthread_mutex_unlock(&g->lock);
    }
    return answer;
}

/* ------------------------------------------------------------- sessions --- */

static bool is_over(const struct session *s, int64_t now)
{
    return !s->token[0] || now - s->used_us > IDLE_US || now - s->born_us > AGE_US;
}

static void begin(struct gate *g, char ret_token[GATE_TOKEN])
{
    uint8_t random[GATE_TOKEN / 2];
    secret_random(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(ret_token + 2 * i, 3, "%02x", random[i]);
    int64_t now = mono_us();
    pthread_mutex_lock(&g->lock);
    struct session *place = &g->sessions[0];
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &g->sessions[i];
        if (is_over(s, now) || s->used_us < place->used_us)
            place = s;
        if (is_over(s, now))
            break;
    }
    place->born_us = place->used_us = now;
    memcpy(place->token, ret_token, GATE_TOKEN);
    pthread_mutex_unlock(&g->lock);
}

enum gate_answer gate_login(struct gate *g, const char *address, const char *password,
        char ret_token[GATE_TOKEN], int *ret_wait_s)
{
    enum gate_answer answer = gate_password(g, address, password, ret_wait_s);
    if (answer == GATE_OPEN)
        begin(g, ret_token);
    return answer;
}

/* Under the lock. Every one is compared, so that time tells nothing. */
static struct session *find(struct gate *g, const char *token)
{
    struct session *found = NULL;
    if (!token || strlen(token) != GATE_TOKEN - 1)
        return NULL;
    for (int i = 0; i < SESSIONS; i++) {
        if (secret_equal(g->sessions[i].token, token, GATE_TOKEN))
            found = &g->sessions[i];
    }
    return found && !is_over(found, mono_us()) ? found : NULL;
}

bool gate_knows_session(struct gate *g, const char *token)
{
    pthread_mutex_lock(&g->lock);
    look_at_file(g);
    struct session *s = find(g, token);
    if (s)
        s->used_us = mono_us();
    pthread_mutex_unlock(&g->lock);
    return s != NULL;
}

void gate_logout(struct gate *g, const char *token)
{
    pthread_mutex_lock(&g->lock);
    struct session *s = find(g, token);
    if (s)
        explicit_bzero(s, sizeof(*s));
    pthread_mutex_unlock(&g->lock);
}
