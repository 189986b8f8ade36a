#pragma once

#include "app/camera.h"

#include <stdatomic.h>
#include <stdbool.h>

/* A camera in the place of app/camera.c: what the pipeline asks of one. Threads: any. */
struct camera {
    atomic_bool online, file;
};
