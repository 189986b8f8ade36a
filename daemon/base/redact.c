#include "base/redact.h"

#include "base/mem.h"
#include "base/url.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHORTEST 3

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* a leaf */
/* protected by lock; longest first, so that a secret within a secret leaves no rest */
static char **secrets;
static size_t count;

static void insert(const char *s)
{
    size_t len = strlen(s), at = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(secrets[i], s) == 0)
            return;
        if (strlen(secrets[i]) >= len)
            at = i + 1;
    }
    secrets = mem_grow(secrets, count + 1, sizeof(*secrets));
    memmove(secrets + at + 1, secrets + at, (count - at) * sizeof(*secrets));
    secrets[at] = mem_strdup(s);
    count++;
}

void redact_add(const char *secret)
{
    if (strlen(secret) < SHORTEST)
        return;
    char *encoded = url_encode(secret);
    pthread_rwlock_wrlock(&lock);
    insert(secret);
    insert(encoded);
    pthread_rwlock_unlock(&lock);
    explicit_bzero(encoded, strlen(encoded));
    free(encoded);
}

void redact_clear(void)
{
    pthread_rwlock_wrlock(&lock);
    for (size_t i = 0; i < count; i++) {
        explicit_bzero(secrets[i], strlen(secrets[i]));
        free(secrets[i]);
    }
    free(secrets);
    secrets = NULL;
    count = 0;
    pthread_rwlock_unlock(&lock);
}

/* How many characters at text are a known secret, or the end of the text and the beginning of a
 * secret that was cut off there, at least `least` of it. */
static size_t secret_at(const char *text, size_t least)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        while (secrets[i][n] && text[n] == secrets[i][n])
            n++;
        if (!secrets[i][n] || (!text[n] && n >= least))
            return n;
    }
    return 0;
}

/* Is [p, end) all digits, and so rather a port than a password? */
static bool is_port(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p == end;
}

/*
 * At the "://" of a URL: where its password begins and how long it is, 0 when it has none. The
 * last '@' counts, also one behind a '/', so that a password with a raw '@' or '/' in it does not
 * show its second half; and a text that ends before any '@' may have been cut in the password.
 */
static size_t password_after(const char *sep, const char **ret_start)
{
    const char *user = sep + 3;
    /* '[' begins an IPv6 address; before a user's name it cannot stand */
    const char *colon = user + strcspn(user, ":@/?#[]\"<> \t\r\n");
    if (*colon != ':')
        return 0;
    const char *start = colon + 1, *at = NULL, *p = start;
    for (; *p && !strchr("\"<> \t\r\n", *p) && strncmp(p, "://", 3) != 0; p++) {
        if (*p == '@')
            at = p;
    }
    const char *host_end = start + strcspn(start, "/?#");
    if (!at && !*p && host_end >= p && !is_port(start, p))
        at = p;
    if (!at)
        return 0;
    *ret_start = start;
    return (size_t)(at - start);
}

/*
 * At a '=' in a URL: where the value ends when its name says that it is a password, as in
 * "?user=a&pwd=b" or "/user=a_password=b_channel=1"; else p. Rather too much than too little.
 */
static const char *value_to(const char *text, const char *p)
{
    static const char *const names[] = {
            "password", "passwd", "pass", "pwd", "pw", "token", "secret"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i]);
        if ((size_t)(p - text) > n && strncasecmp(p - n, names[i], n) == 0 &&
                strchr("?&;/_", p[-(ptrdiff_t)n - 1]))
            return p + 1 + strcspn(p + 1, "&/?# \t\r\n\"<>");
    }
    return p;
}

/* How much of the text from p on is hidden, seen from p alone. */
static const char *hidden_to(
        const char *text, const char *p, const char *password, size_t password_n, size_t least)
{
    const char *end = p + secret_at(p, least);
    if (p > text && p[-1] == '=' && value_to(text, p - 1) > end)
        end = value_to(text, p - 1);
    return p == password && password + password_n > end ? password + password_n : end;
}

static void redact(char *dst, size_t size, const char *text, size_t least)
{
    if (size == 0)
        return;
    char *out = dst, *end = dst + size - 1;
    const char *password = NULL; /* a URL's, that lies ahead */
    size_t password_n = 0;
    const char *until = text; /* hidden up to here; two secrets may overlap */

    pthread_rwlock_rdlock(&lock);
    for (const char *p = text; *p && out < end; p++) {
        if (strncmp(p, "://", 3) == 0)
            password_n = password_after(p, &password);
        const char *to = hidden_to(text, p, password_n ? password : NULL, password_n, least);
        if (to > p && to > until) {
            for (int i = 0; i < 3 && out < end && until <= p; i++)
                *out++ = '*';
            until = to;
        }
        if (p >= until)
            *out++ = *p;
    }
    pthread_rwlock_unlock(&lock);
    *out = '\0';
}

void redact_text(char *dst, size_t size, const char *text)
{
    redact(dst, size, text, SHORTEST);
}

void redact_cut(char *dst, size_t size, const char *text)
{
    redact(dst, size, text, 1);
}
