#pragma once

#include <stddef.h>

/*
 * No password leaves the house.
 *
 * Every log line, status document and error passes through redact_text(), which takes out the
 * password of every URL in it, wherever that stands, and every secret that the configuration
 * named, as it is and percent-encoded. The list of secrets is the one piece of process-wide
 * state besides the log that uses it.
 *
 * Threads: secrets are added by main while a configuration is loaded; redact_text() may be
 * called from any thread at any time and neither allocates nor blocks for long.
 */

/* Remembers a secret for good. Those shorter than 3 characters are not searched for: they would
 * blacken ordinary words; they still disappear from URLs. Also remembers its encoded form. */
void redact_add(const char *secret);

/* Forgets all; for tests and the very end. Wipes them. */
void redact_clear(void);

/*
 * Writes text to dst with secrets and the password of every URL as "***". The user's name stays:
 * "rtsp://viewer:***@192.0.2.7/". Cuts what does not fit. dst may not be text.
 */
void redact_text(char *dst, size_t size, const char *text);

/*
 * The same for a text that is known to be cut at its end: whatever there could be the beginning
 * of a secret is hidden too. redact_text() hides it from its third character on, because a text
 * that it gets may have been cut by somebody else.
 */
void redact_cut(char *dst, size_t size, const char *text);
