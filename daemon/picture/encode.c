#include "picture/encode.h"

#include "picture/canvas.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define QUALITY 4 /* of 1 to 31, the least loss first: about 85 of 100 */

static const struct form {
    const char *suffix;
    enum AVCodecID codec;
    enum AVPixelFormat format;
} forms[] = {
        {".jpg", AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ420P},
        {".jpeg", AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ420P},
        {".png", AV_CODEC_ID_PNG, AV_PIX_FMT_RGB24},
};

static AVPacket *encode(const struct canvas *canvas, const struct form *form)
{
    AVFrame *p = canvas_picture(canvas, canvas->width, canvas->height, form->format);
    const AVCodec *codec = avcodec_find_encoder(form->codec);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    AVPacket *packet = av_packet_alloc();
    bool done = false;
    if (!p || !c || !packet)
        goto out;
    c->width = p->width;
    c->height = p->height;
    c->pix_fmt = form->format;
    c->color_range = p->color_range;
    c->time_base = (AVRational){1, 1};
    c->thread_count = 1;
    if (form->codec == AV_CODEC_ID_MJPEG) {
        c->flags |= AV_CODEC_FLAG_QSCALE;
        c->global_quality = QUALITY * FF_QP2LAMBDA;
        p->quality = c->global_quality;
    }
    done = avcodec_open2(c, codec, NULL) == 0 && avcodec_send_frame(c, p) == 0 &&
           avcodec_receive_packet(c, packet) == 0;
out:
    if (!done)
        av_packet_free(&packet);
    avcodec_free_context(&c);
    av_frame_free(&p);
    return packet;
}

struct jpeg *encode_jpeg(const struct canvas *canvas)
{
    AVPacket *packet = encode(canvas, &forms[0]);
    struct jpeg *j = packet ? malloc(sizeof(*j) + (size_t)packet->size) : NULL;
    if (j) {
        j->size = (size_t)packet->size;
        memcpy(j->data, packet->data, j->size);
    }
    av_packet_free(&packet);
    return j;
}

static const struct form *form_of(const char *path)
{
    const char *suffix = strrchr(path, '.');
    for (size_t i = 0; suffix && i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcasecmp(suffix, forms[i].suffix) == 0)
            return &forms[i];
    }
    return NULL;
}

bool encode_knows(const char *path)
{
    return form_of(path) != NULL;
}

int encode_file(const struct canvas *canvas, const char *path, struct err *e)
{
    const struct form *form = form_of(path);
    if (!form)
        return err_set(e, -EINVAL, "%s: pictures are written as .jpg or .png", path);
    AVPacket *packet = encode(canvas, form);
    if (!packet)
        return err_set(e, -ENOMEM, "%s: a picture of %dx%d cannot be encoded", path, canvas->width,
                canvas->height);
    FILE *f = fopen(path, "we");
    int r = f ? 0 : -errno;
    if (f && fwrite(packet->data, 1, (size_t)packet->size, f) != (size_t)packet->size)
        r = -errno;
    if (f && fclose(f) != 0 && r == 0)
        r = -errno;
    av_packet_free(&packet);
    return r < 0 ? err_set(e, r, "%s: cannot be written: %s", path, err_name(r)) : 0;
}
