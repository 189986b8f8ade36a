#include "app/ctl/ctl.h"
#include "app/ctl/evaluate_pictures.h"
#include "app/ctl/evaluate_video.h"
#include "conf/load.h"

#include <stdlib.h>
#include <string.h>

struct arguments {
    struct ctl_common common;
    struct evaluate_options pictures;
    const char *video, *truth;
    double fps; /* 0: not given */
    enum decoding decode;
};

static const struct argp_option options[] = {
        {"certainty", 'C', "P", 0, "Instead of attributes.certainty: 0.5 to 0.999", 0},
        {"decode", 'd', "HOW", 0, "With --video: auto, all or keyframes, as a camera's key decode",
                0},
        {"faces", 'F', NULL, 0, "A JSON line for each picture, instead of the summary", 0},
        {"fps", 'r', "N", 0, "With --video: look at so many pictures a second; default 5", 0},
        {"models", 'm', "MODELS", 0,
                "Instead of the configuration's: ATTRIBUTES, or "
                "DETECTOR,ATTRIBUTES",
                0},
        {"oversample", 'o', NULL, 0, "With the paper's protocol: ten crops, averaged", 0},
        {"pictures", 'p', "DIR", 0,
                "Where Adience's folder aligned (or faces) is; default: "
                "beside the fold file",
                0},
        {"protocol", 'P', "HOW", 0, "detect, or paper: aligned pictures as a whole", 0},
        {"truth", 't', "FILE", 0, "What is known of the clip", 0},
        {"video", 'v', "CLIP", 0, "Score the records of a clip instead of pictures", 0},
        {0},
};

static void parse_certainty(struct argp_state *state, const char *text, double *ret)
{
    char *end;
    *ret = strtod(text, &end);
    if (end == text || *end || !(*ret >= 0.5 && *ret <= 0.999))
        argp_error(state, "--certainty %s: expected a number from 0.5 to 0.999", text);
}

static void parse_protocol(struct argp_state *state, const char *text, enum protocol *ret)
{
    if (strcmp(text, "paper") == 0)
        *ret = PROTOCOL_PAPER;
    else if (strcmp(text, "detect") == 0)
        *ret = PROTOCOL_DETECT;
    else
        argp_error(state, "--protocol %s: expected detect or paper", text);
}

static void parse_fps(struct argp_state *state, const char *text, double *ret)
{
    char *end;
    *ret = strtod(text, &end);
    if (end == text || *end || !(*ret >= 0.5 && *ret <= 30))
        argp_error(state, "--fps %s: a number from 0.5 to 30 is expected", text);
}

static void parse_decode(struct argp_state *state, const char *text, enum decoding *ret)
{
    static const char *const words[] = {
            [DECODE_AUTO] = "auto",
            [DECODE_ALL] = "all",
            [DECODE_KEYFRAMES] = "keyframes",
    };
    for (int i = 0; i <= DECODE_KEYFRAMES; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = (enum decoding)i;
            return;
        }
    }
    argp_error(state, "--decode %s: expected auto, all or keyframes", text);
}

/* Two questions: pictures, or a clip with its truth. */
static void check(struct argp_state *state, const struct arguments *a)
{
    bool clip = a->video || a->truth;
    if (clip && (!a->video || !a->truth))
        argp_error(state, "name a clip with --video and what is known of it with --truth");
    if (clip && a->pictures.n_files > 0)
        argp_error(state, "a manifest and --video are two questions");
    if (!clip && a->pictures.n_files == 0)
        argp_error(state, "name a manifest, Adience's fold files, or a clip with --video");
    if (!clip && (a->fps > 0 || a->decode != DECODE_AUTO))
        argp_error(state, "--fps and --decode belong to --video");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    struct evaluate_options *p = &a->pictures;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case 'C': parse_certainty(state, arg, &p->certainty); break;
    case 'd': parse_decode(state, arg, &a->decode); break;
    case 'F': p->faces = true; break;
    case 'm': p->models = arg; break;
    case 'o': p->oversample = true; break;
    case 'p': p->pictures = arg; break;
    case 'P': parse_protocol(state, arg, &p->protocol); break;
    case 'r': parse_fps(state, arg, &a->fps); break;
    case 't': a->truth = arg; break;
    case 'v': a->video = arg; break;
    case ARGP_KEY_ARGS:
        p->files = state->argv + state->next;
        p->n_files = state->argc - state->next;
        break;
    case ARGP_KEY_END: check(state, a); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ctl_evaluate(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .children = ctl_common,
            .args_doc = "MANIFEST.tsv...\n--video CLIP --truth FILE",
            .doc = "How right ages and genders are about labelled pictures, with 95 % intervals: a "
                   "manifest is a table with tabs, header path, age and gender; Adience's fold "
                   "files are read as well. Or how right the records of a clip are."};
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);
    if (a.video)
        return evaluate_video(&a.common, a.video, a.truth, a.fps, a.decode);
    struct conf *conf = ctl_conf("evaluate", a.common.file);
    if (!conf)
        return CTL_CONFIG;
    a.pictures.json = a.common.json;
    int code = evaluate_pictures(conf, &a.pictures);
    conf_free(conf);
    return code;
}
