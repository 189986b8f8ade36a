/*
 * grab: opens one source as a camera's thread would and prints what happens, a line per event.
 * For tests of the rooms source/ and sample/; see usage() below.
 *
 *     opened codec=h264 live=1 fps=0 unverified=0
 *     frame n=1 time=81234567 wall=1700000000000000 size=640x480 format=yuv420p hash=5f1d0c3a
 *     fault timeout: rtsp://viewer:***@127.0.0.1:8554/door: has sent nothing for 1 s; ...
 *     info frames=75 withheld=0 damages=0 bad=0 packets=75 gop=30 size=640x480 fps=25.0
 *          decoder=software
 *     closed
 *
 * Times are microseconds. Exit code: 0 when frames were got, or the source ended in good order; 1
 * for any other fault.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/redact.h"
#include "base/thread.h"
#include "flow/frame.h"
#include "sample/sampler.h"
#include "source/decoder.h"
#include "source/source.h"

#include <getopt.h>
#include <libavutil/adler32.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    struct conf_camera cam;
    struct source_limits limits;
    long frames;
    int stop_after_ms;
    bool hash, quiet;
    double sample_fps;
} opt;

static void usage(void)
{
    puts("usage: grab [option...] SOURCE\n"
         "  --udp               RTSP over UDP instead of TCP\n"
         "  --real              a file at its own pace (without: as fast as possible)\n"
         "  --frames N          close after N frames\n"
         "  --fps F             pass frames through the sampler\n"
         "  --hash              a checksum of each picture\n"
         "  --hwaccel NAME      decode by hardware\n"
         "  --quiet             no line per frame\n"
         "  --open-ms N  --info-ms N  --read-ms N  --close-ms N    other deadlines\n"
         "  --stop-after-ms N   ask for a stop so long after the start");
}

static bool parse(int argc, char **argv)
{
    static const struct option options[] = {
            {"udp", 0, NULL, 'u'},
            {"real", 0, NULL, 'r'},
            {"frames", 1, NULL, 'n'},
            {"fps", 1, NULL, 'f'},
            {"hash", 0, NULL, 'h'},
            {"quiet", 0, NULL, 'q'},
            {"hwaccel", 1, NULL, 'w'},
            {"open-ms", 1, NULL, 'O'},
            {"info-ms", 1, NULL, 'I'},
            {"read-ms", 1, NULL, 'R'},
            {"close-ms", 1, NULL, 'C'},
            {"stop-after-ms", 1, NULL, 's'},
            {NULL, 0, NULL, 0},
    };
    opt.limits = source_limits_usual;
    opt.cam.pace = PACE_MAX;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'u': opt.cam.transport = TRANSPORT_UDP; break;
        case 'r': opt.cam.pace = PACE_REAL; break;
        case 'n': opt.frames = strtol(optarg, NULL, 10); break;
        case 'f': opt.sample_fps = strtod(optarg, NULL); break;
        case 'h': opt.hash = true; break;
        case 'w': snprintf(opt.cam.hwaccel, HWACCEL_SIZE, "%s", optarg); break;
        case 'q': opt.quiet = true; break;
        case 'O': opt.limits.open_ms = (int)strtol(optarg, NULL, 10); break;
        case 'I': opt.limits.info_ms = (int)strtol(optarg, NULL, 10); break;
        case 'R': opt.limits.read_ms = (int)strtol(optarg, NULL, 10); break;
        case 'C': opt.limits.close_ms = (int)strtol(optarg, NULL, 10); break;
        case 's': opt.stop_after_ms = (int)strtol(optarg, NULL, 10); break;
        default: return false;
        }
    }
    return optind == argc - 1;
}

/* Of the visible pixels only: what lies beyond the edges is the decoder's business. */
static unsigned hash_of(const struct frame *f)
{
    const AVFrame *p = frame_picture(f);
    int size = av_image_get_buffer_size(p->format, p->width, p->height, 1);
    uint8_t *bytes = mem_new((size_t)size, 1);
    av_image_copy_to_buffer(bytes, size, (const uint8_t *const *)p->data, p->linesize, p->format,
            p->width, p->height, 1);
    unsigned sum = (unsigned)av_adler32_update(1, bytes, (size_t)size);
    free(bytes);
    return sum;
}

