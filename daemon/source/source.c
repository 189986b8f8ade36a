#include "source/source.h"

#include "base/mem.h"
#include "flow/frame.h"
#include "source/avlog.h"
#include "source/guard.h"
#include "source/local.h"
#include "source/origin.h"
#include "source/timeline.h"

#include <errno.h>
#include <libavformat/avformat.h>
#include <libavutil/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a stranger announces is not allocated at once. The largest picture allowed is below. */
#define MAX_ALLOC    (160 << 20)

#define EAGAIN_MS    10  /* a webcam that has no picture yet */
#define PACE_STEP_MS 500 /* the heartbeat moves while a paced file waits */
#define BAD_READS    16  /* unreadable places in a file that are skipped one after another */
#define RATE_WINDOW  32  /* packets over which a live rate is measured */

const struct source_limits source_limits_usual = {
        .open_ms = 10000, .info_ms = 10000, .read_ms = 10000, .close_ms = 500};

struct source {
    /* set at birth */
    const struct conf_camera *cam;
    struct source_limits limits;
    struct stop *stop;
    struct beat *beat;
    enum origin_kind kind;
    bool paced;
    AVFormatContext *format;
    AVIOContext *file; /* NULL: libav opens it itself */
    AVPacket *packet;
    int index;       /* of the video stream */
    AVStream *video; /* the same */
    enum AVCodecID codec_id;
    struct stream stream;
    /* owned by the camera's thread */
    struct guard guard;
    struct timeline due; /* for pacing: by the order of decoding */
    int64_t recent_us[RATE_WINDOW];
    uint64_t packets, bytes, last_key;
    int gop;
    bool torn_end;  /* a packet that came of nothing new may be torn */
    bool left_over; /* the latest packet was such a one */
};

static void beat_now(struct source *s, enum beat_state state)
{
    if (s->beat)
        beat_set(s->beat, state);
}

static bool is_network(const struct source *s)
{
    return s->kind != ORIGIN_FILE && s->kind != ORIGIN_WEBCAM;
}

/* libav asks before each wait. What the stream's flag says afterwards is news since then. */
static int on_wait(void *source)
{
    struct source *s = source;
    if (s->video)
        s->video->event_flags &= ~AVSTREAM_EVENT_FLAG_NEW_PACKETS;
    return guard_check(&s->guard);
}

/* Why did libav's call end? Our own flag first: the code is often another one. */
static enum source_fault fail(struct source *s, int averror, bool opening, struct err *e)
{
    struct fault_at at = {
            .shown = s->cam->url_shown,
            .averror = averror,
            .detail = avlog_complaint(),
            .network = is_network(s),
            .opening = opening,
    };
    enum source_fault fault = fault_of(averror);
    if (s->guard.ended == GUARD_STOPPED) {
        fault = SOURCE_STOPPED;
    } else if (s->guard.ended == GUARD_EXPIRED) {
        fault = SOURCE_TIMEOUT;
        at.timeout_ms = s->guard.timeout_ms;
    } else if (avlog_unresolved()) {
        fault = SOURCE_UNREACHABLE;
    } else if (fault == SOURCE_EOF || fault == SOURCE_STOPPED) {
        if (opening || s->stream.live || fault == SOURCE_STOPPED)
            fault = SOURCE_BROKEN; /* the other side hung up */
    }
    return fault_explain(fault, &at, e);
}

static AVDictionary *options_for(const struct source *s)
{
    AVDictionary *o = NULL;
    av_dict_set(&o, "protocol_whitelist", origin_protocols(s->kind, s->cam->transport), 0);
    if (s->kind == ORIGIN_RTSP || s->kind == ORIGIN_RTSPS) {
        /* RTSPS carries the video in its encrypted connection or not at all. */
        bool udp = s->kind == ORIGIN_RTSP && s->cam->transport == TRANSPORT_UDP;
        av_dict_set(&o, "rtsp_transport", udp ? "udp" : "tcp", 0);
        av_dict_set(&o, "allowed_media_types", "video", 0);
        /* Without a queue libav does not mention a packet that a camera left out. */
        if (!udp)
            av_dict_set(&o, "reorder_queue_size", "2", 0);
    }
    return o;
}

