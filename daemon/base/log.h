#pragma once

#include <stdint.h>

/*
 * Lines for the operator: to the journal with fields when we run under it, else to standard error.
 *
 * A line has a level, a topic (the room that speaks) and, on a camera's thread, the camera's
 * name. Every line is redacted. Levels say how often: error and warning want somebody's hand,
 * info is seldom, debug never comes once per frame. FACED_LOG="debug" or "source:debug,bus:info"
 * changes what is shown.
 *
 * Threads: all functions may be called from any thread.
 */
enum log_level {
    LEVEL_NONE = -1, /* to log_open() only: whoever calls tells all himself */
    LEVEL_ERROR = 0,
    LEVEL_WARN,
    LEVEL_INFO,
    LEVEL_DEBUG,
};

/* Reads FACED_LOG and finds out where to write. Standard descriptors that are closed lead nowhere
 * from then on. Before it is called all goes to standard error. */
void log_open(enum log_level shown);

/* From now on all lines, redacted, go to this function instead, on the thread that speaks; for a
 * process that may write to nobody but the one that started it. Before the first thread. */
void log_divert(void (*to)(void *arg, enum log_level level, const char *topic, const char *line),
        void *arg);

/* From now on the lines of the calling thread carry this camera's name; NULL: none. The pointer
 * is kept. */
void log_camera(const char *name);

void log_error(const char *topic, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *topic, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *topic, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *topic, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line as long as it needs to be, for a document that its maker has redacted; level info. */
void log_document(const char *topic, const char *text);

/*
 * The same complaint at growing intervals: at once, then not before a minute, two, four ... up
 * to an hour have passed. Zeroed at birth; owned by one thread.
 *
 *     if (log_due(&b->refused, mono_us()))
 *         log_warn("bus", "... (%u times since I last said so)", b->refused.held_back);
 */
struct log_limit {
    int64_t next_us;
    int64_t step_us;
    unsigned held_back; /* times not said before this one */
    unsigned pending;
};
int log_due(struct log_limit *l, int64_t mono_us);

/* It is over. True when it had been complained of, so that one line may say so. */
int log_over(struct log_limit *l);
