#include "base/mono.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static char boot_id[37];
static pthread_once_t boot_once = PTHREAD_ONCE_INIT;

static int64_t now(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * MONO_SECOND + ts.tv_nsec / 1000;
}

int64_t mono_us(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t mono_boot_us(void)
{
    return now(CLOCK_BOOTTIME);
}

int64_t mono_wall_us(void)
{
    return now(CLOCK_REALTIME);
}

static void read_boot_id(void)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, boot_id, sizeof(boot_id) - 1) != (ssize_t)sizeof(boot_id) - 1)
        boot_id[0] = '\0';
    close(fd);
}

const char *mono_boot_id(void)
{
    pthread_once(&boot_once, read_boot_id);
    return boot_id;
}

void mono_sleep_us(int64_t us)
{
    if (us <= 0)
        return;
    struct timespec ts = {us / MONO_SECOND, us % MONO_SECOND * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}
