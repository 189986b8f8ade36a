#pragma once

#include "base/err.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The control socket: how facectl asks the running daemon, which is the only writer.
 *
 * A Unix stream socket, mode 0660, so that its group may use it. A client writes one line of
 * JSON, {"command": "status"} with arguments beside it, gets one line of JSON back, and the
 * connection ends. An answer that takes its time comes later, behind lines of progress. It is
 * served from main's poll loop; no client can make it wait: what it cannot send at once it sends
 * when poll says so, and a client that is silent for too long is dropped.
 */
struct control;
struct json_t;

/*
 * Answers one command; the result is JSON on one line and is freed by control. request is all that
 * was asked, for its arguments, and is borrowed. NULL: the answer is given later to this token by
 * control_tell(). Called in control_serve(). Unknown commands get an {"error": "..."} from here as
 * well.
 */
typedef char *control_answer(
        void *arg, const char *command, const struct json_t *request, uint64_t token);

/* Makes the socket; one that a dead daemon left behind is replaced. NULL with the reason in e. */
struct control *control_open(const char *path, control_answer *answer, void *arg, struct err *e);
void control_close(struct control *c); /* removes the socket; NULL is fine */

/* Fills in what poll() must watch; how many. At most CONTROL_POLL_MAX. */
#define CONTROL_POLL_MAX 9
size_t control_poll(const struct control *c, struct pollfd *fds);

/* To be called after poll() with the same array. */
void control_serve(struct control *c, const struct pollfd *fds, size_t n);

/*
 * One line for the client who waits under this token: the last is the answer. A client who does
 * not read as fast as progress comes misses some of it; one who went away is no error.
 */
void control_tell(struct control *c, uint64_t token, const char *json, bool last);

/* The client's side: one command, its answer to be freed. 0; -ECONNREFUSED or -ENOENT: no daemon
 * is running; else another failure. Waits at most timeout_ms. */
int control_call(
        const char *path, const char *command, int timeout_ms, char **ret_answer, struct err *e);

/* The same with a request of one's own, JSON on one line, whose answer may take long: timeout_ms is
 * the longest silence. each() hears the lines before the answer. */
int control_ask(const char *path, const char *request, int timeout_ms,
        void (*each)(const char *line, void *arg), void *arg, char **ret_answer, struct err *e);
