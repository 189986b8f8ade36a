/* systemd takes the caller's file and line as fields unless told that we give our own. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "base/log.h"

#include "base/mono.h"
#include "base/redact.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define LINE         1024
#define FIRST_STEP   (60 * MONO_SECOND)
#define LONGEST_STEP (3600 * MONO_SECOND)

/* set by log_open(), before the first thread */
static enum log_level level = LEVEL_INFO;
static bool to_journal;
static void (*diverted)(void *arg, enum log_level level, const char *topic, const char *line);
static void *diverted_arg;
static char topics[256]; /* ",source:debug,bus:info," or "" */

static _Thread_local const char *camera;

static const char *const names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {3, 4, 6, 7}; /* syslog's */

/* JOURNAL_STREAM holds device:inode of the stream that systemd gave us as standard error. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM"); // NOLINT(concurrency-mt-unsafe): main only
    struct stat st;
    unsigned long long dev, ino;
    return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && fstat(2, &st) == 0 &&
           st.st_dev == dev && st.st_ino == ino;
}

static int level_named(const char *name, size_t n)
{
    for (int i = 0; i <= LEVEL_DEBUG; i++) {
        if (strncmp(names[i], name, n) == 0 && n > 0)
            return i;
    }
    return -1;
}

/* A database that got number 2 would be written to by whoever complains. */
static void occupy_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void log_open(enum log_level shown)
{
    occupy_standard_descriptors();
    level = shown;
    to_journal = is_journal();
    const char *wish = getenv("FACED_LOG"); // NOLINT(concurrency-mt-unsafe): before any thread
    if (!wish)
        return;
    int all = level_named(wish, strlen(wish));
    if (all >= 0)
        level = (enum log_level)all;
    else
        (void)snprintf(topics, sizeof(topics), ",%s,", wish);
}

static bool shown(enum log_level l, const char *topic)
{
    char key[64];
    (void)snprintf(key, sizeof(key), ",%s:", topic);
    const char *at = topics[0] ? strstr(topics, key) : NULL;
    if (at) {
        at += strlen(key);
        int own = level_named(at, strcspn(at, ","));
        if (own >= 0)
            return (int)l <= own;
    }
    return l <= level;
}

static void say(enum log_level l, const char *topic, const char *fmt, va_list ap)
{
    if (!shown(l, topic))
        return;
    char raw[LINE], line[LINE];
    int length = vsnprintf(raw, sizeof(raw), fmt, ap);
    if (length < (int)sizeof(raw))
        redact_text(line, sizeof(line), raw);
    else
        redact_cut(line, sizeof(line), raw);
    /* What a camera or a library says must not begin a line of its own, nor move the cursor. */
    for (char *p = line; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    }
    if (diverted) {
        diverted(diverted_arg, l, topic, line);
        return;
    }
    const char *who = camera ? camera : "";
    const char *colon = camera ? ": " : "";
    if (to_journal) {
        sd_journal_send("MESSAGE=%s%s%s", who, colon, line, "PRIORITY=%d", priorities[l],
                "FACED_TOPIC=%s", topic, "FACED_CAMERA=%s", who, NULL);
        return;
    }
    /* One write for one line, so that threads do not cut into each other's. */
    char whole[LINE + 128];
    int n = snprintf(whole, sizeof(whole), "%s %s: %s%s%s\n", names[l], topic, who, colon, line);
    if (n > 0)
        (void)!write(
                STDERR_FILENO, whole, (size_t)n < sizeof(whole) ? (size_t)n : sizeof(whole) - 1);
}

void log_document(const char *topic, const char *text)
{
    if (!shown(LEVEL_INFO, topic))
        return;
    if (to_journal)
        sd_journal_send("MESSAGE=%s", text, "PRIORITY=6", "FACED_TOPIC=%s", topic, NULL);
    else
        dprintf(STDERR_FILENO, "info %s: %s\n", topic, text);
}

void log_divert(
        void (*to)(void *arg, enum log_level level, const char *topic, const char *line), void *arg)
{
    diverted = to;
    diverted_arg = arg;
}

void log_camera(const char *name)
{
    camera = name;
}

#define DEFINE(function, l)                                                                        \
    void function(const char *topic, const char *fmt, ...)                                         \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, fmt);                                                                         \
        say(l, topic, fmt, ap);                                                                    \
        va_end(ap);                                                                                \
    }
DEFINE(log_error, LEVEL_ERROR)
DEFINE(log_warn, LEVEL_WARN)
DEFINE(log_info, LEVEL_INFO)
DEFINE(log_debug, LEVEL_DEBUG)

int log_due(struct log_limit *l, int64_t mono_us)
{
    if (l->step_us && mono_us < l->next_us) {
        l->pending++;
        return 0;
    }
    l->step_us = l->step_us ? l->step_us * 2 : FIRST_STEP;
    if (l->step_us > LONGEST_STEP)
        l->step_us = LONGEST_STEP;
    l->next_us = mono_us + l->step_us;
    l->held_back = l->pending;
    l->pending = 0;
    return 1;
}

int log_over(struct log_limit *l)
{
    int was = l->step_us != 0;
    *l = (struct log_limit){0};
    return was;
}
