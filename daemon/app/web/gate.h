#pragma once

#include "flow/settings.h"

#include <stdbool.h>

/*
 * Who may come in to the web page: by which name it is called, from which page, and with which
 * password.
 *
 * A browser is not its user's alone: any site that he visits can make it send us requests. So a
 * request must name us by an address, localhost or a configured name (else a stranger's name could
 * be pointed at us: DNS rebinding), and what changes or costs something must come from our own page
 * (CSRF); the session's cookie is bound to it as well (SameSite=Strict).
 *
 * A password is asked for where one was set with `facectl passwd`, and always beyond loopback. Who
 * fails five times from one address waits, longer each time. When the password changes every
 * session ends. Sessions are in memory alone.
 *
 * Threads: any.
 */
struct gate;

/* conf is borrowed for its life. */
struct gate *gate_new(const struct conf *conf);
void gate_free(struct gate *g); /* NULL is fine */

/* The value of the header Host; NULL: none. */
bool gate_knows_host(const struct gate *g, const char *host);

/* The values of Origin and Sec-Fetch-Site; NULL: it has none, as a program's has not. */
bool gate_is_own_page(
        const struct gate *g, const char *origin, const char *fetch_site, const char *host);

/* Must he who comes show something? */
bool gate_is_locked(struct gate *g);

#define GATE_TOKEN 65 /* a session's, 64 hexadecimal digits */

enum gate_answer {
    GATE_OPEN,
    GATE_WRONG,
    GATE_WAIT,   /* too many were wrong */
    GATE_BROKEN, /* there is no password to compare with, or it cannot be read */
};

/* address: the client's. *ret_wait_s: with GATE_WAIT, how long. Takes a tenth of a second. */
enum gate_answer gate_login(struct gate *g, const char *address, const char *password,
        char ret_token[GATE_TOKEN], int *ret_wait_s);

/* For programs, which send the password with each request: the same, without a session; it takes
 * no time when it is the one that was right before. */
enum gate_answer gate_password(
        struct gate *g, const char *address, const char *password, int *ret_wait_s);

bool gate_knows_session(struct gate *g, const char *token); /* NULL is no session */
void gate_logout(struct gate *g, const char *token);
