#include "app/ctl/bar.h"
#include "app/ctl/ctl.h"
#include "app/viewer.h"
#include "base/mem.h"
#include "conf/load.h"
#include "flow/frame.h"
#include "flow/scale.h"
#include "picture/annotate.h"
#include "picture/canvas.h"
#include "picture/caption.h"
#include "picture/encode.h"
#include "picture/still.h"
#include "source/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of one run: what is asked for, and what was written. */
struct names {
    size_t n;
    char **list;
};

struct arguments {
    struct ctl_common common;
    const char *out;
    struct names files;
    bool tiles;
    bool folder; /* one was named: there may be many pictures in it */
};

static const struct argp_option options[] = {
        {"output", 'o', "OUT", 0,
                "Write the picture with boxes and labels: a .jpg or .png file, or a folder", 0},
        {"tiles", 't', NULL, 0,
                "Look at large pictures in parts too, for small faces; takes up to fifty times "
                "as long",
                0},
        {0},
};

static void add(struct names *names, char *name)
{
    names->list = mem_grow(names->list, names->n + 1, sizeof(*names->list));
    names->list[names->n++] = name;
}

static bool has(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->list[i], name) == 0)
            return true;
    }
    return false;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->list[i]);
    free(names->list);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ------------------------------------------------------------- what is asked for --- */