static int open_input(struct source *s)
{
    const AVInputFormat *demuxer = NULL;
    const char *url = s->cam->url;
    char *name = NULL;
    int r = 0;
    if (s->kind == ORIGIN_RTSP || s->kind == ORIGIN_RTSPS) {
        demuxer = av_find_input_format("rtsp");
    } else if (s->kind == ORIGIN_WEBCAM) {
        demuxer = av_find_input_format("video4linux2");
        url = origin_path(url);
    } else if (s->kind == ORIGIN_FILE) {
        /* A path may hold a colon, which libav would take for the end of a protocol's name. */
        s->file = local_open(origin_path(url), &r);
        if (!s->file)
            return r;
        url = name = mem_format("file:%s", origin_path(url));
    }
    s->format = mem_check(avformat_alloc_context());
    s->format->pb = s->file;
    s->format->interrupt_callback = (AVIOInterruptCB){on_wait, s};
    if (s->kind == ORIGIN_WEBCAM)
        s->format->flags |= AVFMT_FLAG_NONBLOCK; /* a driver's wait hears no callback */
    AVDictionary *options = options_for(s);
    guard_begin(&s->guard, s->stop, s->limits.open_ms);
    beat_now(s, origin_needs_resolver(s->cam->url) ? BEAT_RESOLVING : BEAT_WORKING);
    r = avformat_open_input(&s->format, url, demuxer, &options);
    beat_now(s, BEAT_WORKING);
    av_dict_free(&options);
    free(name);
    return r;
}

/* A session description names the codecs, and a decoder needs no more: so nothing of a short
 * stream is lost to probing, and the first picture comes at once. */
static bool says_enough(const AVFormatContext *f)
{
    for (unsigned i = 0; i < f->nb_streams; i++) {
        if (f->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
                f->streams[i]->codecpar->codec_id != AV_CODEC_ID_NONE)
            return true;
    }
    return false;
}

static int find_info(struct source *s)
{
    bool rtsp = s->kind == ORIGIN_RTSP || s->kind == ORIGIN_RTSPS;
    s->torn_end = rtsp && says_enough(s->format);
    if (s->torn_end)
        return 0;
    /* What is read here is kept and delivered later. */
    if (is_network(s)) {
        s->format->max_analyze_duration = 2 * AV_TIME_BASE;
        s->format->probesize = 1 << 20;
    }
    unsigned n = s->format->nb_streams;
    /* An array of pointers is what libav wants: NOLINTNEXTLINE(bugprone-sizeof-expression) */
    AVDictionary **options = mem_new(n + 1, sizeof(*options));
    for (unsigned i = 0; i < n; i++) {
        av_dict_set_int(&options[i], "max_pixels", FRAME_MAX_PIXELS, 0);
        av_dict_set_int(&options[i], "threads", 1, 0);
    }
    guard_begin(&s->guard, s->stop, s->limits.info_ms);
    int r = avformat_find_stream_info(s->format, options);
    for (unsigned i = 0; i < n; i++)
        av_dict_free(&options[i]);
    free(options);
    return s->guard.ended != GUARD_RUNNING ? AVERROR_EXIT : r;
}

