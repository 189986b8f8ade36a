/*
 * Preloaded into the daemon: while the file that SLOW_WHILE names exists, scaling a picture for the
 * detector takes a worker 120 ms more, in which it does nothing. So nine looks a second are too
 * much for it on any machine. A face's picture, which is smaller, takes no longer than else.
 */
#include <dlfcn.h>
#include <libswscale/swscale.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 640 /* of the detector's input */

int sws_scale(struct SwsContext *c, const uint8_t *const src[], const int src_stride[], int y,
        int h, uint8_t *const dst[], const int dst_stride[])
{
    int (*real)(struct SwsContext *, const uint8_t *const[], const int[], int, int,
            uint8_t *const[], const int[]);
    *(void **)&real = dlsym(RTLD_NEXT, "sws_scale");
    char thread[16] = "";
    const char *file = getenv("SLOW_WHILE");
    pthread_getname_np(pthread_self(), thread, sizeof(thread));
    bool detector = strncmp(thread, "infer", 5) == 0 && dst_stride[0] >= 3 * WIDTH;
    if (detector && file && access(file, F_OK) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 120000000}, NULL);
    return real(c, src, src_stride, y, h, dst, dst_stride);
}
