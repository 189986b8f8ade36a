#include "app/ctl/ctl.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/redact.h"
#include "base/stop.h"
#include "conf/load.h"
#include "flow/face.h"
#include "flow/frame.h"
#include "flow/settings.h"
#include "sample/sampler.h"
#include "source/decoder.h"
#include "source/source.h"
#include "vision/card.h"
#include "vision/detector.h"
#include "vision/tiles.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SECONDS 5
#define SAMPLE_FPS      5
#define SMALL_FACE      40 /* narrower than this an age or a gender is a guess */
#define LONG_GOP_S      10

struct arguments {
    struct ctl_common common;
    const char *url;
    int seconds;
    bool udp;
};

static const struct argp_option options[] = {
        {"seconds", 's', "N", 0, "Look for so long (5)", 0},
        {"udp", 'u', NULL, 0, "RTSP over UDP instead of TCP", 0},
        {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case 'u': a->udp = true; break;
    case 's':
        a->seconds = atoi(arg);
        if (a->seconds < 1 || a->seconds > 3600)
            argp_error(state, "--seconds %s: a number from 1 to 3600 is expected", arg);
        break;
    case ARGP_KEY_ARG:
        if (a->url)
            argp_error(state, "'%s': one camera at a time", arg);
        a->url = arg;
        break;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which camera? Its URL, a file or /dev/videoN"); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* What was seen in the time that was given. */
struct findings {
    struct stream_info info;
    int pictures;   /* looked at */
    int most_faces; /* in one of them */
    float widest_px, narrowest_px;
    double detect_ms;    /* mean */
    float found_from_px; /* faces so wide can be found; 0: the detector's card does not say */
    double first_s;      /* from the start to the first picture */
    bool live;
    char models_trouble[512]; /* why faces were not looked for; "" */
};

static void look(struct detector *d, const struct frame *f, struct findings *r)
{
    static struct face faces[FACES_MAX];
    int n = 0;
    int64_t begin = mono_us();
    if (!d || detector_run(d, f, faces, &n) < 0)
        return;
    double ms = (double)(mono_us() - begin) / 1000;
    r->pictures++;
    r->detect_ms += (ms - r->detect_ms) / r->pictures;
    if (n > r->most_faces)
        r->most_faces = n;
    for (int i = 0; i < n; i++) {
        float w = faces[i].box.w;
        if (w > r->widest_px)
            r->widest_px = w;
        if (r->narrowest_px == 0 || w < r->narrowest_px)
            r->narrowest_px = w;
    }
}

static struct detector *open_detector(
        const struct conf *conf, struct card **ret_card, char *trouble, size_t size)
{
    struct err e = {0};
    *ret_card = card_load(conf->models.dir, conf->models.detector, &e);
    struct detector *d = *ret_card ? detector_open(*ret_card, &e) : NULL;
    if (!d)
        (void)snprintf(trouble, size, "%s", e.text);
    return d;
}

/* In pictures of this size, looked at as a whole. */
static float found_from(const struct card *card, const struct stream_info *i)
{
    struct tiles_wish wish = {.width = i->width,
            .height = i->height,
            .max_side = card->input.max_side,
            .min_width = card->min_width,
            .narrowest_px = INFINITY};
    struct tiles whole;
    tiles_plan(&wish, &whole);
    return whole.narrowest_px;
}

/* Until the time is over or the source ends. SOURCE_OK: enough was seen. */
static enum source_fault watch(struct source *src, struct decoder *dec, struct detector *d,
        int seconds, struct findings *r, struct err *e)
{
    struct sampler sampler;
    sampler_init(&sampler, SAMPLE_FPS);
    int64_t begin = mono_us(), until = begin + seconds * MONO_SECOND;
    enum source_fault fault = SOURCE_OK;
    struct packet packet;
    while (mono_us() < until && (fault = source_read(src, &packet, e)) == SOURCE_OK) {
        fault = decoder_push(dec, &packet, e);
        if (fault != SOURCE_OK)
            break;
        struct frame *f;
        while ((f = decoder_pull(dec))) {
            if (r->first_s == 0)
                r->first_s = (double)(mono_us() - begin) / MONO_SECOND;
            if (sampler_take(&sampler, frame_time_us(f)))
                look(d, f, r);
            frame_unref(f);
        }
    }
    source_info(src, &r->info);
    decoder_info(dec, &r->info);
    /* What was seen before the end is what was asked for. */
    bool seen =
            fault == SOURCE_EOF || (fault == SOURCE_BROKEN && r->info.frames > r->info.withheld);
    return seen ? SOURCE_OK : fault;
}

/* ------------------------------------------------------------- what it means --- */

static json_t *advice(const struct findings *r)
{
    json_t *list = json_array();
    const struct stream_info *i = &r->info;
    if (i->unverified)
        json_array_append_new(
                list, json_string("the stream is encrypted, but whose certificate it "
                                  "is cannot be checked; keep it in a network of its own"));
    if (r->live && i->fps > 0 && i->gop > i->fps * LONG_GOP_S)
        json_array_append_new(
                list, json_string("key frames are more than 10 s apart: after a lost "
                                  "packet nothing is seen for so long; set the camera's "
                                  "key frame interval to 1 to 4 s"));
    if (r->live && i->damages > 0)
        json_array_append_new(list, json_string("packets were lost on the way; use TCP, or look at "
                                                "the network"));
    if ((int64_t)i->width * i->height > 2560 * 1440)
        json_array_append_new(list, json_string("a large picture costs much decoding; its second "
                                                "stream may do, if faces are 40 px wide in it"));
    if (r->found_from_px > SMALL_FACE)
        json_array_append_new(list, json_string("smaller faces are found in tiles: set min_face, "
                                                "and tiles = \"auto\"; see faced.conf(5) for what "
                                                "that costs"));
    if (r->most_faces > 0 && r->widest_px < SMALL_FACE)
        json_array_append_new(
                list, json_string("the faces are too small for ages and genders: at "
                                  "least 40, better 64 px wide; zoom in, come nearer, "
                                  "or take the larger stream"));
    if (r->pictures > 0 && r->most_faces == 0)
        json_array_append_new(list, json_string("no face was seen; stand before the camera and try "
                                                "again to know how wide faces are"));
    return list;
}

static void print_json(const char *shown, const struct findings *r, json_t *hints)
{
    const struct stream_info *i = &r->info;
    json_t *j = json_pack("{s:s, s:s, s:i, s:i, s:f, s:i, s:s, s:f, s:I, s:I, s:i, s:i}", "url",
            shown, "codec", i->codec, "width", i->width, "height", i->height, "fps", i->fps, "gop",
            i->gop, "pixel_format", i->pixel_format, "first_picture_s", r->first_s, "packets",
            (json_int_t)i->packets, "bytes", (json_int_t)i->bytes, "pictures", r->pictures, "faces",
            r->most_faces);
    json_object_set_new(
            j, "widest_face_px", r->most_faces ? json_integer((int)r->widest_px) : json_null());
    json_object_set_new(j, "found_from_px",
            r->found_from_px > 0 ? json_integer(lroundf(r->found_from_px)) : json_null());
    json_object_set_new(j, "detect_ms", r->pictures ? json_real(r->detect_ms) : json_null());
    json_object_set_new(
            j, "models_trouble", *r->models_trouble ? json_string(r->models_trouble) : json_null());
    json_object_set(j, "advice", hints);
    json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(4));
    putchar('\n');
    json_decref(j);
}

static void print_text(const char *shown, const struct findings *r, const json_t *hints)
{
    const struct stream_info *i = &r->info;
    printf("%s can be used\n", shown);
    printf("  video     %s %dx%d, %.1f frames/s, %s\n", i->codec, i->width, i->height, i->fps,
            i->pixel_format);
    if (i->gop)
        printf("  GOP       %d frames\n", i->gop);
    printf("  start     first picture after %.1f s\n", r->first_s);
    if (*r->models_trouble)
        printf("  faces     not looked for: %s\n", r->models_trouble);
    else if (r->most_faces)
        printf("  faces     up to %d at once, %.0f to %.0f px wide, in %d pictures, %.0f ms each\n",
                r->most_faces, r->narrowest_px, r->widest_px, r->pictures, r->detect_ms);
    else
        printf("  faces     none in %d pictures, %.0f ms each\n", r->pictures, r->detect_ms);
    if (r->found_from_px > 0)
        printf("  found     from %.0f px wide on, in pictures of this size\n",
                (double)r->found_from_px);
    size_t n;
    json_t *hint;
    json_array_foreach(hints, n, hint) printf("  advice    %s\n", json_string_value(hint));
}

int ctl_probe(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .children = ctl_common,
            .args_doc = "URL",
            .doc = "Say whether a camera, a file or a webcam can be used, and how well."};
    struct arguments a = {.seconds = DEFAULT_SECONDS};
    ctl_parse(&argp, argc, argv, &a);

    char shown[512];
    redact_text(shown, sizeof(shown), a.url);
    struct conf_camera camera = {.name = "probe",
            .url = (char *)a.url,
            .url_shown = shown,
            .fps = SAMPLE_FPS,
            .transport = a.udp ? TRANSPORT_UDP : TRANSPORT_TCP,
            .pace = PACE_MAX};
    struct conf *conf = ctl_conf("probe", a.common.file);
    if (!conf)
        return CTL_CONFIG;
    struct findings found = {0};
    struct card *card;
    struct detector *detector =
            open_detector(conf, &card, found.models_trouble, sizeof(found.models_trouble));
    conf_free(conf);
    struct stop *stop = stop_new();
    struct err e = {0};
    enum source_fault fault = SOURCE_OK;
    source_log_init();
    struct source *src = source_open(&camera, NULL, stop, NULL, &fault, &e);
    struct decoder *dec = src ? decoder_open(source_stream(src), camera.hwaccel, &fault, &e) : NULL;
    if (dec) {
        found.live = source_stream(src)->live;
        fault = watch(src, dec, detector, a.seconds, &found, &e);
    }
    decoder_close(dec);
    source_close(src);
    stop_free(stop);
    if (detector)
        found.found_from_px = found_from(card, &found.info);
    detector_close(detector);
    card_free(card);

    if (found.info.frames > 0 && found.info.frames <= found.info.withheld)
        return ctl_fail(CTL_FAILED, "probe",
                "%s: all %llu pictures arrived damaged or without a key frame; try the other "
                "transport, or another codec in the camera's settings",
                shown, (unsigned long long)found.info.frames);
    if (fault != SOURCE_OK)
        return ctl_fail(CTL_FAILED, "probe", "%s", e.text);
    if (found.info.frames == 0)
        return ctl_fail(CTL_FAILED, "probe",
                "%s: no whole picture came within %d s; does it send "
                "key frames?",
                shown, a.seconds);
    json_t *hints = advice(&found);
    if (a.common.json)
        print_json(shown, &found, hints);
    else
        print_text(shown, &found, hints);
    json_decref(hints);
    return CTL_OK;
}
