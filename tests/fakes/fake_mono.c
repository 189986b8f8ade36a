#include "fake_mono.h"

#include "base/mono.h"

#include <stdatomic.h>
#include <time.h>

static atomic_int_fast64_t ahead;

void fake_mono_ahead(int64_t us)
{
    atomic_fetch_add(&ahead, us);
}

void fake_mono_reset(void)
{
    atomic_store(&ahead, 0);
}

static int64_t now(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * MONO_SECOND + ts.tv_nsec / 1000 + atomic_load(&ahead);
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

const char *mono_boot_id(void)
{
    return "";
}

void mono_sleep_us(int64_t us)
{
    fake_mono_ahead(us);
}
