/* needs: base/url base/redact base/mem */
/*
 * URLs and redaction. Three texts, a newline between them: a secret, a password, and a line of a
 * log in which anything stands.
 */
#include "base/redact.h"
#include "base/url.h"
#include "fuzz.h"

static void parse(const char *text)
{
    char scheme[16], host[64];
    const char *login;
    size_t n = 0;
    int port = -1;
    if (url_scheme(text, scheme, sizeof(scheme)))
        HOLDS(*scheme && strlen(scheme) < sizeof(scheme));
    else
        HOLDS(!*scheme);
    if (url_host(text, host, sizeof(host), &port))
        HOLDS(*host && strlen(host) < sizeof(host) && port >= 0 && port <= 65535);
    if (url_login(text, &login, &n))
        HOLDS(login >= text && login + n <= text + strlen(text) && login[n] == '@');
    char *plain = url_decode(text, strlen(text));
    free(plain);
    char *encoded = url_encode(text);
    plain = url_decode(encoded, strlen(encoded));
    HOLDS(plain && strcmp(plain, text) == 0);
    free(plain);
    free(encoded);
}

/* The password of a URL never leaves, known as a secret or not. */
static void password_is_hidden(const char *password)
{
    char *encoded = url_encode(password);
    size_t size = strlen(encoded) + 64;
    char *url = malloc(size), *shown = malloc(size);
    HOLDS(url && shown);
    (void)snprintf(url, size, "rtsp://u:%s@h/x", encoded);
    redact_text(shown, size, url);
    HOLDS(strcmp(shown, "rtsp://u:***@h/x") == 0);
    free(shown);
    free(url);
    free(encoded);
}

/* Nor does a secret that is known, wherever it stands. A star in it could be one of ours. */
static void secret_is_hidden(const char *secret, const char *text)
{
    size_t n = strlen(secret), size = strlen(text) * 3 + 64;
    char *shown = malloc(size);
    HOLDS(shown);
    redact_add(secret);
    redact_text(shown, size, text);
    HOLDS(strlen(shown) < size);
    if (n >= 3 && !strchr(secret, '*')) {
        char *encoded = url_encode(secret);
        HOLDS(!strstr(shown, secret));
        HOLDS(!strstr(shown, encoded));
        free(encoded);
    }
    redact_cut(shown, size, text);
    HOLDS(strlen(shown) < size);
    free(shown);
    char small[9];
    redact_text(small, sizeof(small), text);
    HOLDS(strlen(small) < sizeof(small));
    redact_cut(small, sizeof(small), text);
    HOLDS(strlen(small) < sizeof(small));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    char *secret = take_text(&in, '\n');
    char *password = take_text(&in, '\n');
    char *text = take_text(&in, '\0');
    parse(text);
    redact_clear();
    if (*password)
        password_is_hidden(password);
    secret_is_hidden(secret, text);
    redact_clear();
    free(text);
    free(password);
    free(secret);
    return 0;
}