/* HEIC is among them, so that its sentence is read. */
static int is_picture(const struct dirent *d)
{
    static const char *const suffixes[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp",
            ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif"};
    const char *suffix = strrchr(d->d_name, '.');
    for (size_t i = 0; suffix && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (d->d_name[0] != '.' && strcasecmp(suffix, suffixes[i]) == 0)
            return true;
    }
    return false;
}

static int add_folder(struct names *files, const char *path, struct err *e)
{
    struct dirent **list;
    int n = scandir(path, &list, is_picture, alphasort);
    if (n < 0)
        return err_set(e, -errno, "%s: %s", path, err_name(errno));
    for (int i = 0; i < n; i++) {
        add(files, mem_format("%s/%s", path, list[i]->d_name));
        free(list[i]);
    }
    free(list);
    return n > 0 ? 0 : err_set(e, -ENOENT, "%s: there are no pictures in this folder", path);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    struct err e = {0};
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; break;
    case 'o': a->out = arg; break;
    case 't': a->tiles = true; break;
    case ARGP_KEY_ARG:
        a->folder = a->folder || is_folder(arg);
        if (!is_folder(arg))
            add(&a->files, mem_strdup(arg));
        else if (add_folder(&a->files, arg, &e) < 0)
            argp_failure(state, CTL_FAILED, 0, "%s", e.text);
        break;
    case ARGP_KEY_NO_ARGS: argp_error(state, "name a picture, several, or a folder"); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ------------------------------------------------------------- what comes of it --- */

static void print_text(const char *file, const struct view_face *faces, int n)
{
    if (n == 0)
        printf("%s: no face\n", file);
    for (int i = 0; i < n; i++) {
        const struct portrait *p = &faces[i].portrait;
        char words[CAPTION_LINE];
        caption_line(words, &p->answers);
        printf("%s: %s; at %.0f,%.0f, %.0f px wide, score %.2f\n", file, words, (double)p->box.x,
                (double)p->box.y, (double)p->box.w, (double)faces[i].score);
    }
}

static void print_json(
        const char *file, const struct frame *f, const struct view_face *faces, int n)
{
    json_t *j = json_object();
    ctl_put_name(j, "file", file);
    json_t *rest = viewer_json(f, faces, n);
    json_object_update(j, rest);
    json_decref(rest);
    json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(j);
}

/* The picture's own name in a folder; another ending where its kind is not written. */
static char *output_name(const struct arguments *a, const char *file)
{
    if (!is_folder(a->out))
        return mem_strdup(a->out);
    const char *base = strrchr(file, '/');
    base = base ? base + 1 : file;
    return mem_format("%s/%s%s", a->out, base, encode_knows(base) ? "" : ".jpg");
}

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

static int draw(const struct arguments *a, struct names *written, const char *file,
        const struct frame *f, const struct view_face *faces, int n, struct err *e)
{
    char *path = output_name(a, file);
    bool twice = has(written, path), itself = same_file(path, file);
    add(written, path);
    if (twice)
        return err_set(e, -EEXIST, "%s: would become %s, which was just written", file, path);
    if (itself)
        return err_set(e, -EEXIST, "%s: is the picture itself; name another file", path);
    struct portrait portraits[FACES_MAX];
    for (int i = 0; i < n; i++)
        portraits[i] = faces[i].portrait;
    float scale;
    struct scaler *scaler = scaler_new();
    struct canvas *c = canvas_of(scaler, f, 0, &scale);
    scaler_free(scaler);
    if (!c)
        return err_set(e, -ENOMEM, "%s: not enough memory to draw upon it", file);
    annotate(c, portraits, n, scale);
    int r = encode_file(c, path, e);
    canvas_free(c);
    return r;
}

static int one(struct viewer *v, const struct arguments *a, struct names *written, const char *file,
        struct err *e)
{
    static struct view_face faces[FACES_MAX];
    struct frame *f = still_read(file, &still_limits_own, e);
    if (!f)
        return -1;
    int n = viewer_look(v, f, faces);
    int r = 0;
    if (n < 0) {
        r = err_set(e, n, "%s: cannot be looked at: %s", file, err_name(n));
    } else {
        if (a->common.json)
            print_json(file, f, faces, n);
        else
            print_text(file, faces, n);
        if (a->out)
            r = draw(a, written, file, f, faces, n, e);
    }
    frame_unref(f);
    return r;
}

static int all(struct viewer *v, const struct arguments *a)
{
    struct names written = {0};
    struct bar bar = {.what = "pictures", .total = (int64_t)a->files.n};
    bool quiet = a->files.n < 2 || isatty(STDOUT_FILENO);
    int code = CTL_OK;
    for (size_t i = 0; i < a->files.n; i++) {
        struct err e = {0};
        int r = one(v, a, &written, a->files.list[i], &e);
        bar_clear(&bar);
        if (r < 0)
            code = ctl_fail(CTL_FAILED, "image", "%s", e.text);
        if (!quiet)
            bar_show(&bar, (int64_t)i + 1);
    }
    bar_clear(&bar);
    free_names(&written);
    return code;
}

/* Before the models are loaded: is `-o` what it must be? */
static int check_output(const struct arguments *a, struct err *e)
{
    if (!a->out || is_folder(a->out))
        return 0;
    if (!a->folder && a->files.n == 1)
        return encode_knows(a->out)
                       ? 0
                       : err_set(e, -EINVAL, "%s: pictures are written as .jpg or .png", a->out);
    if (mkdir(a->out, 0777) == 0)
        return 0;
    return err_set(
            e, -errno, "%s: for several pictures a folder is needed: %s", a->out, err_name(errno));
}

int ctl_image(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
            .parser = parse,
            .children = ctl_common,
            .args_doc = "FILE...",
            .doc = "Find the faces in pictures, and estimate ages and genders. FILE may be a "
                   "folder. JPEG, PNG, WebP, BMP, TIFF and GIF are read."};
    struct arguments a = {0};
    ctl_parse(&argp, argc, argv, &a);
    struct conf *conf = ctl_conf("image", a.common.file);
    struct err e = {0};
    int code = conf ? CTL_OK : CTL_CONFIG;
    if (conf && check_output(&a, &e) < 0)
        code = ctl_fail(CTL_USAGE, "image", "%s", e.text);
    source_log_init();
    struct viewer *v = code == CTL_OK ? viewer_open(conf, &e) : NULL;
    if (v && a.tiles)
        viewer_use_tiles(v);
    if (v)
        code = all(v, &a);
    else if (code == CTL_OK)
        code = ctl_fail(CTL_FAILED, "image", "%s", e.text);
    viewer_close(v);
    conf_free(conf);
    free_names(&a.files);
    return code;
}
