/*
 * Preloaded into the daemon: while there is a file `wedge` in its runtime directory, a thread that
 * scales a picture - a worker - never comes back.
 */
#include <dlfcn.h>
#include <libswscale/swscale.h>
#include <unistd.h>

int sws_scale(struct SwsContext *c, const uint8_t *const src[], const int src_stride[], int y,
        int h, uint8_t *const dst[], const int dst_stride[])
{
    int (*real)(struct SwsContext *, const uint8_t *const[], const int[], int, int,
            uint8_t *const[], const int[]);
    *(void **)&real = dlsym(RTLD_NEXT, "sws_scale");
    while (access("/run/faced/wedge", F_OK) == 0)
        pause();
    return real(c, src, src_stride, y, h, dst, dst_stride);
}
