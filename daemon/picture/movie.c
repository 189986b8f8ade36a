#include "picture/movie.h"

#include "base/mem.h"
#include "picture/canvas.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <stdbool.h>
#include <stdlib.h>

/* Ticks of a second: every usual frame rate divides it. */
#define TICKS 90000

struct movie {
    char *path;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVPacket *packet;
    bool begun;       /* the header is written */
    int failed;       /* the first failure's errno */
    int64_t first_us; /* of the first picture */
    int64_t last;     /* ticks of the latest; -1: none */
};

static int fail(struct movie *m, int av, struct err *e)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    (void)av_strerror(av, reason, sizeof(reason));
    if (!m->failed)
        m->failed = av < -0xffff ? -EIO : av; /* FFmpeg's own errors are far below any errno */
    return err_set(e, m->failed, "%s: cannot be written: %s", m->path, reason);
}

static int open_encoder(struct movie *m, int width, int height, struct err *e)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    if (!codec)
        codec = avcodec_find_encoder(AV_CODEC_ID_H264);
    AVCodecContext *c = m->codec = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c)
        return err_set(e, -ENOSYS, "this libavcodec has no encoder for H.264");
    c->width = width & ~1;
    c->height = height & ~1;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->colorspace = AVCOL_SPC_BT709;
    c->color_range = AVCOL_RANGE_MPEG;
    c->time_base = (AVRational){1, TICKS};
    if (m->format->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    (void)av_opt_set(c->priv_data, "preset", "veryfast", 0);
    (void)av_opt_set(c->priv_data, "crf", "23", 0);
    int r = c->width > 0 && c->height > 0 ? avcodec_open2(c, codec, NULL) : AVERROR(EINVAL);
    return r < 0 ? fail(m, r, e) : 0;
}

static int open_file(struct movie *m, struct err *e)
{
    m->stream = avformat_new_stream(m->format, NULL);
    mem_check(m->stream);
    m->stream->time_base = m->codec->time_base;
    int r = avcodec_parameters_from_context(m->stream->codecpar, m->codec);
    if (r >= 0)
        r = avio_open(&m->format->pb, m->path, AVIO_FLAG_WRITE);
    if (r >= 0)
        r = avformat_write_header(m->format, NULL);
    if (r < 0)
        return fail(m, r, e);
    m->begun = true;
    return 0;
}

static void movie_free(struct movie *m)
{
    av_packet_free(&m->packet);
    avcodec_free_context(&m->codec);
    if (m->format)
        avio_closep(&m->format->pb);
    avformat_free_context(m->format);
    free(m->path);
    free(m);
}

struct movie *movie_open(const char *path, int width, int height, struct err *e)
{
    struct movie *m = mem_new(1, sizeof(*m));
    m->path = mem_strdup(path);
    m->packet = mem_check(av_packet_alloc());
    m->last = -1;
    if (avformat_alloc_output_context2(&m->format, NULL, NULL, path) < 0)
        (void)err_set(e, -EINVAL, "%s: no video format has this ending; take .mp4", path);
    else if (open_encoder(m, width, height, e) == 0 && open_file(m, e) == 0)
        return m;
    movie_free(m);
    return NULL;
}

/* picture NULL: the last one is past. */
static int encode(struct movie *m, const AVFrame *picture)
{
    int r = avcodec_send_frame(m->codec, picture);
    while (r >= 0) {
        r = avcodec_receive_packet(m->codec, m->packet);
        if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
            return 0;
        if (r < 0)
            break;
        av_packet_rescale_ts(m->packet, m->codec->time_base, m->stream->time_base);
        m->packet->stream_index = m->stream->index;
        r = av_interleaved_write_frame(m->format, m->packet);
    }
    return r;
}

int movie_add(struct movie *m, const struct canvas *canvas, int64_t time_us, struct err *e)
{
    if (m->failed)
        return err_set(e, m->failed, "%s: cannot be written", m->path);
    AVFrame *p = canvas_picture(canvas, m->codec->width, m->codec->height, AV_PIX_FMT_YUV420P);
    if (!p)
        return fail(m, AVERROR(ENOMEM), e);
    if (m->last < 0)
        m->first_us = time_us;
    p->pts = av_rescale(time_us - m->first_us, TICKS, 1000000);
    if (p->pts <= m->last)
        p->pts = m->last + 1;
    m->last = p->pts;
    int r = encode(m, p);
    av_frame_free(&p);
    return r < 0 ? fail(m, r, e) : 0;
}

int movie_close(struct movie *m, struct err *e)
{
    int r = m->failed || m->last < 0 ? 0 : encode(m, NULL);
    int trailer = m->begun ? av_write_trailer(m->format) : 0;
    int closed = avio_closep(&m->format->pb);
    r = r < 0 ? r : trailer < 0 ? trailer : closed;
    int failed = m->failed;
    if (!failed && r < 0)
        failed = fail(m, r, e);
    movie_free(m);
    return failed;
}