static void print_frame(const struct frame *f, long n)
{
    if (opt.quiet)
        return;
    printf("frame n=%ld time=%lld wall=%lld size=%dx%d format=%s", n, (long long)frame_time_us(f),
            (long long)frame_wall_us(f), frame_width(f), frame_height(f),
            av_get_pix_fmt_name(frame_picture(f)->format));
    if (opt.hash)
        printf(" hash=%08x", hash_of(f));
    printf("\n");
}

static void *stop_later(void *stop)
{
    mono_sleep_us((int64_t)opt.stop_after_ms * 1000);
    stop_ask(stop);
    return NULL;
}

/* The frames that are ready; true: enough. */
static bool pull(struct decoder *dec, struct sampler *sampler, long *n)
{
    for (struct frame *f; (f = decoder_pull(dec)); frame_unref(f)) {
        if (opt.sample_fps > 0 && !sampler_take(sampler, frame_time_us(f)))
            continue;
        print_frame(f, ++*n);
        if (opt.frames && *n >= opt.frames) {
            frame_unref(f);
            return true;
        }
    }
    return false;
}

static enum source_fault run(struct source *src, struct decoder *dec, long *n, struct err *e)
{
    struct sampler sampler;
    struct packet packet;
    enum source_fault fault;
    sampler_init(&sampler, opt.sample_fps > 0 ? opt.sample_fps : 1);
    while ((fault = source_read(src, &packet, e)) == SOURCE_OK) {
        fault = decoder_push(dec, &packet, e);
        if (fault != SOURCE_OK)
            return fault;
        if (pull(dec, &sampler, n))
            return SOURCE_OK;
    }
    decoder_push(dec, NULL, NULL);
    pull(dec, &sampler, n);
    return fault;
}

static void print_info(const struct source *src, const struct decoder *dec)
{
    struct stream_info i = {0};
    source_info(src, &i);
    decoder_info(dec, &i);
    printf("info frames=%llu withheld=%llu damages=%llu bad=%llu packets=%llu gop=%d size=%dx%d "
           "fps=%.1f decoder=%s\n",
            (unsigned long long)i.frames, (unsigned long long)i.withheld,
            (unsigned long long)i.damages, (unsigned long long)i.bad_packets,
            (unsigned long long)i.packets, i.gop, i.width, i.height, i.fps, i.decoder);
    if (decoder_trouble(dec))
        printf("trouble %s\n", decoder_trouble(dec));
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        usage();
        return 2;
    }
    char shown[512];
    redact_text(shown, sizeof(shown), argv[optind]);
    opt.cam.url = argv[optind];
    opt.cam.url_shown = shown;
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_open(LEVEL_INFO);
    source_log_init();
    struct stop *stop = stop_new();
    struct beat beat = {0};
    pthread_t thread;
    if (opt.stop_after_ms)
        thread_start(&thread, "stop", stop_later, stop);

    struct err e = {0};
    enum source_fault fault = SOURCE_OK;
    long n = 0;
    struct decoder *dec = NULL;
    struct source *src = source_open(&opt.cam, &opt.limits, stop, &beat, &fault, &e);
    if (src)
        dec = decoder_open(source_stream(src), opt.cam.hwaccel, &fault, &e);
    if (dec) {
        struct stream_info i = {0};
        source_info(src, &i);
        printf("opened codec=%s live=%d fps=%g unverified=%d\n", i.codec, source_stream(src)->live,
                i.fps, i.unverified);
        fault = run(src, dec, &n, &e);
        print_info(src, dec);
    }
    if (fault != SOURCE_OK)
        printf("fault %s: %s\n", source_fault_name(fault), e.text);
    decoder_close(dec);
    source_close(src);
    printf("closed\n");
    if (opt.stop_after_ms) {
        stop_ask(stop);
        thread_join(thread, opt.stop_after_ms + 1000);
    }
    stop_free(stop);
    return fault == SOURCE_OK || fault == SOURCE_EOF ? 0 : 1;
}
