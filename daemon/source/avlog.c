#include "source/avlog.h"

#include "base/log.h"
#include "base/mono.h"
#include "source/source.h"

#include <libavutil/log.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TOPIC  "source"
#define REPEAT (10 * MONO_SECOND)

/*
 * The beginnings of libav 5.1's own format strings. "Frame num gap" is also said, as a debug line,
 * of streams that declare such gaps as normal; hence the level.
 */
static const struct {
    const char *start;
    int level; /* counts when said at this level or a graver one */
} damage_signs[] = {
        {"RTP: missed", AV_LOG_WARNING},
        {"jitter buffer full", AV_LOG_WARNING},
        {"Could not find ref", AV_LOG_ERROR},
        {"Error constructing the frame RPS", AV_LOG_ERROR},
        {"Frame num gap", AV_LOG_ERROR},
        {"concealing ", AV_LOG_INFO},
        {"error while decoding MB", AV_LOG_ERROR},
        {"Missing reference", AV_LOG_ERROR},
        {"reference picture missing", AV_LOG_ERROR},
        {"mmco: unref short failure", AV_LOG_ERROR},
        {"Previous slice segment missing", AV_LOG_ERROR},
        {"Independent slice segment missing", AV_LOG_ERROR},
        {"First slice in a frame missing", AV_LOG_ERROR},
        {"non-existing PPS", AV_LOG_ERROR},
        {"PPS id out of range", AV_LOG_ERROR},
        {"Invalid NAL unit size", AV_LOG_ERROR},
        {"no frame!", AV_LOG_ERROR},
        {"error count: ", AV_LOG_ERROR}, /* these three: MJPEG */
        {"error y=", AV_LOG_ERROR},
        {"mjpeg_decode_dc: bad vlc", AV_LOG_WARNING},
};

static _Thread_local struct {
    bool damage, too_large, unresolved;
    char complaint[200];
    const char *last_fmt; /* of the last line passed on, to count its repeats */
    int64_t last_us;
    unsigned repeats;
} here;

static void look(int level, const char *fmt)
{
    for (size_t i = 0; i < sizeof(damage_signs) / sizeof(damage_signs[0]); i++) {
        const char *start = damage_signs[i].start;
        if (level <= damage_signs[i].level && strncmp(fmt, start, strlen(start)) == 0)
            here.damage = true;
    }
    if (strstr(fmt, "exceeds specified max pixel count"))
        here.too_large = true;
    if (strncmp(fmt, "Failed to resolve hostname", 26) == 0)
        here.unresolved = true;
}

static void pass_on(void *object, int level, const char *fmt, va_list ap)
{
    char text[512];
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    text[strcspn(text, "\r\n")] = '\0';
    if (!text[0])
        return;
    if (level <= AV_LOG_ERROR)
        (void)snprintf(here.complaint, sizeof(here.complaint), "%.199s", text);
    int64_t now = mono_us();
    if (fmt == here.last_fmt && now - here.last_us < REPEAT) {
        here.repeats++;
        return;
    }
    if (here.repeats)
        log_debug(TOPIC, "libav repeated its last line %u times", here.repeats);
    here.repeats = 0;
    here.last_fmt = fmt;
    here.last_us = now;
    const AVClass *class = object ? *(const AVClass *const *)object : NULL;
    const char *who = class && class->item_name ? class->item_name(object) : "libav";
    if (level <= AV_LOG_FATAL)
        log_warn(TOPIC, "%s: %s", who, text);
    else
        log_debug(TOPIC, "%s: %s", who, text);
}

static void on_line(void *object, int level, const char *fmt, va_list ap)
{
    if (level > AV_LOG_INFO)
        return;
    look(level, fmt);
    if (level <= AV_LOG_WARNING)
        pass_on(object, level, fmt, ap);
}

void source_log_init(void)
{
    av_log_set_callback(on_line);
}

bool avlog_take_damage(void)
{
    bool was = here.damage;
    here.damage = false;
    return was;
}

bool avlog_take_too_large(void)
{
    bool was = here.too_large;
    here.too_large = false;
    return was;
}

const char *avlog_complaint(void)
{
    return here.complaint;
}

bool avlog_unresolved(void)
{
    return here.unresolved;
}

void avlog_forget(void)
{
    here.damage = here.too_large = here.unresolved = false;
    here.complaint[0] = '\0';
}
