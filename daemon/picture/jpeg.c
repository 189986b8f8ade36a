#include "picture/jpeg.h"

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#define QUALITY 4 /* of 1 to 31, the least loss first: about 85 of 100 */

static AVFrame *to_yuv(const uint8_t *bgr, int width, int height, int side)
{
    int longer = width > height ? width : height;
    int w = longer > side ? width * side / longer : width;
    int h = longer > side ? height * side / longer : height;
    AVFrame *yuv = av_frame_alloc();
    struct SwsContext *sws = sws_getContext(width, height, AV_PIX_FMT_BGR24, w > 0 ? w : 1,
            h > 0 ? h : 1, AV_PIX_FMT_YUVJ420P, SWS_AREA, NULL, NULL, NULL);
    if (!yuv || !sws)
        goto fail;
    yuv->format = AV_PIX_FMT_YUVJ420P;
    yuv->width = w > 0 ? w : 1;
    yuv->height = h > 0 ? h : 1;
    if (av_frame_get_buffer(yuv, 0) < 0)
        goto fail;
    const uint8_t *const planes[4] = {bgr};
    const int strides[4] = {width * 3};
    sws_scale(sws, planes, strides, 0, height, yuv->data, yuv->linesize);
    yuv->quality = QUALITY * FF_QP2LAMBDA;
    sws_freeContext(sws);
    return yuv;
fail:
    sws_freeContext(sws);
    av_frame_free(&yuv);
    return NULL;
}

static struct jpeg *copy_of(const AVPacket *packet)
{
    struct jpeg *j = malloc(sizeof(*j) + (size_t)packet->size);
    if (!j)
        return NULL;
    j->size = (size_t)packet->size;
    memcpy(j->data, packet->data, j->size);
    return j;
}

static struct jpeg *encode(const AVFrame *yuv)
{
    struct jpeg *j = NULL;
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    AVPacket *packet = av_packet_alloc();
    if (!c || !packet)
        goto out;
    c->width = yuv->width;
    c->height = yuv->height;
    c->pix_fmt = AV_PIX_FMT_YUVJ420P;
    c->time_base = (AVRational){1, 1};
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_QSCALE;
    c->global_quality = QUALITY * FF_QP2LAMBDA;
    if (avcodec_open2(c, codec, NULL) == 0 && avcodec_send_frame(c, yuv) == 0 &&
            avcodec_receive_packet(c, packet) == 0)
        j = copy_of(packet);
out:
    av_packet_free(&packet);
    avcodec_free_context(&c);
    return j;
}

struct jpeg *jpeg_from_bgr(const uint8_t *bgr, int width, int height, int side)
{
    if (width < 1 || height < 1)
        return NULL;
    AVFrame *yuv = to_yuv(bgr, width, height, side);
    struct jpeg *j = yuv ? encode(yuv) : NULL;
    av_frame_free(&yuv);
    return j;
}