static int choose_stream(struct source *s)
{
    AVFormatContext *f = s->format;
    for (unsigned i = 0; i < f->nb_streams; i++) {
        /* The cover picture of a piece of music is not a video. */
        if (f->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC)
            f->streams[i]->codecpar->codec_type = AVMEDIA_TYPE_ATTACHMENT;
    }
    int index = av_find_best_stream(f, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (index < 0)
        return AVERROR_STREAM_NOT_FOUND;
    for (unsigned i = 0; i < f->nb_streams; i++)
        f->streams[i]->discard = (int)i == index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    s->index = index;
    s->video = f->streams[index];
    s->codec_id = f->streams[index]->codecpar->codec_id;
    return 0;
}

static void describe(struct source *s)
{
    AVStream *st = s->video;
    AVRational fps = av_guess_frame_rate(s->format, st, NULL);
    /* A server that knows how long it is serves a file, whether it can give parts of it or not. */
    bool known_length = s->kind == ORIGIN_HTTP && s->format->pb && avio_size(s->format->pb) > 0;
    s->stream = (struct stream){
            .codec = st->codecpar,
            .time_num = st->time_base.num,
            .time_den = st->time_base.den,
            .fps = fps.num > 0 && fps.den > 0 ? av_q2d(fps) : 0,
            .live = s->kind != ORIGIN_FILE && !known_length,
            .mono_us = mono_us(),
            .wall_us = mono_wall_us(),
    };
    if (!s->stream.live && s->format->duration > 0)
        s->stream.duration_us = av_rescale(s->format->duration, 1000000, AV_TIME_BASE);
    /* A playlist's packets come by the segment. */
    s->stream.prompt = s->stream.live && s->kind != ORIGIN_HTTP;
    s->paced = !s->stream.live && s->cam->pace == PACE_REAL;
    timeline_init(&s->due, s->stream.live, s->stream.mono_us, s->stream.fps);
}

static enum source_fault check_size(struct source *s, struct err *e)
{
    const AVCodecParameters *c = s->stream.codec;
    if (frame_fits(c->width, c->height) && !avlog_take_too_large())
        return SOURCE_OK;
    struct fault_at at = {.shown = s->cam->url_shown};
    return fault_explain(SOURCE_TOO_LARGE, &at, e);
}

static enum source_fault check_address(struct source *s, struct err *e)
{
    const char *url = s->cam->url;
    s->kind = origin_kind(url);
    switch (s->kind) {
    case ORIGIN_FILE: return local_check_file(origin_path(url), e);
    case ORIGIN_WEBCAM: return local_check_webcam(origin_path(url), e);
    case ORIGIN_UNKNOWN:
        err_set(e, -EINVAL,
                "%.120s: not a kind of source that can be read; give rtsp://, rtsps://, http://, "
                "https://, a file's path or /dev/videoN",
                s->cam->url_shown);
        return SOURCE_UNUSABLE;
    default: return SOURCE_OK;
    }
}

static enum source_fault open_all(struct source *s, struct err *e)
{
    enum source_fault fault = check_address(s, e);
    if (fault != SOURCE_OK)
        return fault;
    int r = open_input(s);
    if (r >= 0)
        r = find_info(s);
    if (r >= 0)
        r = choose_stream(s);
    if (r < 0)
        return fail(s, r, true, e);
    describe(s);
    return check_size(s, e);
}

struct source *source_open(const struct conf_camera *cam, const struct source_limits *limits,
        struct stop *stop, struct beat *beat, enum source_fault *ret_fault, struct err *e)
{
    struct source *s = mem_new(1, sizeof(*s));
    s->cam = cam;
    s->limits = limits ? *limits : source_limits_usual;
    s->stop = stop;
    s->beat = beat;
    s->packet = mem_check(av_packet_alloc());
    av_max_alloc(MAX_ALLOC);
    avlog_forget();
    enum source_fault fault = open_all(s, e);
    if (fault != SOURCE_OK) {
        *ret_fault = fault;
        source_close(s);
        return NULL;
    }
    avlog_take_damage(); /* while the decoder's settings were looked for */
    return s;
}

void source_close(struct source *s)
{
    if (!s)
        return;
    s->video = NULL;
    guard_begin_closing(&s->guard, s->limits.close_ms);
    avformat_close_input(&s->format);
    local_close(&s->file);
    av_packet_free(&s->packet);
    free(s);
}

/*
 * RTP says where a picture begins, so libav gives one out when the next one has begun; what is left
 * when the stream ends it gives out too, whole or not, and a torn picture of H.265 decodes without
 * a complaint. Such a packet comes after libav has listened in vain. Where more packets follow
 * after all it is this stream's habit and means nothing.
 */
static bool is_torn(struct source *s)
{
    if (s->left_over)
        s->torn_end = false;
    s->left_over = s->torn_end && !(s->video->event_flags & AVSTREAM_EVENT_FLAG_NEW_PACKETS);
    return s->left_over;
}

/* One packet of our stream into s->packet. The deadline is for the video: sound that goes on
 * coming does not extend it. */
static int read_packet(struct source *s)
{
    int bad = 0;
    guard_begin(&s->guard, s->stop, s->limits.read_ms);
    while (!guard_check(&s->guard)) {
        av_packet_unref(s->packet);
        int r = av_read_frame(s->format, s->packet);
        /* An interrupted libav gives out what is left in its parser, which nobody sent. */
        if (s->guard.ended != GUARD_RUNNING)
            return AVERROR_EXIT;
        if (r >= 0 && s->packet->stream_index == s->index && s->packet->size > 0)
            return 0;
        if (r == AVERROR(EAGAIN))
            stop_wait(s->stop, EAGAIN_MS);
        else if (r == AVERROR_INVALIDDATA && !s->stream.live && ++bad < BAD_READS)
            continue;
        else if (r < 0)
            return r;
    }
    return AVERROR_EXIT;
}

static int64_t packet_stamp_us(const struct source *s)
{
    int64_t ts = s->packet->dts != AV_NOPTS_VALUE ? s->packet->dts : s->packet->pts;
    if (ts == AV_NOPTS_VALUE)
        return TIMELINE_NONE;
    return av_rescale_q(ts, (AVRational){s->stream.time_num, s->stream.time_den}, AV_TIME_BASE_Q);
}

static void count_packet(struct source *s, bool key, int64_t now_us)
{
    /* By the camera's own time, for packets come in bursts. */
    int64_t stamp_us = packet_stamp_us(s);
    s->recent_us[s->packets % RATE_WINDOW] = stamp_us != TIMELINE_NONE ? stamp_us : now_us;
    s->packets++;
    s->bytes += (uint64_t)s->packet->size;
    if (!key)
        return;
    if (s->last_key)
        s->gop = (int)(s->packets - s->last_key);
    s->last_key = s->packets;
}

static bool wait_until(struct source *s, int64_t due_us)
{
    for (;;) {
        int64_t left_ms = (due_us - mono_us()) / 1000;
        if (left_ms <= 0)
            return !stop_asked(s->stop);
        beat_now(s, BEAT_WORKING);
        if (stop_wait(s->stop, (int)(left_ms < PACE_STEP_MS ? left_ms : PACE_STEP_MS)))
            return false;
    }
}

enum source_fault source_read(struct source *s, struct packet *ret_packet, struct err *e)
{
    beat_now(s, BEAT_WORKING);
    int r = read_packet(s);
    if (r < 0)
        return fail(s, r, false, e);
    int64_t now = mono_us();
    if (s->stream.codec->codec_id != s->codec_id) {
        err_set(e, -ESTALE, "%.160s: changed its codec; it has to be opened anew",
                s->cam->url_shown);
        return SOURCE_BROKEN;
    }
    bool key = s->packet->flags & AV_PKT_FLAG_KEY;
    count_packet(s, key, now);
    int64_t time = timeline_next(&s->due, packet_stamp_us(s), now);
    if (s->paced && !wait_until(s, time)) {
        err_set(e, -ECANCELED, "%.160s: stopped", s->cam->url_shown);
        return SOURCE_STOPPED;
    }
    bool damaged = is_torn(s);
    damaged |= avlog_take_damage() || (s->packet->flags & AV_PKT_FLAG_CORRUPT);
    *ret_packet = (struct packet){
            .av = s->packet,
            .time_us = time,
            .size = s->packet->size,
            .key = key,
            .damaged = damaged,
            .stamp_us = packet_stamp_us(s),
    };
    return SOURCE_OK;
}

const struct stream *source_stream(const struct source *s)
{
    return &s->stream;
}

static double measured_fps(const struct source *s)
{
    uint64_t n = s->packets < RATE_WINDOW ? s->packets : RATE_WINDOW;
    if (n < 2)
        return 0;
    int64_t last = s->recent_us[(s->packets - 1) % RATE_WINDOW];
    int64_t first = s->recent_us[(s->packets - n) % RATE_WINDOW];
    return last > first ? (double)(n - 1) * 1e6 / (double)(last - first) : 0;
}

void source_info(const struct source *s, struct stream_info *info)
{
    (void)snprintf(info->codec, sizeof(info->codec), "%s", avcodec_get_name(s->codec_id));
    info->fps = s->stream.live ? measured_fps(s) : s->stream.fps;
    info->gop = s->gop;
    info->unverified = s->kind == ORIGIN_RTSPS || strncasecmp(s->cam->url, "https:", 6) == 0;
    info->packets = s->packets;
    info->bytes = s->bytes;
}
