#include "source/local.h"

#include "source/origin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libavdevice/version.h>
#include <libavformat/avio.h>
#include <libavutil/macros.h>
#include <libavutil/mem.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define AVDEVICE "libavdevice.so." AV_STRINGIFY(LIBAVDEVICE_VERSION_MAJOR)
#define SNIFF    4096
#define BUFFER   32768

/* set before the thread that reads begins: a descriptor, or the negative errno of why not */
static int kept;
static bool keeps;

static enum source_fault unreadable(const char *path, int error, struct err *e)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        err_set(e, -ENOENT, "%.160s: no such file; check the path", path);
        return SOURCE_NOT_FOUND;
    case EACCES:
    case EPERM:
        err_set(e, -EACCES, "%.160s: may not be read by this user; check its permissions", path);
        return SOURCE_UNUSABLE;
    default:
        err_set(e, -error, "%.160s: cannot be read: %s", path, err_name(error));
        return SOURCE_BROKEN;
    }
}

static enum source_fault unusable(const char *path, const char *what, struct err *e)
{
    err_set(e, -EINVAL, "%.160s: %s, not a video; give a video file's path", path, what);
    return SOURCE_UNUSABLE;
}

/* Without O_NONBLOCK the open of a pipe waits for its writer. */
static int open_path(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

void local_keep(const char *path)
{
    kept = open_path(path);
    kept = kept < 0 ? -errno : kept;
    keeps = true;
}

/* At its beginning; or -1 with errno. */
static int open_again(const char *path)
{
    if (keeps && kept < 0) {
        errno = -kept;
        return -1;
    }
    int fd = keeps ? dup(kept) : open_path(path);
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

enum source_fault local_check_file(const char *path, struct err *e)
{
    struct stat st;
    unsigned char start[SNIFF];
    int fd = open_again(path);
    if (fd < 0)
        return unreadable(path, errno, e);
    enum source_fault fault = SOURCE_OK;
    if (fstat(fd, &st) < 0)
        fault = unreadable(path, errno, e);
    else if (S_ISDIR(st.st_mode))
        fault = unusable(path, "is a directory", e);
    else if (!S_ISREG(st.st_mode))
        fault = unusable(path, "is a device or a pipe", e);
    else if (st.st_size == 0)
        fault = unusable(path, "is empty", e);
    if (fault == SOURCE_OK) {
        ssize_t n = read(fd, start, sizeof(start));
        if (n < 0)
            fault = unreadable(path, errno, e);
        else if (origin_text_only(start, (size_t)n))
            fault = unusable(path, "is a text file", e);
    }
    close(fd);
    return fault;
}

/* ------------------------------------------------------------- for libav --- */

static int descriptor(void *opaque)
{
    return (int)(intptr_t)opaque;
}

static int on_read(void *opaque, uint8_t *buffer, int size)
{
    ssize_t n = read(descriptor(opaque), buffer, (size_t)size);
    return n > 0 ? (int)n : n == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t on_seek(void *opaque, int64_t offset, int whence)
{
    struct stat st;
    if (whence == AVSEEK_SIZE)
        return fstat(descriptor(opaque), &st) < 0 ? AVERROR(errno) : st.st_size;
    off_t at = lseek(descriptor(opaque), offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

AVIOContext *local_open(const char *path, int *ret_error)
{
    int fd = open_again(path);
    *ret_error = fd < 0 ? -errno : -ENOMEM;
    if (fd < 0)
        return NULL;
    uint8_t *buffer = av_malloc(BUFFER);
    void *opaque = (void *)(intptr_t)fd; // NOLINT(performance-no-int-to-ptr): it is no address
    AVIOContext *io =
            buffer ? avio_alloc_context(buffer, BUFFER, 0, opaque, on_read, NULL, on_seek) : NULL;
    if (!io) {
        av_free(buffer);
        close(fd);
    }
    return io;
}

void local_close(AVIOContext **io)
{
    if (!*io)
        return;
    close(descriptor((*io)->opaque));
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}

/* ------------------------------------------------------------- webcams --- */

/* Kept loaded for good: libav holds on to what is registered. */
static void *avdevice;

static void load_avdevice(void)
{
    avdevice = dlopen(AVDEVICE, RTLD_NOW | RTLD_LOCAL);
    void (*register_all)(void);
    *(void **)&register_all = avdevice ? dlsym(avdevice, "avdevice_register_all") : NULL;
    if (register_all)
        register_all();
}

enum source_fault local_check_webcam(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        err_set(e, -errno, "%.160s: no such device; is the webcam plugged in?", path);
        return SOURCE_UNREACHABLE;
    }
    if (!S_ISCHR(st.st_mode)) {
        err_set(e, -ENODEV, "%.160s: is not a video device; give /dev/videoN of a webcam", path);
        return SOURCE_UNUSABLE;
    }
    if (access(path, R_OK | W_OK) < 0) {
        err_set(e, -EACCES, "%.160s: may not be used by this user; add it to the group video",
                path);
        return SOURCE_UNUSABLE;
    }
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_avdevice);
    if (!avdevice) {
        err_set(e, -ENOENT, "%.120s: webcams need %s; install the package libavdevice%d", path,
                AVDEVICE, LIBAVDEVICE_VERSION_MAJOR);
        return SOURCE_UNUSABLE;
    }
    return SOURCE_OK;
}
